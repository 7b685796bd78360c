"""What a reader's detail shows of the reader's booklists. Their domain stands above this one: the table is joined by
name, and who may see the reader in whole sees these."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, ScalarSelect, String, Uuid, column, func, or_, select, table

from app.core.schemas import JsonObject
from app.people.schemas import ReadingPath, SpecialLists

MOST_LISTS = 5
NOW_AND_NEXT = {"read_now": "Books To Read Now", "read_next": "Books To Read Next"}
SPECIAL = {
    "read_books": "Books I've Read",
    "favorite_books": "My Favourite Books",
    "suggested_books": "Suggested Books",
}
NAMES = {**NOW_AND_NEXT, **SPECIAL}.values()

BOOK_LISTS = table(
    "book_lists",
    column("id", Uuid),
    column("name", String),
    column("type", String),
    column("book_count", Integer),
    column("user_id", Uuid),
    column("created_at"),
)


def lists_of(person_id: UUID) -> ScalarSelect[Any]:
    """Somebody's newest lists, and of each special name the newest, as a JSON array from the newest on; `place` and
    `place_of_name` count from 1. NULL where there are none."""
    newest_first = (BOOK_LISTS.c.created_at.desc(), BOOK_LISTS.c.id.desc())
    ranked = (
        select(
            *(BOOK_LISTS.c[name] for name in ("id", "name", "type", "book_count")),
            func.row_number().over(order_by=newest_first).label("place"),
            func.row_number().over(partition_by=BOOK_LISTS.c.name, order_by=newest_first).label("place_of_name"),
        )
        .where(BOOK_LISTS.c.user_id == person_id)
        .subquery()
    )
    shown = ranked.c.place_of_name == 1, ranked.c.name.in_(NAMES)
    chosen = (
        select(func.to_jsonb(ranked.table_valued()).label("one"))
        .where(or_(ranked.c.place <= MOST_LISTS, shown[0] & shown[1]))
        .order_by(ranked.c.place)
        .subquery()
    )
    return select(func.jsonb_agg(chosen.c.one)).scalar_subquery()


def members_of(lists: Iterable[JsonObject]) -> JsonObject:
    """The members `booklists`, `reading_path` and `special_lists` of a reader's detail, given `lists_of`."""
    found = list(lists)
    named = {one["name"]: one for one in found if one["place_of_name"] == 1}
    return {
        "booklists": [one for one in found if one["place"] <= MOST_LISTS],
        "reading_path": ReadingPath(**{key: named.get(name) for key, name in NOW_AND_NEXT.items()}),
        "special_lists": SpecialLists(**{key: named.get(name) for key, name in SPECIAL.items()}),
    }
