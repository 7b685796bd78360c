"""Selects on booklists that are worth a name."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from app.accounts.models import User
from app.booklists.models import BookList, ListSharingType
from app.core.acl_sql import allowed
from app.core.db import Driver
from app.people.schemas import ListType
from app.schools.models import School

ItemRow = tuple[int, int, str | None, str, int | None]
"""Position, work's id, info and work as JSON, the ISBN of the edition to show."""
ComparedRow = tuple[int, int, str, list[int]]
"""Position, work's id, the work as JSON, ISBNs of its editions that are held."""

_WORK_BRIEF = """
    'id', w.id::text, 'type', w.type, 'leading_article', w.leading_article, 'title', w.title, 'subtitle', w.subtitle,
    'authors', ARRAY(SELECT jsonb_build_object('id', a.id::text, 'first_name', a.first_name, 'last_name', a.last_name)
                       FROM author_works aw JOIN authors a ON a.id = aw.author_id
                      WHERE aw.work_id = w.id ORDER BY a.id)"""
_LABELS = """
    (SELECT jsonb_build_object(
                'id', l.id::text, 'work_id', l.work_id::text, 'min_age', l.min_age, 'max_age', l.max_age,
                'huey_summary', l.huey_summary,
                'hues', ARRAY(SELECT jsonb_build_object('id', h.id::text, 'key', h.key, 'name', h.name)
                                FROM labelset_hues lh JOIN hues h ON h.id = lh.hue_id
                               WHERE lh.labelset_id = l.id ORDER BY lh.ordinal),
                'reading_abilities', ARRAY(SELECT jsonb_build_object('id', r.id::text, 'key', r.key, 'name', r.name)
                                             FROM labelset_reading_abilities lr
                                             JOIN reading_abilities r ON r.id = lr.reading_ability_id
                                            WHERE lr.labelset_id = l.id ORDER BY r.id))
       FROM labelsets l WHERE l.work_id = w.id)"""
_FEATURED = """
  JOIN LATERAL (SELECT e.isbn, e.cover_url FROM editions e WHERE e.work_id = w.id
                 ORDER BY e.cover_url DESC NULLS LAST, e.date_published DESC NULLS LAST, e.isbn LIMIT 1) AS featured
       ON true"""
"""The edition that stands for a work."""

_OF_LIST = """
 WHERE b.booklist_id = %s AND b.order_id > %s
 ORDER BY b.order_id LIMIT %s OFFSET %s"""
_WORKS = """
  FROM book_list_works b JOIN works w ON w.id = b.work_id"""
_SHOWN = "".join(
    (
        "SELECT b.order_id, b.work_id, b.info::text, jsonb_build_object(",
        _WORK_BRIEF,
        ", 'labelset', ",
        _LABELS,
        ", 'cover_url', featured.cover_url)::text, ",
        "coalesce((SELECT e.isbn FROM editions e",
        "           WHERE e.isbn = (b.info ->> 'edition')::bigint AND e.work_id = w.id), featured.isbn)",
        _WORKS,
    )
)
_COMPARED = "".join(
    (
        "SELECT b.order_id, b.work_id, jsonb_build_object(",
        _WORK_BRIEF,
        ")::text, ",
        "ARRAY(SELECT e.isbn FROM editions e JOIN collection_items i ON i.edition_isbn = e.isbn",
        "       WHERE e.work_id = w.id AND i.collection_id = %s AND i.withdrawn_at IS NULL ORDER BY e.isbn)",
        _WORKS,
    )
)
ITEMS = f"{_SHOWN} LEFT{_FEATURED}{_OF_LIST}".encode()
"""A page of a list."""
ITEMS_WITH_EDITIONS = f"{_SHOWN}{_FEATURED}{_OF_LIST}".encode()
"""The same without the works that have no edition to show."""
COMPARED = f"{_COMPARED}{_OF_LIST}".encode()
"""A page of a list, and what a collection holds of it."""
WORKS_WITH_EDITIONS = b"""
SELECT count(*) FROM book_list_works b
 WHERE b.booklist_id = %s AND EXISTS (SELECT FROM editions e WHERE e.work_id = b.work_id)"""

