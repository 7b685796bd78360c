"""Every account x every resource x every relation x every permission: the ACLs against the independent table.

The table (tests/oracle) was written from the specification of access and shares no code with the application. It is
asked about accounts of every kind, also those that cannot sign in yet, because ACLs speak of principals alone. One
object and a list are asked separately, and pages of every size have to hold what the table grants and nothing else.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from app.accounts.models import ServiceAccount, ServiceAccountSchool, ServiceAccountType, Student, WrivetedAdmin
from app.accounts.principals import of_service_account, of_user
from app.booklists.models import BookList, ListSharingType, ListType
from app.books.models import Author, Edition, Illustrator, Work
from app.collections.models import Collection, CollectionItem, CollectionItemReadStatus, ReadingActivity
from app.core.acl import allowed, may, visible
from app.events.models import TIMELINE_PREFIX, Event, EventLevel
from app.labels.models import LabelSet
from app.schools.models import School, SchoolState
from tests.books.catalogue import new_isbn
from tests.oracle import oracle

KEYS: dict[type[Any], str] = {School: "wriveted_identifier", Edition: "isbn"}


@dataclass
class Resource:
    """An object, and how the table names it and what it needs to know of it."""

    model: type[Any]
    name: str
    row: dict[str, Any]
    object: Any

    @property
    def key(self) -> Any:
        return getattr(self.object, KEYS.get(self.model, "id"))


@dataclass
class World:
    schools: list[UUID]
    people: list[UUID]
    resources: list[Resource]
    unborn: list[Resource]
    """What no table can hold, but somebody may ask to create."""


async def build(session: AsyncSession) -> World:
    """Three schools and four people, and resources with every combination of owners among them and nobody."""
    made: list[Resource] = []
    schools = [_school(n) for n in range(3)]
    people = [WrivetedAdmin(id=uuid4(), name=f"Person {n}", email=f"{uuid4().hex}@example.com") for n in range(4)]
    session.add_all([*schools, *people])
    await session.flush()
    made += [Resource(School, "School", {"id": each.wriveted_identifier}, each) for each in schools]
    made += [Resource(WrivetedAdmin, "WrivetedAdmin", {"id": each.id}, each) for each in people]
    school_ids, people_ids = [each.wriveted_identifier for each in schools], [each.id for each in people]
    owners = [(school, None) for school in school_ids] + [(None, person) for person in people_ids]
    for school, person in owners:
        collection = Collection(name="Library", school_id=school, user_id=person)
        item = CollectionItem(collection=collection, sort_title="a", copies_total=1, copies_available=1)
        row = {"school": school, "user": person}
        made.append(Resource(Collection, "Collection", row, collection))
        made.append(Resource(CollectionItem, "CollectionItem", {"collection": row}, item))
    for school, person, title in product([*school_ids, None], [*people_ids, None], ["Made", f"{TIMELINE_PREFIX} Read"]):
        event = Event(title=title, level=EventLevel.NORMAL, school_id=school, user_id=person)
        made.append(Resource(Event, "Event", {"school": school, "user": person, "title": title}, event))
    for linked in ([], school_ids[:1], school_ids[1:], school_ids):
        account = ServiceAccount(name="Program", type=ServiceAccountType.LMS)
        account.links = [ServiceAccountSchool(school_id=school) for school in linked]
        made.append(Resource(ServiceAccount, "ServiceAccount", {"schools": linked}, account))
    work = Work(title="Work", match_title="work")
    catalogue = {
        "Work": work,
        "Edition": Edition(isbn=new_isbn(), sort_title="edition"),
        "Author": Author(last_name="A", name_key="a"),
        "Illustrator": Illustrator(last_name="B", name_key="b"),
    }
    made += [Resource(type(each), name, {}, each) for name, each in catalogue.items()]
    session.add_all([each.object for each in made])
    await session.flush()
    labels = LabelSet(work_id=work.id)
    session.add(labels)
    await session.flush()
    made.append(Resource(LabelSet, "LabelSet", {}, labels))
    made += _lists(school_ids, people_ids)
    session.add_all([each.object for each in made if each.model is BookList])
    made += await _activities(session, school_ids, people_ids, made)
    unborn = [
        Resource(BookList, "BookList", {"type": kind.value, "sharing": "public", "user": person, "school": school}, one)
        for kind, person, school in product(ListType, [*people_ids[:2], None], [*school_ids[:2], None])
        if (one := BookList(type=kind, sharing=ListSharingType.PUBLIC, user_id=person, school_id=school))
    ]
    return World(school_ids, people_ids, made, unborn)


def _lists(schools: list[UUID], people: list[UUID]) -> list[Resource]:
    """Lists of every type and sharing, of every owner that their type has."""
    made = []
    for kind, sharing in product(ListType, ListSharingType):
        persons = people if kind is ListType.PERSONAL else [None]
        for person, school in product(persons, schools if kind is ListType.SCHOOL else [None]):
            row = {"type": kind.value, "sharing": sharing.value, "user": person, "school": school}
            slug = f"matrix-{uuid4().hex}" if kind is ListType.HUEY else None
            one = BookList(name="L", type=kind, sharing=sharing, slug=slug, user_id=person, school_id=school)
            made.append(Resource(BookList, "BookList", row, one))
    return made


async def _activities(
    session: AsyncSession, schools: list[UUID], people: list[UUID], made: list[Resource]
) -> list[Resource]:
    """What people of no school, and pupils of each, read."""
    item = next(each.object for each in made if each.model is CollectionItem)
    pupils = [
        Student(id=uuid4(), name="Pupil", username=uuid4().hex, school_id=school, email=None) for school in schools
    ]
    session.add_all(pupils)
    await session.flush()
    readers = [(person, None) for person in people] + [(pupil.id, pupil.school_id) for pupil in pupils]
    found = []
    for reader, school in readers:
        log = ReadingActivity(collection_item_id=item.id, reader_id=reader, status=CollectionItemReadStatus.READ)
        found.append(Resource(ReadingActivity, "ReadingActivity", {"reader": reader, "school": school}, log))
    session.add_all([each.object for each in found])
    await session.flush()
    await session.scalars(
        select(ReadingActivity).options(undefer(ReadingActivity.school_id)).execution_options(populate_existing=True)
    )
    return found


def _school(number: int) -> School:
    return School(
        wriveted_identifier=uuid4(),
        name=f"School {number}",
        search_name=f"school {number}",
        country_code="AUS",
        state=SchoolState.ACTIVE,
        info={},
    )


def accounts(world: World) -> Iterator[dict[str, Any]]:
    """Every kind, in every relation to the first school and to the people, active and not."""
    first, second, _ = world.schools
    someone, child, other, _ = world.people
    for kind in oracle.kinds():
        for active in (True, False):
            base = {"kind": kind, "id": someone, "active": active}
            if kind in ("lms", "school", "kiosk"):
                for schools, vendor in product(([], [first], [first, second]), (False, True)):
                    yield base | {"schools": schools, "vendor": vendor}
            elif kind in ("student", "educator", "school_admin"):
                yield base | {"school": first, "class": uuid4(), "parent": other}
                yield base | {"school": second, "class": uuid4(), "school_state": "inactive"}
            elif kind in ("parent", "supporter"):
                yield base | {"children": [child], "readers": [child, other]}
                yield base | {"children": [], "readers": []}
            else:
                yield base | {"parent": other}


@pytest.fixture
async def world(session: AsyncSession) -> World:
    return await build(session)


async def test_one_object_is_decided_as_the_table_says(world: World, session: AsyncSession) -> None:
    decisions = 0
    used: set[tuple[str, str]] = set()
    for account in accounts(world):
        held = oracle.principals(account)
        for each in (*world.resources, *world.unborn):
            for permission in oracle.permissions(each.name):
                if (each.name, permission) == ("Event", "create"):
                    continue  # decided by the service, which knows level and title: tests/events
                meant = oracle.decide(each.name, permission, account, each.row)
                assert may(each.object, permission, held) == meant, (account, each.name, permission, each.row)
                decisions += 1
                if meant:
                    used.add((each.name, permission))
    assert decisions > 10_000
    assert used >= {(each.name, "read") for each in world.resources}


async def test_a_list_holds_what_the_table_grants_one_by_one(world: World, session: AsyncSession) -> None:
    by_model: dict[type[Any], list[Resource]] = {}
    for each in world.resources:
        by_model.setdefault(each.model, []).append(each)
    for account, (model, rows) in product(accounts(world), by_model.items()):
        held = oracle.principals(account)
        key = getattr(model, KEYS.get(model, "id"))
        ours = key.in_([each.key for each in rows])
        for permission in oracle.permissions(rows[0].name):
            if (rows[0].name, permission) == ("Event", "create"):
                continue
            meant = {each.key for each in rows if oracle.decide(each.name, permission, account, each.row)}
            found = set(await session.scalars(select(key).where(ours, allowed(model, permission, held))))
            assert found == meant, (account, model, permission)


@pytest.mark.parametrize("size", [1, 2, 7, 100])
async def test_pages_of_any_size_hold_each_visible_row_once(world: World, session: AsyncSession, size: int) -> None:
    events = [each for each in world.resources if each.model is Event]
    for account in accounts(world):
        held = oracle.principals(account)
        meant = sorted(each.key for each in events if oracle.decide("Event", "read", account, each.row))
        query = visible(Event, held).where(Event.id.in_([each.key for each in events])).order_by(Event.id)
        pages: list[UUID] = []
        while True:
            after = [Event.id > pages[-1]] if pages else []
            page = [each.id for each in await session.scalars(query.where(*after).limit(size))]
            pages += page
            if len(page) < size:
                break
        assert pages == meant
        counted = await session.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
        assert counted == len(meant)


async def test_an_account_holds_what_the_table_says(world: World) -> None:
    for account in accounts(world):
        if not account["active"]:
            continue  # an account that is not active is refused before it holds anything: tests/accounts
        if account["kind"] in ("backend", "lms", "school", "kiosk"):
            kind = ServiceAccountType(account["kind"])
            held = of_service_account(kind, account.get("schools", ()), is_vendor=account.get("vendor", False))
            assert held == oracle.principals(account)
        if account["kind"] == "admin":
            person = WrivetedAdmin(id=account["id"])
            assert of_user(person.id, WrivetedAdmin.__mapper__.polymorphic_identity) == oracle.principals(account)


@pytest.mark.parametrize("broken", [Collection, School, Event, ServiceAccount, BookList, ReadingActivity])
async def test_this_test_notices_a_rule_that_is_gone(
    world: World, broken: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each rule in its turn is left out, and for somebody who holds one or two principals the answer has to change."""
    singles = sorted({principal for account in accounts(world) for principal in oracle.principals(account)})
    holders = [{one} for one in singles]
    holders += [{beside, one} for beside in ("role:student", "system:everyone") for one in singles]
    resources = [each for each in (*world.resources, *world.unborn) if each.model is broken]
    rules = tuple(broken.__acl__)
    for gone in range(len(rules)):
        monkeypatch.setattr(broken, "__acl__", type(broken.__acl__)(*rules[:gone], *rules[gone + 1 :]))
        assert any(
            may(each.object, permission, held) != oracle.permits(each.name, permission, held, each.row)
            for held, each in product(holders, resources)
            for permission in oracle.permissions(each.name)
            if (each.name, permission) != ("Event", "create")
        ), f"{broken.__name__} decides the same without {rules[gone]}"
