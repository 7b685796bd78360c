"""What a request about collections carries: the collection it names, the rows it brings and the terms it sets."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Header, Query, Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import joinedload

from app.collections import queries, service
from app.collections.activity import Reading, reading_of
from app.collections.models import Collection, CollectionItem
from app.collections.queries import CollectionRow
from app.collections.schemas import CollectionItemActivityBase
from app.collections.sync.plan import Plan, plan_changes
from app.collections.sync.rows import Body, Delta, Whole, decode_body, decode_rows
from app.collections.sync.terms import Terms
from app.core.acl import may
from app.core.aside import MANY_BYTES, aside
from app.core.db import RequestTransaction, Session, Transaction
from app.core.errors import FieldError, Forbidden, Invalid, NotFound, PreconditionFailed, pointer
from app.core.guards import Caller, Permission, read_credential
from app.core.idempotency import Idempotent
from app.core.requests import RawBody
from app.schools.models import School

IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="The collection's ETag as last read; 412 if it has changed since."),
]


async def get_collection(collection_id: UUID, transaction: RequestTransaction) -> CollectionRow:
    collection = await queries.collection_row(transaction, collection_id)
    if collection is None:
        raise NotFound("There is no such collection.")
    return collection


async def get_changeable(
    permitted: Annotated[CollectionRow, Permission("update", get_collection)],
    once: Idempotent,
    transaction: RequestTransaction,
    if_match: IfMatch = None,
) -> Collection:
    """A collection that the caller may change, under a lock: those who change one do so one after the other.

    In this order: who may not change it neither waits for its lock nor learns its version, and a retry is answered
    before it is asked what it has seen, which its first attempt may have changed.
    """
    return await _locked(transaction, permitted.id, if_match)


async def get_deletable(
    permitted: Annotated[CollectionRow, Permission("delete", get_collection)],
    transaction: RequestTransaction,
    if_match: IfMatch = None,
) -> Collection:
    """The same, to delete it."""
    return await _locked(transaction, permitted.id, if_match)


async def get_school_collection(
    wriveted_identifier: UUID, transaction: RequestTransaction
) -> CollectionRow | Collection:
    """A school's collection; an empty one about to be born where it has none yet."""
    found = await queries.collection_row_of_school(transaction, wriveted_identifier)
    return found or await _unborn(transaction.session, wriveted_identifier)


async def get_school_changeable(
    permitted: Annotated[CollectionRow | Collection, Permission("update", get_school_collection)],
    once: Idempotent,
    transaction: RequestTransaction,
    if_match: IfMatch = None,
) -> Collection:
    """The same of a school, whose collection may not be born yet."""
    if not isinstance(permitted, Collection):
        return await _locked(transaction, permitted.id, if_match)
    await transaction.allow_bulk()
    if if_match is not None:
        raise PreconditionFailed("The school has no collection yet.")
    return permitted


async def _locked(transaction: Transaction, collection_id: UUID, if_match: str | None) -> Collection:
    await transaction.allow_bulk()
    collection = await transaction.session.scalar(queries.collection_locked(Collection.id == collection_id))
    if collection is None:
        raise NotFound("There is no such collection.")
    service.require_version(collection, if_match)
    return collection


async def _unborn(session: AsyncSession, school_id: UUID) -> Collection:
    name = await session.scalar(select(School.name).where(School.wriveted_identifier == school_id))
    if name is None:
        raise NotFound("There is no such school.")
    return Collection(name=f"{name} library"[:200], school_id=school_id, item_count=0)


async def get_item_to_read(collection_item_id: int, session: Session) -> CollectionItem:
    item = await session.get(CollectionItem, collection_item_id, options=[joinedload(CollectionItem.collection)])
    if item is None:
        raise NotFound("There is no such holding.")
    return item


async def get_new_activity(activity: CollectionItemActivityBase, transaction: RequestTransaction) -> Reading:
    """What the reader whom the body names reads."""
    return await reading_of(transaction.driver, activity.reader_id)


async def get_reader_asked_about(
    caller: Caller,
    transaction: RequestTransaction,
    reader_id: Annotated[
        UUID | None, Query(description="Only books that this reader, whose reading you may see, did something with.")
    ] = None,
) -> UUID | None:
    """The reader whose books are asked for, if the caller may know what this reader reads."""
    if reader_id is not None:
        reading = await reading_of(transaction.driver, reader_id)
        if not may(reading, "read", caller.principals):
            raise Forbidden("You may not see what this reader reads.", permission="read", resource="ReadingActivity")
    return reader_id


