"""The rows of an addition: what a sender says of editions, judged row by row before the database is asked."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
from pydantic import ValidationError

from app.books.additions.schemas import EditionRow
from app.books.schemas import EditionCreateIn, EditionData
from app.core.errors import FieldError, Invalid, MalformedJson, Problem, TooLarge, unknown_field
from app.core.isbn import understand
from app.core.strict_json import parse_json

KNOWN_FIELDS = frozenset(EditionRow.model_fields)
ISBN_ONLY = {"isbn"}
MAX_SENT = 100
"""Characters of a sent ISBN that the report repeats."""


class Addition(NamedTuple):
    """What one row says of an edition: its number and those of its relatives, and perhaps data."""

    row: int
    isbn: int
    others: tuple[int, ...] = ()
    data: EditionData | None = None
    is_hearsay: bool = False
    """By somebody who was asked about the book: what a person said or undid weighs more."""

    @property
    def isbns(self) -> tuple[int, ...]:
        return (self.isbn, *self.others)

    @property
    def work_id(self) -> int | None:
        """The work that the row names."""
        return None if self.data is None else self.data.work_id

    def of_work(self, work_id: int) -> "Addition":
        """The same, of another work."""
        return self if self.data is None else self._replace(data=self.data.model_copy(update={"work_id": work_id}))


class Note(NamedTuple):
    """What there is to say about a row. One that ``rejects`` tells why nothing of the row was used."""

    code: str
    hint: str
    rejects: bool = False


@dataclass(slots=True)
class Batch:
    """The rows of a request that can be used, and what is to be said about any, by index."""

    received: int
    additions: list[Addition] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    sent: dict[int, Any] = field(default_factory=dict)
    """ISBNs as they were sent, where they were not plain."""


def addition_of(data: EditionCreateIn, row: int = 0, *, is_hearsay: bool = False) -> Addition:
    """What a single, valid request adds."""
    isbn, others = int(data.isbn), map(int, data.other_isbns or ())
    return Addition(row, isbn, _relatives(isbn, others), data, is_hearsay)


def forbidden_fields(data: EditionData, *, is_admin: bool) -> list[FieldError]:
    """The fields of an addition that its sender may not write."""
    faults = []
    if data.labelset is not None:
        faults.append(FieldError("/labelset", "field_forbidden", "Labels are not written with an edition."))
    if data.work_id is not None and not is_admin:
        faults.append(FieldError("/work_id", "field_forbidden", "Only an admin may name the work."))
    return faults


def read_batch(body: bytes, limit: int, *, is_admin: bool) -> Batch:
    """The rows of a JSON array. One bad row costs only itself; a body that is no array of at most ``limit`` rows is
    refused."""
    try:
        rows = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(f"The body is not JSON: {error}.") from None
    if not isinstance(rows, list):
        raise Invalid(errors=[FieldError("", "list_type", "Send an array of editions.")])
    if len(rows) > limit:
        raise TooLarge(f"{len(rows):,} rows are more than the {limit:,} that one request may carry.")
    batch = Batch(len(rows))
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            _read_row(batch, index, row, is_admin)
        else:
            batch.notes[index] = Note("invalid_row", "A row is a JSON object.", rejects=True)
    return batch


def _read_row(batch: Batch, index: int, row: dict[str, Any], is_admin: bool) -> None:
    sent = row.get("isbn")
    isbn, code, hint, others = understand(sent)
    if code is not None:
        batch.notes[index] = Note(code, hint or "", rejects=isbn is None)
        batch.sent[index] = _as_sent(sent)
    if isbn is None:
        return
    if row.keys() == ISBN_ONLY and not others:
        batch.additions.append(Addition(index, isbn))
        return
    try:
        data = _read_data(row)
    except Problem as refusal:
        fault = next(iter(refusal.errors), None)
        batch.notes[index] = Note("invalid_row", f"{fault.pointer}: {fault.detail}" if fault else refusal.detail, True)
        return
    if faults := forbidden_fields(data, is_admin=is_admin):
        batch.notes[index] = Note("field_forbidden", f"{faults[0].pointer}: {faults[0].detail}", rejects=True)
        return
    if unknown := row.keys() - KNOWN_FIELDS:
        name = min(unknown)
        detail = unknown_field(KNOWN_FIELDS, name).detail
        batch.notes.setdefault(index, Note("unknown_field_ignored", f"`{name[:60]}` was ignored. {detail}"))
    relatives = _relatives(isbn, (*others, *_understood(batch, index, data.other_isbns or ())))
    batch.additions.append(Addition(index, isbn, relatives, data if relatives or _says_something(data) else None))


def _as_sent(isbn: Any) -> str | float | None:
    """An ISBN as the report repeats it."""
    if isinstance(isbn, str):
        return isbn[:MAX_SENT]
    return isbn if isinstance(isbn, int | float) and not isinstance(isbn, bool) else None


def _read_data(row: dict[str, Any]) -> EditionRow:
    """A row as strictly read as an ordinary body, but for fields that are not known."""
    try:
        return EditionRow.model_validate(parse_json(msgspec.json.encode(row)))
    except RecursionError:
        raise Invalid("Objects and lists nest too deep.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/" + "/".join(str(part) for part in first["loc"])
        raise Invalid(errors=[FieldError(place, first["type"], first["msg"])]) from None


def _says_something(data: EditionRow) -> bool:
    return any(
        getattr(data, name) not in (None, []) and getattr(data, name) is not False
        for name in data.model_fields_set - {"isbn", "other_isbns"}
    )


def _understood(batch: Batch, index: int, values: Iterable[Any]) -> list[int]:
    """The ISBNs among values; the first that is none is noted."""
    found = []
    for value in values:
        isbn, code, hint, _ = understand(value)
        if isbn is not None:
            found.append(isbn)
        else:
            batch.notes.setdefault(index, Note(code or "", f"In `other_isbns`: {hint}"))
    return found


def _relatives(isbn: int, others: Iterable[int]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(other for other in others if other != isbn))
