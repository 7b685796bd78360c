"""The bodies of bulk changes as library systems send them, and the same changes as clean rows for COPY."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from bench import isbns

SEED = 70
INFO = {"title": "A Library's Own Title", "other": {"shelf": "J FIC", "barcode": "T0000001"}}


@dataclass(frozen=True, slots=True)
class Mixture:
    """A change of ``size`` rows: 70 % add known books, 10 % unknown ones, 10 % update and 10 % remove holdings.

    20 % of the rows carry info, 20 % name their book by a hyphenated ISBN or an ISBN-10. ``block`` chooses unknown
    ISBNs that no other mixture of the run has.
    """

    size: int
    block: int

    @property
    def held(self) -> list[int]:
        """The ISBNs that the collection has to hold before."""
        return [isbns.known(number) for number in range(max(2, self.size // 5))]

    def rows(self) -> list[dict[str, Any]]:
        """The rows in clean words; without an action, a book is added."""
        held = self.held
        rows: list[dict[str, Any]] = []
        for place in range(self.size):
            kind, ten = place % 10, place // 10
            row: dict[str, Any] = {"edition_isbn": isbns.known(len(held) + place)}
            if kind == 7:
                row = {"edition_isbn": isbns.unknown(self.block, place)}
            elif kind == 8:
                row = {"edition_isbn": held[2 * ten], "action": "update", "copies_total": 4, "copies_available": 4}
            elif kind == 9:
                row = {"edition_isbn": held[2 * ten + 1], "action": "remove"}
            if kind < 8 and place % 3:
                row |= {"copies_total": 2, "copies_available": 1}
            if ten % 5 == 0 and kind != 9:
                row["info"] = INFO
            rows.append(row)
        random.Random(SEED).shuffle(rows)
        return rows

    def body(self) -> bytes:
        """The PATCH of these rows."""
        return msgspec.json.encode({"items": [_dressed(place, row) for place, row in enumerate(self.rows())]})

    def clean(self) -> str:
        """The rows in COPY's text format: isbn, action, total, available, info."""
        return "".join(map(_line, self.rows()))


def whole(size: int) -> bytes:
    """The replacement of everything by these many known books, two copies each."""
    rows = [{"edition_isbn": str(isbns.known(number)), "copies_total": 2} for number in range(size)]
    random.Random(SEED).shuffle(rows)
    return msgspec.json.encode(rows)


def _dressed(place: int, row: dict[str, Any]) -> dict[str, Any]:
    isbn: int = row["edition_isbn"]
    dresses: Sequence[Any] = (isbns.hyphenated, isbns.of_ten, *[str] * 8)
    return {**row, "edition_isbn": dresses[place % 10](isbn)}


def _line(row: dict[str, Any]) -> str:
    info = msgspec.json.encode(row["info"]).decode() if "info" in row else r"\N"
    total, available = row.get("copies_total", r"\N"), row.get("copies_available", r"\N")
    return f"{row['edition_isbn']}\t{row.get('action', 'add')[0]}\t{total}\t{available}\t{info}\n"
