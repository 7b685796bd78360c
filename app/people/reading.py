"""What a reader's detail shows of the reader's booklists. Their domain stands above this one: the table is joined by
name, and who may see the reader in full sees these."""

from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Row, Select, String, Uuid, and_, column, func, or_, select, table
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.schemas import JsonObject

MOST_LISTS = 5
READ_NOW = "Books To Read Now"
READ_NEXT = "Books To Read Next"
READ_BOOKS = "Books I've Read"
FAVORITE_BOOKS = "My Favourite Books"
SUGGESTED_BOOKS = "Suggested Books"
SPECIAL = (READ_NOW, READ_NEXT, READ_BOOKS, FAVORITE_BOOKS, SUGGESTED_BOOKS)

BOOK_LISTS = table(
    "book_lists",
    column("id", Uuid),
    column("name", String),
    column("type", String),
    column("book_count", Integer),
    column("user_id", Uuid),
    column("created_at"),
)


def lists_shown(reader_id: UUID) -> Select[Any]:
    """The reader's newest lists, and of each special name the newest list, with whether it is one of either."""
    newest_first = (BOOK_LISTS.c.created_at.desc(), BOOK_LISTS.c.id.desc())
    ranked = (
        select(
            *BOOK_LISTS.c,
            func.row_number().over(order_by=newest_first).label("place"),
            func.row_number().over(partition_by=BOOK_LISTS.c.name, order_by=newest_first).label("place_of_name"),
        )
        .where(BOOK_LISTS.c.user_id == reader_id)
        .subquery()
    )
    special = and_(ranked.c.name.in_(SPECIAL), ranked.c.place_of_name == 1)
    return (
        select(ranked.c.id, ranked.c.name, ranked.c.type, ranked.c.book_count, ranked.c.place, special.label("special"))
        .where(or_(ranked.c.place <= MOST_LISTS, special))
        .order_by(ranked.c.place)
    )


async def lists_of(session: AsyncSession, reader_id: UUID) -> JsonObject:
    """The members `booklists` (the newest five), `reading_path` and `special_lists` of a reader's detail, in one
    statement; each list as id, name, type and book_count, and None where a reader has none of a special name."""
    rows = (await session.execute(lists_shown(reader_id))).all()
    named = {row.name: _brief(row) for row in rows if row.special}
    return {
        "booklists": [_brief(row) for row in rows if row.place <= MOST_LISTS],
        "reading_path": {"read_now": named.get(READ_NOW), "read_next": named.get(READ_NEXT)},
        "special_lists": {
            "read_books": named.get(READ_BOOKS),
            "favorite_books": named.get(FAVORITE_BOOKS),
            "suggested_books": named.get(SUGGESTED_BOOKS),
        },
    }


def _brief(row: Row[Any]) -> JsonObject:
    return {"id": row.id, "name": row.name, "type": row.type, "book_count": row.book_count}
