"""The verbs of collections."""

import dataclasses
from datetime import UTC, datetime
from typing import Any, cast
from uuid import uuid4

import msgspec
import psycopg
from msgspec import UNSET
from sqlalchemy import delete, inspect
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
from app.collections.sync.refusals import NOTHING_DONE, refuse, refuse_conflicts, refuse_emptying
from app.collections.sync.report import Report, results_of, summarise
from app.collections.sync.rows import Delta, Row, Rows, Whole
from app.collections.sync.terms import Terms
from app.core.account import Account
from app.core.acl import may
from app.core.db import Driver, driver_of, transaction_of
from app.core.errors import (
    AlreadyExists,
    AtomicRejected,
    FieldError,
    FieldForbidden,
    Forbidden,
    Invalid,
    NothingUsable,
    Problem,
    pointer,
)
from app.core.etags import require_match
from app.events import service as events
from app.webhooks.models import WebhookEvent
from app.webhooks.service import announce


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
        refuse(NothingUsable, plan, NOTHING_DONE, terms)
    is_changed = inspect(collection).attrs.version.history.has_changes()
    await session.flush()
    outcome = await _carry_out(driver_of(session), collection, plan, terms)
    summary = summarise(plan, outcome, replacing=terms.replacing, dry_run=terms.dry_run)
    if terms.atomic and summary.rejected:
        refuse(AtomicRejected, plan, outcome, terms)
    if not terms.ignore_conflicts:
        refuse_conflicts(plan, outcome)
    await refuse_emptying(session, collection, outcome, summary, terms)
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
    results = results_of(plan, outcome, every_row=terms.every_row)
    return Report(msg="updated", collection_size=collection.item_count, summary=summary, results=results)


async def _carry_out(driver: Driver, collection: Collection, plan: Plan, terms: Terms) -> Outcome:
    await changes.recognise(driver, collection.id, plan, replacing=terms.replacing)
    return await changes.apply(
        driver, collection.id, plan.changes.values(), replacing=terms.replacing, merge_info=terms.merge_info
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


def _refusal_of(error: IntegrityError, collection: Collection) -> Problem:
    """What a constraint of ``collections`` means to the caller."""
    field = "school_id" if collection.school_id else "user_id"
    if isinstance(error.orig, psycopg.errors.UniqueViolation):
        return AlreadyExists(
            "This owner has a collection already.",
            errors=[FieldError(pointer(field), "already_exists", "Change the collection that exists.")],
        )
    return Invalid("The owner does not exist.", errors=[FieldError(pointer(field), "not_found", "Name one that does.")])