ORDER = b"SELECT work_id, info FROM book_list_works WHERE booklist_id = %s ORDER BY order_id"
WORKS_KEPT = b"SELECT id FROM works WHERE id = ANY(%s::int[]) ORDER BY id FOR KEY SHARE"
"""Those of these works that there are; they stay until the transaction ends."""
TAKE_OUT = b"DELETE FROM book_list_works WHERE booklist_id = %s AND work_id = ANY(%s::int[])"
MOVE = b"""
UPDATE book_list_works AS b SET order_id = n.order_id, info = n.info
  FROM jsonb_to_recordset(%s::jsonb) AS n(work_id int, order_id int, info jsonb)
 WHERE b.booklist_id = %s AND b.work_id = n.work_id"""
PUT_IN = b"""
INSERT INTO book_list_works (booklist_id, work_id, order_id, info)
SELECT %s, n.work_id, n.order_id, n.info
  FROM jsonb_to_recordset(%s::jsonb) AS n(work_id int, order_id int, info jsonb)"""


def briefs() -> Select[Any]:
    """What every list shows of itself, with the names of its owner."""
    return (
        select(
            BookList.id,
            BookList.name,
            BookList.type,
            BookList.book_count,
            BookList.created_at,
            BookList.updated_at,
            BookList.sharing,
            BookList.slug,
            BookList.info,
            BookList.user_id,
            BookList.school_id,
            User.type.label("user_type"),
            User.name.label("user_name"),
            School.name.label("school_name"),
        )
        .outerjoin(User, User.id == BookList.user_id)
        .outerjoin(School, School.wriveted_identifier == BookList.school_id)
    )


def lists_matching(
    principals: Collection[str], kind: ListType | None, sharing: ListSharingType | None
) -> list[ColumnElement[bool]]:
    """The lists that the caller may read, of this type and sharing."""
    clauses = [allowed(BookList, "read", principals)]
    if kind is not None:
        clauses.append(BookList.type == kind)
    if sharing is not None:
        clauses.append(BookList.sharing == sharing)
    return clauses


def page_of(which: list[ColumnElement[bool]], *, after: Sequence[Any] | None, skip: int, limit: int) -> Select[Any]:
    """A page of lists, the newest first; ``after`` is the (created_at, id) of the last one seen."""
    page = briefs().where(*which).order_by(BookList.created_at.desc(), BookList.id.desc()).offset(skip).limit(limit)
    if after is None:
        return page
    created_at, id_ = after
    return page.where(tuple_(BookList.created_at, BookList.id) < (datetime.fromisoformat(created_at), UUID(id_)))


def number_of(which: list[ColumnElement[bool]]) -> Select[int]:
    return select(func.count()).select_from(BookList).where(*which)


def list_locked(list_id: UUID) -> Select[BookList]:
    """A list that is about to be changed, as it is now: whoever else changes it waits."""
    return (
        select(BookList)
        .where(BookList.id == list_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )


async def items(
    driver: Driver, list_id: UUID, *, enriched: bool, after: Sequence[Any] | None, skip: int, limit: int
) -> list[ItemRow]:
    """A page of a list in its order; ``after`` is the position of the last one seen."""
    statement = ITEMS_WITH_EDITIONS if enriched else ITEMS
    return await (await driver.execute(statement, [list_id, after[0] if after else -1, limit, skip])).fetchall()


async def compared(
    driver: Driver, list_id: UUID, collection_id: UUID, *, after: Sequence[Any] | None, skip: int, limit: int
) -> list[ComparedRow]:
    """A page of a list beside what a collection holds of it."""
    values = [collection_id, list_id, after[0] if after else -1, limit, skip]
    return await (await driver.execute(COMPARED, values)).fetchall()


async def number_with_editions(driver: Driver, list_id: UUID) -> int:
    row = await (await driver.execute(WORKS_WITH_EDITIONS, [list_id])).fetchone()
    return 0 if row is None else int(row[0])
