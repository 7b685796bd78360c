"""The books of the demonstration set: the catalogue, labels, a school's shelves, and two lists.

``books.csv`` and ``stories.csv`` are put together by ``scripts/gather_books.py``; ``SOURCES.md`` says out of what.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.booklists import service as booklists
from app.booklists.models import BookList
from app.booklists.schemas import BookListCreateIn
from app.books.additions.rows import read_batch
from app.books.models import Edition
from app.books.service import add_editions
from app.collections import queries, service
from app.collections.models import Collection
from app.collections.sync.plan import Plan, plan_changes
from app.collections.sync.rows import decode_rows
from app.collections.sync.terms import Terms
from app.core.account import Account
from app.labels.models import LabelOrigin
from app.labels.patching.bulk import patch_labelsets, read_items

COVERS = "https://covers.openlibrary.org/b/isbn/{}-M.jpg"
ORIGIN = LabelOrigin.OTHER.value
"""What the labels are from: a language model's tags, mapped by tables of our own."""
Row = Mapping[str, str]


def books() -> list[Row]:
    return list(_rows("books.csv"))


def stories() -> list[Row]:
    """What a library has without an ISBN."""
    return list(_rows("stories.csv"))


async def plant_catalogue(session: AsyncSession, planter: Account, labeller: Account) -> None:
    """Add the editions that are unknown, and label their works as far as nobody has said better."""
    rows = books()
    editions = json.dumps([_edition(row) for row in rows]).encode()
    await add_editions(session, planter, read_batch(editions, len(rows), is_admin=True), atomic=True)
    labels = json.dumps([{"isbn": row["isbn"], "patch_data": said} for row in rows if (said := _labels(row))])
    await patch_labelsets(session, labeller, read_items(labels.encode()), atomic=True)


async def plant_shelves(session: AsyncSession, planter: Account, collection: Collection) -> None:
    """Give a school what it lacks of the books, in a collection that may be about to be born."""
    plan = _holdings()
    known = await session.scalar(queries.collection_locked(Collection.school_id == collection.school_id))
    if known is None:
        await service.create(session, planter, collection, plan, Terms(atomic=True))
    else:
        await service.apply_changes(session, planter, known, plan, Terms(atomic=True))


async def plant_lists(session: AsyncSession, planter: Account, school_id: UUID, huey: UUID, school: UUID) -> None:
    """A list for everybody, and one of the school's; their ids are given."""
    funny = [row for row in books() if row["hues"].startswith("hue05_funny_comic") and _suits(row, 8)]
    brave = [row for row in books() if row["hues"].startswith("hue08_charming_courageous") and _suits(row, 9)]
    known = await session.execute(select(Edition.isbn, Edition.work_id))
    works: dict[str, int | None] = {row.isbn: row.work_id for row in known}
    lists: dict[UUID, dict[str, Any]] = {
        huey: {
            "name": "Laugh out loud",
            "type": "Huey",
            "sharing": "public",
            "slug": "laugh-out-loud",
            "info": {"description": "Funny books for readers of eight."},
            "items": _items(funny, works),
        },
        school: {
            "name": "Room 3 is brave",
            "type": "School",
            "sharing": "restricted",
            "school_id": school_id,
            "info": {"description": "Adventures for readers of nine."},
            "items": _items(brave, works),
        },
    }
    for id_, said in lists.items():
        given = BookListCreateIn.model_validate(said)
        booklist: BookList = booklists.unborn(planter, given)
        booklist.id = id_
        await booklists.create(session, planter, booklist, given)


def _rows(name: str) -> Iterator[Row]:
    with Path(__file__).with_name(name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


def _edition(row: Row) -> dict[str, Any]:
    return {
        "isbn": row["isbn"],
        "leading_article": row["leading_article"] or None,
        "title": row["title"],
        "series_name": row["series"] or None,
        "series_number": _number(row["series_number"]),
        "authors": [_person(name) for name in _parts(row["authors"])],
        "illustrators": [_person(name) for name in _parts(row["illustrators"])],
        "cover_url": COVERS.format(row["isbn"]),
        "info": {"pages": row["pages"] or None},
        "hydrated": True,
    }


def _labels(row: Row) -> dict[str, Any]:
    """What is said of a work, each group with its origin; nothing where nothing is known."""
    said: dict[str, Any] = {}
    if hues := _parts(row["hues"]):
        names = ("hue_primary_key", "hue_secondary_key", "hue_tertiary_key")
        said |= {**dict(zip(names, hues, strict=False)), "hue_origin": ORIGIN}
    if row["min_age"]:
        said |= {"min_age": int(row["min_age"]), "max_age": int(row["max_age"]), "age_origin": ORIGIN}
    if abilities := _parts(row["reading_abilities"]):
        said |= {"reading_ability_keys": abilities, "reading_ability_origin": ORIGIN}
    if row["recommend_status"]:
        said |= {"recommend_status": row["recommend_status"], "recommend_status_origin": ORIGIN}
    return said


def _holdings() -> Plan:
    held: list[dict[str, Any]] = [
        {"isbn": row["isbn"], "copies_total": int(row["copies"]), "copies_available": int(row["available"])}
        for row in books()
        if row["copies"] != "0"
    ]
    held += [{"info": {"title": story["title"], "author": story["authors"]}} for story in stories()]
    return plan_changes(decode_rows(json.dumps(held).encode(), len(held)), replacing=False)


def _suits(row: Row, age: int) -> bool:
    return bool(row["min_age"]) and int(row["min_age"]) <= age <= int(row["max_age"])


def _items(rows: Iterable[Row], works: Mapping[str, int | None]) -> Sequence[dict[str, Any]]:
    return [{"work_id": id_} for id_ in dict.fromkeys(works[row["isbn"]] for row in rows)][:12]


def _parts(cell: str) -> list[str]:
    return [part for part in cell.split("; ") if part]


def _number(cell: str) -> int | None:
    return int(cell) if cell else None


def _person(name: str) -> dict[str, str | None]:
    first, _, last = name.rpartition(" ")
    return {"first_name": first or None, "last_name": last}
