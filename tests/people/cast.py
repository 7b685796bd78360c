"""Who appears in tests of people: somebody of each kind, and whoever has something to do with them."""

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import select, text

from app.accounts.models import Parent, PublicReader, Supporter
from app.audit.actions import VIEWED
from app.audit.models import AuditRow
from app.classes.models import ClassGroup
from app.events.models import Event
from app.schools.models import School
from tests.world import Client, World

KINDS = {
    "Student": "student",
    "PublicReader": "public",
    "Educator": "educator",
    "SchoolAdmin": "school_admin",
    "Parent": "parent",
    "Supporter": "supporter",
    "WrivetedAdmin": "wriveted",
}
"""As the oracle calls a kind, and as the API does."""
ROW = """
SELECT jsonb_build_object('user', to_jsonb(u), 'reader', to_jsonb(r), 'student', to_jsonb(s), 'educator', to_jsonb(e))
  FROM users u LEFT JOIN readers r USING (id) LEFT JOIN students s USING (id) LEFT JOIN educators e USING (id)
 WHERE id = :id
"""


@dataclass
class Writer:
    """A caller, and the account as the oracle takes it."""

    client: Client
    account: dict[str, Any] = field(default_factory=dict)


@dataclass
class Cast:
    """Somebody, where they go to school, and everybody who could want something of them."""

    school: School
    group: ClassGroup
    other_school: School
    other_group: ClassGroup
    somebody: Client
    row: dict[str, Any]
    writers: dict[str, Writer]


async def cast(world: World, kind: str) -> Cast:
    """Somebody of that kind, as the oracle calls it, and callers in every relation to them."""
    school, other = await world.school(), await world.school()
    group, other_group = await world.class_group(school), await world.class_group(other)
    somebody = await somebody_of(world, kind, school, group)
    home = school.wriveted_identifier if kind in ("Student", "Educator", "SchoolAdmin") else None
    me = {"kind": _oracle_kind(kind), "id": somebody.id, "school": home}
    writers = {"self": Writer(somebody, me), "admin": Writer(await world.admin(), {"kind": "admin", "id": uuid4()})}
    writers["backend"] = Writer(await world.service("backend"), {"kind": "backend"})
    readers = [somebody] if kind in ("Student", "PublicReader") else []
    mine = [each.id for each in readers]
    writers["parent"] = Writer(await world.parent(*readers), {"kind": "parent", "id": uuid4(), "children": mine})
    writers["supporter"] = Writer(
        await world.supporter(*readers), {"kind": "supporter", "id": uuid4(), "readers": mine}
    )
    for name, at, in_ in (("", school, group), ("other ", other, other_group)):
        key = at.wriveted_identifier
        writers[f"{name}educator"] = Writer(
            await world.educator(at), {"kind": "educator", "id": uuid4(), "school": key}
        )
        writers[f"{name}school admin"] = Writer(
            await world.school_admin(at), {"kind": "school_admin", "id": uuid4(), "school": key}
        )
        writers[f"{name}student"] = Writer(
            await world.student(in_), {"kind": "student", "id": uuid4(), "school": key, "class": in_.id}
        )
        writers[f"{name}lms"] = Writer(await world.lms(at), {"kind": "lms", "schools": [key]})
        writers[f"{name}library"] = Writer(await world.service("school", at), {"kind": "school", "schools": [key]})
    child = await world.public_reader(parent_id=somebody.id if kind == "Parent" else None)
    parent = somebody.id if kind == "Parent" else None
    writers["child"] = Writer(child, {"kind": "public_reader", "id": child.id, "parent": parent})
    row = {"id": somebody.id, "school": home}
    return Cast(school, group, other, other_group, somebody, row, writers)


async def somebody_of(world: World, kind: str, school: School, group: ClassGroup) -> Client:
    """A new person of that kind, of the school where the kind has one."""
    if kind == "Student":
        return await world.student(group)
    if kind == "PublicReader":
        return await world.person(PublicReader(name="Robin R", first_name="Robin", last_name_initial="R"))
    if kind == "Educator":
        return await world.educator(school)
    if kind == "SchoolAdmin":
        return await world.school_admin(school)
    if kind == "Parent":
        return await world.person(Parent(name="Pat Parent"))
    return await (world.person(Supporter(name="Sue Supporter")) if kind == "Supporter" else world.admin())


def _oracle_kind(kind: str) -> str:
    return {"PublicReader": "public_reader", "SchoolAdmin": "school_admin", "WrivetedAdmin": "admin"}.get(
        kind, kind.lower()
    )


async def stored(world: World, person: UUID | str) -> Any:
    """What the database holds of somebody; None of nobody."""
    async with world.session() as session:
        return (await session.execute(text(ROW), {"id": person})).scalar_one_or_none()


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return sorted((fault["pointer"], fault["code"]) for fault in answer.json()["errors"])


async def audited(world: World, person: UUID | str) -> list[tuple[str, dict[str, Any]]]:
    """What the audit says was done to somebody, in order."""
    query = (
        select(AuditRow.action, AuditRow.details)
        .where(AuditRow.subject == f"user:{person}", AuditRow.action.startswith("user."), AuditRow.action != VIEWED)
        .order_by(AuditRow.id)
    )
    async with world.session() as session:
        return [(action, details) for action, details in await session.execute(query)]


async def events_of(world: World, person: UUID | str) -> list[Event]:
    """The events about somebody, in order."""
    query = select(Event).where(Event.user_id == person).order_by(Event.timestamp)
    async with world.session() as session:
        return list(await session.scalars(query))


def body_of(kind: str, school: School, group: ClassGroup) -> dict[str, Any]:
    """What it takes to create somebody of that kind, as the API calls it."""
    body: dict[str, Any] = {"type": kind, "first_name": "Kim", "last_name_initial": "K"}
    if kind in ("student", "educator", "school_admin"):
        body["school_id"] = str(school.wriveted_identifier)
    if kind == "student":
        body["class_group_id"] = str(group.id)
    else:
        body["email"] = f"{uuid4().hex}@example.com"
    return body