async def get_terms(
    ignore_conflicts: Annotated[
        bool, Query(description="False: 409, and nothing written, if a row adds a book that is held already.")
    ] = True,
    merge_dicts: Annotated[
        bool, Query(description="True: `info` is merged into what is stored; false: it takes its place.")
    ] = False,
    atomic: Annotated[
        bool, Query(description="True: one row that cannot be used refuses the whole request (422).")
    ] = False,
    dry_run: Annotated[bool, Query(description="True: nothing is written; the answer tells what would be.")] = False,
    max_removal_percent: Annotated[
        int | None,
        Query(
            ge=0,
            le=100,
            description="409, and nothing written, if a larger share of the collection would be withdrawn. "
            "Without it the school's own setting holds.",
        ),
    ] = None,
    results: Annotated[
        Literal["notable", "all"],
        Query(description="Which rows the answer lists: those with something to say, or all."),
    ] = "notable",
) -> Terms:
    return Terms(
        atomic=atomic,
        dry_run=dry_run,
        merge_info=merge_dicts,
        ignore_conflicts=ignore_conflicts,
        max_removal_percent=max_removal_percent,
        every_row=results == "all",
    )


async def enter_bulk_change(request: Request) -> AsyncIterator[None]:
    """Bulk changes have a budget of their own, for each account or API key and collection, and at most half of the
    connections: those that wait for a collection must not keep everybody else from the database."""
    credential = await read_credential(request)
    limit = request.app.state.settings.rate_limit_bulk
    await request.app.state.limiter.take(f"bulk:{credential.name}:{request.url.path}", limit)
    async with request.app.state.database.bulk_place():
        yield


async def get_replacement(request: Request, body: RawBody) -> Plan:
    """The rows of a bare array that is to be the whole collection."""
    return await aside(len(body) >= MANY_BYTES, _plan, body, _limit(request), replacing=True)


async def get_changes(request: Request, body: RawBody) -> Plan:
    """The rows of a bare array of changes."""
    return await aside(len(body) >= MANY_BYTES, _plan, body, _limit(request), replacing=False)


async def get_delta(request: Request, body: RawBody) -> tuple[Delta, Plan]:
    """The fields of a PATCH and its rows."""
    return await aside(len(body) >= MANY_BYTES, _plan_body, Delta, body, _limit(request), replacing=False)


async def get_whole(request: Request, body: RawBody) -> tuple[Whole, Plan]:
    """A whole collection and its rows."""
    return await aside(len(body) >= MANY_BYTES, _plan_body, Whole, body, _limit(request), replacing=True)


async def get_new_collection(whole: Annotated[tuple[Whole, Plan], Depends(get_whole)]) -> Collection:
    """The collection about to be born."""
    fields = whole[0]
    if (fields.school_id is None) is (fields.user_id is None):
        hint = "Name exactly one owner: a school or a user."
        raise Invalid(hint, errors=[FieldError(pointer("school_id"), "one_owner", hint)])
    return Collection(
        name=fields.name, school_id=fields.school_id, user_id=fields.user_id, info=fields.info, item_count=0
    )


def _plan(body: bytes, limit: int, *, replacing: bool) -> Plan:
    return plan_changes(decode_rows(body, limit), replacing=replacing)


def _plan_body(shape: type[Body], body: bytes, limit: int, *, replacing: bool) -> tuple[Body, Plan]:
    fields, rows = decode_body(shape, body, limit)
    return fields, plan_changes(rows, replacing=replacing)


def _limit(request: Request) -> int:
    limit: int = request.app.state.settings.max_bulk_items
    return limit


BulkChange = Depends(enter_bulk_change, scope="function")
BulkTerms = Annotated[Terms, Depends(get_terms)]
Replacement = Annotated[Plan, Depends(get_replacement)]
Changes = Annotated[Plan, Depends(get_changes)]
ParsedDelta = Annotated[tuple[Delta, Plan], Depends(get_delta)]
ParsedWhole = Annotated[tuple[Whole, Plan], Depends(get_whole)]
Creatable = Annotated[Collection, Permission("create", get_new_collection)]
Readable = Annotated[CollectionRow, Permission("read", get_collection)]
Changeable = Annotated[Collection, Depends(get_changeable)]
Deletable = Annotated[Collection, Depends(get_deletable)]
SchoolReadable = Annotated[CollectionRow | Collection, Permission("read", get_school_collection)]
SchoolChangeable = Annotated[Collection, Depends(get_school_changeable)]
NewActivity = Annotated[Reading, Permission("create", get_new_activity)]
ReaderAskedAbout = Annotated[UUID | None, Depends(get_reader_asked_about)]
ReadableItem = Annotated[CollectionItem, Permission("read", get_item_to_read)]
