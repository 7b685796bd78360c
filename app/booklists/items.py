"""What is on a list: edited in a handful of statements, and shown as JSON put together from what the database says."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.booklists import queries
from app.booklists.models import BookList
from app.booklists.order import Edit, ItemUpdateType, NotOnTheList, difference, edited
from app.booklists.schemas import LONGEST_LIST, BookListItemCreateIn, BookListItemUpdateIn
from app.books.merging.redirects import current_ids
from app.books.models import MergeKind
from app.books.schemas import EditionDetail
from app.books.service import describe_editions
from app.core.aside import MANY_ROWS, array_of, aside, json_of
from app.core.db import driver_of
from app.core.errors import FieldError, Invalid, QuotaExceeded, pointer
from app.core.isbn import display


class Shown(NamedTuple):
    """A page of works as JSON objects, how many there are, and the last one's position."""

    rows: list[str]
    total: int
    last: tuple[int] | None


async def edit_items(
    session: AsyncSession, booklist: BookList, items: Sequence[BookListItemCreateIn | BookListItemUpdateIn]
) -> bool:
    """Edit what is on a list whose row is locked, in at most six statements; whether that changed anything.

    The id of a work that was merged into another leads to that one.
    """
    if not items:
        return False
    driver = driver_of(session)
    current = await current_ids(session, MergeKind.WORK, [item.work_id for item in items])
    before = dict(await (await driver.execute(queries.ORDER, [booklist.id])).fetchall())
    try:
        after = edited(before, (_edit_of(item, current) for item in items))
    except NotOnTheList as error:
        hint = "The work is not on the list: add it."
        fault = FieldError(pointer("items", error.index, "work_id"), "not_on_list", hint)
        raise Invalid(hint, errors=[fault]) from None
    if len(after) > LONGEST_LIST:
        raise QuotaExceeded(f"A list holds at most {LONGEST_LIST:,} works.")
    changes = difference(before, after)
    if changes.new:
        wanted = array_of(row["work_id"] for row in changes.new)
        known = {row[0] for row in await (await driver.execute(queries.WORKS_KEPT, [wanted])).fetchall()}
        _refuse_unknown(items, current, {row["work_id"] for row in changes.new} - known)
    if changes.gone:
        await driver.execute(queries.TAKE_OUT, [booklist.id, array_of(changes.gone)])
    if changes.changed:
        await driver.execute(queries.MOVE, [json_of(changes.changed), booklist.id])
    if changes.new:
        await driver.execute(queries.PUT_IN, [booklist.id, json_of(changes.new)])
    return bool(changes)


async def show_items(
    session: AsyncSession, booklist: BookList, *, enriched: bool, after: Sequence[Any] | None, skip: int, limit: int
) -> Shown:
    """A page of a list. ``enriched``: each with an edition, in one more statement; works without one are left out."""
    driver = driver_of(session)
    rows = await queries.items(driver, booklist.id, enriched=enriched, after=after, skip=skip, limit=limit)
    last = (rows[-1][0],) if rows else None
    if not enriched:
        return Shown([f"{_members(row)}}}" for row in rows], booklist.book_count, last)
    editions = await describe_editions(session, (row[4] for row in rows if row[4] is not None))
    total = await queries.number_with_editions(driver, booklist.id)
    return Shown(await aside(len(rows) > MANY_ROWS, _with_editions, rows, editions), total, last)


async def compare_items(
    session: AsyncSession,
    booklist: BookList,
    collection_id: UUID,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> Shown:
    """A page of a list, each work with the ISBNs under which a collection holds it."""
    driver = driver_of(session)
    rows = await queries.compared(driver, booklist.id, collection_id, after=after, skip=skip, limit=limit)
    shown = [
        f'{{"in_collection":{"true" if isbns else "false"},"work_id":"{work_id}","work_brief":{work},'
        f'"editions_in_collection":{msgspec.json.encode([display(isbn) for isbn in isbns]).decode()}}}'
        for _, work_id, work, isbns in rows
    ]
    return Shown(shown, booklist.book_count, (rows[-1][0],) if rows else None)


def _members(row: queries.ItemRow) -> str:
    """An item's JSON object, not yet closed."""
    order_id, work_id, info, work, _ = row
    return f'{{"order_id":{order_id},"work_id":{work_id},"info":{info or "null"},"work":{work}'


def _with_editions(rows: Sequence[queries.ItemRow], editions: dict[int, EditionDetail]) -> list[str]:
    return [f'{_members(row)},"edition":{editions[row[4]].model_dump_json()}}}' for row in rows if row[4] in editions]


def _edit_of(item: BookListItemCreateIn | BookListItemUpdateIn, current: Mapping[int, int]) -> Edit:
    info = None if item.info is None else item.info.model_dump(mode="json", exclude_unset=True)
    action = item.action if isinstance(item, BookListItemUpdateIn) else ItemUpdateType.ADD
    return Edit(action, current[item.work_id], item.order_id, info if "info" in item.model_fields_set else False)


def _refuse_unknown(
    items: Sequence[BookListItemCreateIn], current: Mapping[int, int], unknown: Collection[int]
) -> None:
    if unknown:
        raise Invalid(
            f"{len(unknown)} of the works do not exist; nothing was written.",
            errors=[
                FieldError(pointer("items", index, "work_id"), "not_found", "There is no such work.")
                for index, item in enumerate(items)
                if current[item.work_id] in unknown
            ],
        )
