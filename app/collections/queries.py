"""Selects on collections that are worth a name."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, select

from app.collections.models import Collection
from app.core.aside import array_of
from app.core.db import Driver, Transaction
from app.core.text import fold

ItemRow = tuple[int, int, int, str | None, int | None, str | None, str]
"""id, copies_total, copies_available, info as JSON, ISBN, the edition's fragment, sort title."""


@dataclass(frozen=True, slots=True)
class CollectionRow:
    """A collection that is only read, under the rules of `Collection`: one plain statement, a tenth of an object's
    cost."""

    id: UUID
    name: str
    school_id: UUID | None
    user_id: UUID | None
    item_count: int
    version: int
    updated_at: datetime

    __acl__ = Collection.__acl__
    __resource__ = Collection

    @property
    def is_school_owned(self) -> bool:
        return self.school_id is not None


_COLLECTION = b"SELECT id, name, school_id, user_id, item_count, version, updated_at FROM collections WHERE "
_ITEM = """SELECT i.id, i.copies_total, i.copies_available, i.info::text, i.edition_isbn, e.brief, i.sort_title
             FROM collection_items i LEFT JOIN editions e ON e.isbn = i.edition_isbn WHERE """
_ON_SHELF = "i.collection_id = %s AND i.withdrawn_at IS NULL"
_BEGINS_A_WORD = " AND ' ' || i.sort_title LIKE %s"
_ONE_OF = " AND i.id = ANY(%s::int[])"
_AFTER = " AND (i.sort_title, i.id) > (%s, %s)"


def collection_locked(which: ColumnElement[bool]) -> Select[Collection]:
    """A collection that is about to be changed: whoever else changes it waits for the end of this transaction."""
    return select(Collection).where(which).with_for_update()


async def collection_row(transaction: Transaction, collection_id: UUID) -> CollectionRow | None:
    """A collection to be read."""
    return await _collection_row(transaction, b"id = %s", collection_id)


async def collection_row_of_school(transaction: Transaction, school_id: UUID) -> CollectionRow | None:
    """A school's collection to be read."""
    return await _collection_row(transaction, b"school_id = %s", school_id)


async def _collection_row(transaction: Transaction, which: bytes, identifier: UUID) -> CollectionRow | None:
    row = await transaction.row(_COLLECTION + which, [identifier])
    return None if row is None else CollectionRow(*row)


async def shelf(
    driver: Driver,
    collection_id: UUID,
    *,
    query: str | None,
    ids: Iterable[int] | None = None,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> list[ItemRow]:
    """A page of holdings, or of those with these ids, in the order of their titles; ``after`` is the sort title and
    id of the last one seen."""
    words, chosen = _words(query), _chosen(ids)
    parameters = [collection_id, *words, *chosen, *(after or ()), limit, skip]
    return await (await driver.execute(_page(len(words), len(chosen), after is not None), parameters)).fetchall()


async def number_on_shelf(
    driver: Driver, collection_id: UUID, query: str | None, ids: Iterable[int] | None = None
) -> int:
    """How many holdings, or of those with these ids, have a title in which every word of ``query`` begins a word."""
    words, chosen = _words(query), _chosen(ids)
    statement = _count(len(words), len(chosen))
    row = await (await driver.execute(statement, [collection_id, *words, *chosen])).fetchone()
    return 0 if row is None else int(row[0])


async def holding(driver: Driver, collection_id: UUID, isbn: int) -> ItemRow | None:
    """The holding of one edition."""
    statement = "".join((_ITEM, _ON_SHELF, " AND i.edition_isbn = %s")).encode()
    return await (await driver.execute(statement, [collection_id, isbn])).fetchone()


async def holding_by_id(driver: Driver, item_id: int) -> ItemRow | None:
    """A holding, also one that was withdrawn."""
    return await (await driver.execute("".join((_ITEM, "i.id = %s")).encode(), [item_id])).fetchone()


async def newest_holding(driver: Driver, collection_id: UUID) -> ItemRow | None:
    """The holding that was added last."""
    statement = "".join((_ITEM, _ON_SHELF, " ORDER BY i.id DESC LIMIT 1")).encode()
    return await (await driver.execute(statement, [collection_id])).fetchone()


def _words(query: str | None) -> list[str]:
    """LIKE patterns; folding leaves no wildcard in them."""
    return [f"% {word}%" for word in fold(query or "").split()]


def _chosen(ids: Iterable[int] | None) -> list[str]:
    return [] if ids is None else [array_of(ids)]


@cache
def _page(words: int, chosen: int, after: bool) -> bytes:
    order = " ORDER BY i.sort_title, i.id LIMIT %s OFFSET %s"
    return "".join((_ITEM, _ON_SHELF, _BEGINS_A_WORD * words, _ONE_OF * chosen, _AFTER * after, order)).encode()


@cache
def _count(words: int, chosen: int) -> bytes:
    start = "SELECT count(*) FROM collection_items i WHERE "
    return "".join((start, _ON_SHELF, _BEGINS_A_WORD * words, _ONE_OF * chosen)).encode()
