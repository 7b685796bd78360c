"""What readers did with the books of a collection: a log that only grows, and how things stand by it."""

from collections.abc import Collection as SomeOf
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import Select, insert, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import UserAccountType
from app.accounts.principals import of_user
from app.collections.models import Collection, CollectionItem, CollectionItemReadStatus, ReadingActivity
from app.collections.schemas import CollectionItemActivityBrief
from app.core.account import Account
from app.core.acl import may
from app.core.acl_sql import allowed
from app.core.db import Driver
from app.core.errors import FieldError, Forbidden, Invalid, pointer
from app.events import service as events

READERS = frozenset({UserAccountType.STUDENT, UserAccountType.PUBLIC})
_READER = b"""
SELECT users.type, students.school_id, students.class_group_id, readers.parent_id
  FROM users LEFT JOIN readers USING (id) LEFT JOIN students USING (id) WHERE users.id = %s"""


@dataclass(frozen=True, slots=True)
class Reading:
    """What somebody reads, under the rules of `ReadingActivity`: an activity about to be born, or all there are."""

    reader_id: UUID
    is_readers: bool
    """Whether it is a reader's account, not a grown-up's."""
    school_id: UUID | None
    principals: frozenset[str]
    """What the reader holds."""

    __acl__ = ReadingActivity.__acl__
    __resource__ = ReadingActivity
    id: ClassVar[None] = None


async def reading_of(driver: Driver, reader_id: UUID) -> Reading:
    """What the reader of this id reads. One who does not exist belongs to nobody: nobody may ask anything of it."""
    row = await (await driver.execute(_READER, [reader_id])).fetchone()
    if row is None:
        return Reading(reader_id, False, None, frozenset())
    kind, school_id, class_group_id, parent_id = row
    held = of_user(reader_id, UserAccountType(kind), school=school_id, class_group=class_group_id, parent=parent_id)
    return Reading(reader_id, UserAccountType(kind) in READERS, school_id, held)


def require_right_to_log(account: Account, reading: Reading) -> None:
    if not may(reading, "create", account.principals):
        raise Forbidden("You may not note what this reader reads.", permission="create", resource="ReadingActivity")


async def log(
    session: AsyncSession,
    account: Account,
    reading: Reading,
    item_id: int,
    status: CollectionItemReadStatus,
    *,
    at: datetime | None = None,
) -> CollectionItemActivityBrief:
    """Note how far a reader is, or was ``at`` that time, with a holding that the reader, or else the caller, can see.

    Whether the caller may create the activity was asked before. Raises ``Invalid`` and ``Forbidden``.
    """
    if not reading.is_readers:
        raise _invalid("reader_id", "not_a_reader", "Name a student or a public reader.")
    owner = select(Collection).join(CollectionItem, CollectionItem.collection_id == Collection.id)
    collection = await session.scalar(owner.where(CollectionItem.id == item_id))
    if collection is None:
        raise _invalid("collection_item_id", "not_found", "There is no such holding.")
    if not (may(collection, "read", reading.principals) or may(collection, "read", account.principals)):
        raise Forbidden("The reader does not see this collection.", permission="read", resource="Collection")
    values: dict[str, Any] = {"collection_item_id": item_id, "reader_id": reading.reader_id, "status": status}
    if at is not None:
        values["timestamp"] = at
    timestamp = await session.scalar(insert(ReadingActivity).values(**values).returning(ReadingActivity.timestamp))
    events.record(
        session,
        "Collection item activity created",
        account=account,
        description=status.value,
        school_id=reading.school_id,
        user_id=reading.reader_id,
        info={"collection_item_id": item_id, "status": status.value},
    )
    return CollectionItemActivityBrief.model_validate({**values, "timestamp": timestamp})


def _invalid(field: str, code: str, hint: str) -> Invalid:
    return Invalid(hint, errors=[FieldError(pointer(field), code, hint)])


def holdings_read(
    collection_id: UUID,
    principals: SomeOf[str],
    *,
    reader_id: UUID | None,
    status: CollectionItemReadStatus | None,
) -> Select[Any]:
    """The ids of the holdings of a collection that a reader, or else any whose reading the caller may see, has done
    something with, or for whom they stand at this status now."""
    log_ = ReadingActivity
    newest = (
        select(log_.collection_item_id, log_.status)
        .ext(distinct_on(log_.reader_id, log_.collection_item_id))
        .join(CollectionItem, CollectionItem.id == log_.collection_item_id)
        .where(CollectionItem.collection_id == collection_id, allowed(log_, "read", principals))
        .order_by(log_.reader_id.desc(), log_.collection_item_id.desc(), log_.timestamp.desc(), log_.id.desc())
    )
    if reader_id is not None:
        newest = newest.where(log_.reader_id == reader_id)
    current = newest.subquery()
    found = select(current.c.collection_item_id).distinct()
    return found if status is None else found.where(current.c.status == status)
