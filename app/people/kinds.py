"""Kinds of people: the tables that each has beside `users`, what it needs, and how somebody becomes another kind."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, cast
from uuid import UUID

from sqlalchemy import Table, delete, insert, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import (
    Educator,
    Parent,
    PublicReader,
    Reader,
    SchoolAdmin,
    Student,
    Supporter,
    User,
    UserAccountType,
    WrivetedAdmin,
)
from app.core.acl import Ace
from app.core.schemas import JsonObject

Model: TypeAlias = type[User]


def table_of(model: Model) -> Table:
    return cast(Table, model.__table__)


MODELS: Mapping[UserAccountType, Model] = {
    UserAccountType.WRIVETED: WrivetedAdmin,
    UserAccountType.STUDENT: Student,
    UserAccountType.PUBLIC: PublicReader,
    UserAccountType.EDUCATOR: Educator,
    UserAccountType.SCHOOL_ADMIN: SchoolAdmin,
    UserAccountType.PARENT: Parent,
    UserAccountType.SUPPORTER: Supporter,
}
USERS = table_of(User)
TABLES = (
    USERS,
    *map(table_of, (Parent, Reader, Student, PublicReader, Educator, SchoolAdmin, Supporter, WrivetedAdmin)),
)
"""In an order in which rows may be inserted."""
CHAINS: Mapping[UserAccountType, tuple[Table, ...]] = {
    kind: tuple(table for table in TABLES if table is not USERS and table in model.__mapper__.tables)
    for kind, model in MODELS.items()
}
"""The tables that a kind has a row in beside `users`, each of which depends on the one before it."""

READERS = frozenset({UserAccountType.STUDENT, UserAccountType.PUBLIC})
STAFF = frozenset({UserAccountType.EDUCATOR, UserAccountType.SCHOOL_ADMIN})

OF_READERS = frozenset({"first_name", "last_name_initial", "huey_attributes", "parent_id"})
OF_KIND: Mapping[UserAccountType, frozenset[str]] = {
    UserAccountType.STUDENT: OF_READERS | {"username", "school_id", "class_group_id"},
    UserAccountType.PUBLIC: OF_READERS,
    UserAccountType.EDUCATOR: frozenset({"school_id"}),
    UserAccountType.SCHOOL_ADMIN: frozenset({"school_id"}),
}
"""Fields that only some kinds have."""
SOMEBODYS = frozenset().union(*OF_KIND.values())
NEEDED: Mapping[UserAccountType, tuple[str, ...]] = {
    UserAccountType.STUDENT: ("first_name", "last_name_initial", "school_id", "class_group_id"),
    UserAccountType.PUBLIC: ("first_name",),
    UserAccountType.EDUCATOR: ("school_id",),
    UserAccountType.SCHOOL_ADMIN: ("school_id",),
}
"""What nobody becomes that kind without."""
KEPT = {kind: frozenset(names) - {"class_group_id"} for kind, names in NEEDED.items()}
"""What nobody of that kind can do without afterwards: a pupil may be in no class."""


class Somebody(Protocol):
    """A person as far as rules go: stored, or about to be."""

    @property
    def id(self) -> UUID: ...
    @property
    def type(self) -> UserAccountType: ...
    @property
    def school_id(self) -> UUID | None: ...


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody as stored, under the rules of the own kind; school, parent and what they are shown with as objects."""

    id: UUID
    type: UserAccountType
    name: str
    email: str | None
    is_active: bool
    last_login_at: datetime | None
    info: JsonObject | None
    newsletter: bool
    created_at: datetime
    updated_at: datetime
    first_name: str | None
    last_name_initial: str | None
    huey_attributes: JsonObject | None
    parent_id: UUID | None
    username: str | None
    class_group_id: UUID | None
    school_id: UUID | None
    school: JsonObject | None
    parent: JsonObject | None
    children: list[JsonObject] | None
    readers: list[JsonObject] | None
    collection: JsonObject | None
    lists: list[JsonObject] | None = None
    """Where somebody is shown in whole (`reading.lists_of`)."""

    @property
    def __acl__(self) -> list[Ace]:
        return acl_of(self)

    @property
    def __resource__(self) -> Model:
        return MODELS[self.type]

    @property
    def subject(self) -> str:
        """How the audit names somebody."""
        return f"user:{self.id}"


def acl_of(person: Somebody) -> list[Ace]:
    """The rules of the person's kind, filled in."""
    return MODELS[person.type].__acl__.__get__(person, Person)


def kinds_own(kind: UserAccountType, field: str) -> bool:
    """Whether somebody of that kind has the field at all."""
    return field not in SOMEBODYS or field in OF_KIND.get(kind, ())


async def insert_people(session: AsyncSession, people: Sequence[Mapping[str, Any]]) -> None:
    """Store people, each described by its columns and `type`: a statement for each table, however many they are."""
    for table in TABLES:
        rows = [_row(table, one) for one in people if table is USERS or table in CHAINS[one["type"]]]
        if rows:
            await session.execute(insert(table).values(rows))


async def update_columns(
    session: AsyncSession, person_id: UUID, kind: UserAccountType, columns: Mapping[str, Any]
) -> None:
    """Write columns of somebody of a kind, whichever of its tables they stand in."""
    for table in TABLES:
        values = _row(table, columns) if table is USERS or table in CHAINS[kind] else {}
        if values:
            await session.execute(update(table).where(table.c.id == person_id).values(values))


async def move(session: AsyncSession, person: Person, kind: UserAccountType, columns: Mapping[str, Any]) -> None:
    """Make somebody another kind: rows that only the old kind has go, those of the new one come, the user stays.

    A parent's children lose the link, and so do a supporter and its readers, and a reader who becomes something else
    and its supporters: foreign keys see to that.
    """
    before, after = CHAINS[person.type], CHAINS[kind]
    lost = [table for table in before if table not in after]
    if lost:
        await session.execute(delete(lost[0]).where(lost[0].c.id == person.id))
    for table in TABLES:
        if table in after and table not in before:
            await session.execute(insert(table).values(_row(table, {"id": person.id, **columns})))


def _row(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in _columns(table) if name in values}


def _columns(table: Table) -> Collection[str]:
    return table.c.keys()
