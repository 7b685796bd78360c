"""The verbs of collections."""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NoReturn, cast
from uuid import uuid4

import msgspec
import psycopg
from msgspec import UNSET
from sqlalchemy import delete, inspect, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.lookups import look_up
from app.collections import activity, queries
from app.collections.models import Collection
from app.collections.queries import CollectionRow, ItemRow
from app.collections.schemas import CollectionItemAndStatusCreateIn
from app.collections.sync import changes
from app.collections.sync.changes import Outcome
from app.collections.sync.plan import Plan, plan_changes
from app.collections.sync.report import Report, Summary, results_of, summarise
from app.collections.sync.rows import Delta, Row, Rows, Whole
from app.core.account import Account
from app.core.acl import may
from app.core.db import driver_of, transaction_of
from app.core.errors import (
    AlreadyExists,
    AtomicRejected,
    FieldError,
    FieldForbidden,
    Forbidden,
    Invalid,
    NothingUsable,
    Problem,
    RemovalLimitExceeded,
    pointer,
)
from app.core.etags import require_match
from app.core.isbn import display
from app.events import service as events
from app.schools.models import School
from app.webhooks.models import WebhookEvent
from app.webhooks.service import announce


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bulk change is to be made."""

    replacing: bool = False
    atomic: bool = False
    dry_run: bool = False
    merge_info: bool = False
    ignore_conflicts: bool = True
    max_removal_percent: int | None = None
    every_row: bool = False


def etag_of(collection: Collection | CollectionRow) -> str:
    """A strong validator (RFC 9110, 8.8.3): it changes with every change of the collection or of a holding."""
    return f'"{collection.id.hex}-{collection.version}"'


def require_version(collection: Collection, if_match: str | None) -> None:
    """412 unless the caller has seen the present state, or does not say what it has seen."""
    require_match(etag_of(collection), if_match)


def touch(collection: Collection, *, item_count: int | None = None) -> None:
    """Note that a locked collection, or what it holds, has changed."""
    collection.version += 1
    collection.updated_at = datetime.now(UTC)
    if item_count is not None:
        collection.item_count = item_count


async def apply_changes(
    session: AsyncSession, account: Account, collection: Collection, plan: Plan, terms: Terms
) -> Report:
    """Apply one change per book to a collection whose row is locked: all of it in a handful of statements.

    Raises ``NothingUsable``, ``AtomicRejected``, ``AlreadyExists`` and ``RemovalLimitExceeded``, after which nothing
    is written. In a rehearsal (``dry_run``) the same statements run and are rolled back.
    """
    if plan.received and not plan.changes:
        _refuse(NothingUsable, plan, NOTHING_DONE, terms)
    driver = driver_of(session)
    is_changed = inspect(collection).attrs.version.history.has_changes()
    await session.flush()
    await changes.recognise(driver, collection.id, plan, replacing=terms.replacing)
    outcome = await changes.apply(
        driver, collection.id, plan.changes.values(), replacing=terms.replacing, merge_info=terms.merge_info
    )
    summary = summarise(plan, outcome, replacing=terms.replacing, dry_run=terms.dry_run)
    if terms.atomic and summary.rejected:
        _refuse(AtomicRejected, plan, outcome, terms)
    if not terms.ignore_conflicts:
        _refuse_conflicts(plan, outcome)
    await _refuse_emptying(session, collection, outcome, summary, terms)
    if summary.added or summary.updated or summary.removed:
        touch(collection, item_count=collection.item_count + summary.added - summary.removed)
        is_changed = True
    if terms.dry_run:
        transaction_of(session).rollback_only = True
    elif is_changed:
        await _announce(session, account, collection)
    await look_up(session, outcome.new_editions, account=account)
    events.record(
        session,
        "Collection Update",
        account=account,
        description=f"{summary.added} added, {summary.updated} updated, {summary.removed} removed",
        school_id=collection.school_id,
        user_id=collection.user_id,
        info={"collection_id": str(collection.id), "replacing": terms.replacing, **msgspec.structs.asdict(summary)},
    )
    return Report(
        msg="updated",
        collection_size=collection.item_count,
        summary=summary,
        results=results_of(plan, outcome, every_row=terms.every_row),
    )


async def create(
    session: AsyncSession, account: Account, collection: Collection, plan: Plan, terms: Terms
) -> Collection:
    """Store a new collection with its first holdings. 409 if its owner has one already."""
    session.add(collection)
    try:
        await session.flush()
    except IntegrityError as error:
        raise _refusal_of(error, collection) from None
    if plan.received or terms.dry_run:
        await apply_changes(session, account, collection, plan, terms)
    return collection


async def first_sync(session: AsyncSession, account: Account, collection: Collection) -> Collection:
    """The locked collection itself, or the one that this first sync of a school creates."""
    if inspect(collection).persistent:
        return collection
    if not may(collection, "create", account.principals):
        raise Forbidden(permission="create", resource="Collection")
    values = {"name": collection.name, "school_id": collection.school_id}
    await session.execute(upsert(Collection).values(**values, id=uuid4()).on_conflict_do_nothing())
    return (await session.scalars(queries.collection_locked(Collection.school_id == collection.school_id))).one()


async def replace(
    session: AsyncSession, account: Account, collection: Collection, whole: Whole, plan: Plan, terms: Terms
) -> Collection:
    """Give a locked collection a new name, info and set of holdings. Its owner and its id stay."""
    if (whole.school_id or collection.school_id, whole.user_id or collection.user_id) != (
        collection.school_id,
        collection.user_id,
    ):
        field = "school_id" if whole.school_id else "user_id"
        raise FieldForbidden(errors=[FieldError(pointer(field), "field_forbidden", "The owner cannot be changed.")])
    collection.name, collection.info = whole.name, whole.info
    touch(collection)
    await replace_items(session, account, collection, plan, terms)
    return collection


async def replace_items(
    session: AsyncSession, account: Account, collection: Collection, plan: Plan, terms: Terms
) -> Report:
    """Make a locked collection hold what the plan names, and nothing else."""
    return await apply_changes(session, account, collection, plan, dataclasses.replace(terms, replacing=True))


async def change(
    session: AsyncSession, account: Account, collection: Collection, delta: Delta, plan: Plan, terms: Terms
) -> Report:
    """Take over the name and info that a PATCH names, and apply its rows to a locked collection."""
    if delta.name is None:
        raise Invalid(errors=[FieldError(pointer("name"), "required", "A collection has a name: leave it out.")])
    if delta.name is not UNSET:
        collection.name = delta.name
    if delta.info is not UNSET:
        old = collection.info or {}
        collection.info = merged(old, delta.info) if terms.merge_info and delta.info is not None else delta.info
    if delta.name is not UNSET or delta.info is not UNSET:
        touch(collection)
    return await apply_changes(session, account, collection, plan, terms)


async def add_item(
    session: AsyncSession, account: Account, collection: Collection, item: CollectionItemAndStatusCreateIn
) -> ItemRow:
    """Add one book to a locked collection, and note how far a reader is with it. 409 if it holds the ISBN already."""
    driver = driver_of(session)
    reading = None if item.reader_id is None else await activity.reading_of(driver, item.reader_id)
    if reading is not None:
        activity.require_right_to_log(account, reading)
    if item.edition_isbn is not None and await queries.holding(driver, collection.id, int(item.edition_isbn)):
        hint = "Change the holding that exists."
        raise AlreadyExists(
            "The collection holds this edition already.",
            errors=[FieldError(pointer("edition_isbn"), "already_held", hint)],
        )
    row = msgspec.convert(item.model_dump(exclude_unset=True, exclude={"read_status", "reader_id"}), Row)
    plan = plan_changes(Rows([row]), replacing=False)
    await apply_changes(session, account, collection, plan, Terms(atomic=True))
    if item.edition_isbn is not None:
        stored = await queries.holding(driver, collection.id, int(item.edition_isbn))
    else:
        stored = await queries.newest_holding(driver, collection.id)
    added = cast(ItemRow, stored)  # it was added in this transaction
    if reading is not None and item.read_status is not None:
        await activity.log(session, account, reading, added[0], item.read_status)
    return added


def merged(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """``new`` laid over ``old``; objects are merged in their turn, anything else is replaced."""
    return old | {
        key: merged(old[key], value) if isinstance(value, dict) and isinstance(old.get(key), dict) else value
        for key, value in new.items()
    }


async def remove(session: AsyncSession, account: Account, collection: Collection) -> None:
    """Delete a locked collection with all that it holds."""
    events.record(
        session,
        "Collection Deleted",
        account=account,
        school_id=collection.school_id,
        user_id=collection.user_id,
        info={"collection_id": str(collection.id), "name": collection.name, "book_count": collection.item_count},
    )
    await session.execute(delete(Collection).where(Collection.id == collection.id))
    await _announce(session, account, collection)


async def _announce(session: AsyncSession, account: Account, collection: Collection) -> None:
    event, ids = WebhookEvent.COLLECTION_UPDATED, {"collection_id": collection.id}
    await announce(session, event, account=account, school_id=collection.school_id, **ids)


NOTHING_DONE = Outcome(frozenset(), frozenset(), frozenset(), frozenset(), 0, (), ())


def _refuse(problem: type[AtomicRejected | NothingUsable], plan: Plan, outcome: Outcome, terms: Terms) -> NoReturn:
    summary = summarise(plan, outcome, replacing=terms.replacing, dry_run=terms.dry_run)
    results = results_of(plan, outcome, every_row=False)
    raise problem(
        f"{summary.rejected} of {summary.received} rows cannot be used; nothing was written.",
        errors=[
            FieldError(pointer(result.index), result.code or "invalid_row", result.hint or "")
            for result in results
            if result.status == "rejected"
        ],
        summary=msgspec.to_builtins(summary),
        results=msgspec.to_builtins(results),
    )


def _refuse_conflicts(plan: Plan, outcome: Outcome) -> None:
    """409 for additions of what is held already, where the caller asked for that."""
    held = [change for change in plan.changes.values() if change.action == "a" and change.index not in outcome.added]
    if held:
        raise AlreadyExists(
            f"{len(held)} of the books are held already; nothing was written.",
            errors=[FieldError(pointer(each.index), "already_held", "Use the action `update`.") for each in held],
        )


async def _refuse_emptying(
    session: AsyncSession, collection: Collection, outcome: Outcome, summary: Summary, terms: Terms
) -> None:
    """409 if more would be withdrawn than the request, or else the school, allows."""
    if not summary.removed:
        return
    limit = terms.max_removal_percent
    if limit is None and collection.school_id is not None:
        limit = await session.scalar(
            select(School.max_removal_percent).where(School.wriveted_identifier == collection.school_id)
        )
    if limit is None or summary.removed * 100 <= limit * collection.item_count:
        return
    raise RemovalLimitExceeded(
        f"{summary.removed} of {collection.item_count} books would be withdrawn, more than {limit} %. If that is "
        "meant, send the request again with a higher `max_removal_percent`.",
        removed=summary.removed,
        total=collection.item_count,
        limit_percent=limit,
        summary=msgspec.to_builtins(summary),
        withdrawn_isbns=[display(isbn) for isbn in outcome.withdrawn_isbns],
    )


def _refusal_of(error: IntegrityError, collection: Collection) -> Problem:
    """What a constraint of ``collections`` means to the caller."""
    field = "school_id" if collection.school_id else "user_id"
    if isinstance(error.orig, psycopg.errors.UniqueViolation):
        return AlreadyExists(
            "This owner has a collection already.",
            errors=[FieldError(pointer(field), "already_exists", "Change the collection that exists.")],
        )
    return Invalid("The owner does not exist.", errors=[FieldError(pointer(field), "not_found", "Name one that does.")])
