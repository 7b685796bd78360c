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
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import (
    Educator,
    Parent,
    PublicReader,
    SchoolAdmin,
    ServiceAccount,
    ServiceAccountSchool,
    ServiceAccountType,
    Student,
    Supporter,
    User,
    UserAccountType,
    WrivetedAdmin,
)
from app.accounts.principals import of_service_account, of_user
from app.booklists.models import BookList, ListSharingType
from app.books.models import Author, Edition, Illustrator, Merge, MergeKind, Series, Work
from app.classes.models import ClassGroup
from app.collections.models import Collection, CollectionItem, CollectionItemReadStatus, ReadingActivity
from app.core.acl import Acl, Allow, Deny, Inherit, may
from app.core.acl_sql import allowed, visible
from app.events.models import TIMELINE_PREFIX, Event, EventLevel
from app.feedback.models import SupporterFeedback
from app.labels.models import LabelChange, LabelGroup, LabelSet
from app.messages.models import EmailOutcome, SentEmail, Suppression, SuppressionReason
from app.people.schemas import ListType
from app.schools.models import School, SchoolState
from app.sign_in.models import SignInSession
from app.webhooks.models import Webhook, WebhookDelivery, WebhookEvent
from tests.books.catalogue import new_isbn
from tests.oracle import oracle

USERS = {
    "student": UserAccountType.STUDENT,
    "public_reader": UserAccountType.PUBLIC,
    "educator": UserAccountType.EDUCATOR,
    "school_admin": UserAccountType.SCHOOL_ADMIN,
    "parent": UserAccountType.PARENT,
    "supporter": UserAccountType.SUPPORTER,
    "admin": UserAccountType.WRIVETED,
}
"""The kinds of people, as the table and as the application calls them."""
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

    def first(self, name: str) -> UUID:
        """The id of the first resource that the table calls so."""
        key: UUID = next(each.key for each in self.resources if each.name == name)
        return key


async def build(session: AsyncSession) -> World:
    """Three schools and four people, and resources with every combination of owners among them and nobody."""
    made: list[Resource] = []
    schools = [_school(n) for n in range(3)]
    people = [WrivetedAdmin(id=uuid4(), name=f"Person {n}", email=f"{uuid4().hex}@example.com") for n in range(4)]
    session.add_all([*schools, *people])
    await session.flush()
    others = list(_people([each.wriveted_identifier for each in schools]))
    session.add_all([each.object for each in others])
    await session.flush()
    made += others
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
    for school in school_ids:
        group = ClassGroup(
            id=uuid4(),
            school_id=school,
            name="Class",
            join_code_hash=uuid4().bytes,
            join_code_sealed=b"",
            join_code_expires_at=func.now(),
        )
        made.append(Resource(ClassGroup, "ClassGroup", {"id": group.id, "school": school}, group))
    for person in people_ids:
        sign_in = SignInSession(user_id=person, method="firebase", authenticated_at=func.now(), expires_at=func.now())
        made.append(Resource(SignInSession, "SignInSession", {"user": person}, sign_in))
    work = Work(title="Work", match_title="work")
    catalogue = {
        "Work": work,
        "Edition": Edition(isbn=new_isbn(), sort_title="edition"),
        "Author": Author(last_name="A", name_key="a"),
        "Illustrator": Illustrator(last_name="B", name_key="b"),
        "Series": Series(title="S", title_key=uuid4().hex),
        "Merge": Merge(kind=MergeKind.WORK, from_id=1, into_id=2, actor="user:x", undo={}),
    }
    made += [Resource(type(each), name, {}, each) for name, each in catalogue.items()]
    session.add_all([each.object for each in made])
    await session.flush()
    mail = (Suppression(mark=b"1", reason=SuppressionReason.STAFF), SentEmail(id=uuid4(), template="message"))
    mail[1].outcome = EmailOutcome.SENT
    beside = [Resource(type(each), type(each).__name__, {}, each) for each in mail]
    beside += [*_webhooks(school_ids, made), *_feedback(people_ids, made)]
    for model in (Webhook, SupporterFeedback, WebhookDelivery, Suppression, SentEmail):
        session.add_all([each.object for each in beside if each.model is model])
        await session.flush()
    made += beside
    labels = LabelSet(work_id=work.id)
    session.add(labels)
    await session.flush()
    made.append(Resource(LabelSet, "LabelSet", {}, labels))
    change = LabelChange(
        labelset_id=labels.id, work_id=work.id, actor="user:x", label_group=LabelGroup.AGE, before={}, after={}
    )
    session.add(change)
    await session.flush()
    made.append(Resource(LabelChange, "LabelChange", {}, change))
    made += [*_lists(school_ids, people_ids), *_activities(people_ids, made)]
    session.add_all([each.object for each in made if each.model in (BookList, ReadingActivity)])
    await session.flush()
    await session.scalars(select(ReadingActivity).execution_options(populate_existing=True))
    unborn = [
        _list(kind, ListSharingType.PUBLIC, person, school)
        for kind, person, school in product(ListType, [*people_ids[:2], None], [*school_ids[:2], None])
    ]
    return World(school_ids, people_ids, made, unborn)


def _webhooks(schools: list[UUID], made: list[Resource]) -> Iterator[Resource]:
    """Of every school, of its staff and of a program; and a delivery of each."""
    program = next(each.key for each in made if each.model is ServiceAccount)
    for school, by in product(schools, (None, program)):
        row = {"school": school, "program": by}
        columns: dict[str, Any] = {"url": "https://a.example.com/", "secret_sealed": b"", "events": ["school.updated"]}
        webhook = Webhook(id=uuid4(), school_id=school, service_account_id=by, **columns)
        delivery = WebhookDelivery(id=uuid4(), webhook=webhook, event=WebhookEvent.SCHOOL_UPDATED, data={})
        yield Resource(Webhook, "Webhook", row, webhook)
        yield Resource(WebhookDelivery, "WebhookDelivery", row, delivery)


def _feedback(people: list[UUID], made: list[Resource]) -> Iterator[Resource]:
    event = next(each.key for each in made if each.model is Event)
    for person in people:
        answer = SupporterFeedback(id=uuid4(), event_id=event, supporter_id=person, reader_id=person)
        yield Resource(SupporterFeedback, "SupporterFeedback", {"reader": person}, answer)


def _lists(schools: list[UUID], people: list[UUID]) -> Iterator[Resource]:
    """Lists of every type and sharing, of every owner that their type has."""
    for kind, sharing in product(ListType, ListSharingType):
        for person in people if kind is ListType.PERSONAL else [None]:
            for school in schools if kind is ListType.SCHOOL else [None]:
                yield _list(kind, sharing, person, school)


def _list(kind: ListType, sharing: ListSharingType, person: UUID | None, school: UUID | None) -> Resource:
    row = {"type": kind.value, "sharing": sharing.value, "user": person, "school": school}
    slug = f"matrix-{uuid4().hex}" if kind is ListType.HUEY else None
    one = BookList(name="L", type=kind, sharing=sharing, slug=slug, user_id=person, school_id=school)
    return Resource(BookList, "BookList", row, one)


def _activities(people: list[UUID], made: list[Resource]) -> Iterator[Resource]:
    """What people of no school, and pupils of each, read."""
    item = next(each.key for each in made if each.model is CollectionItem)
    pupils = [(each.key, each.row["school"]) for each in made if each.model is Student]
    for reader, school in [*((person, None) for person in people), *pupils]:
        log = ReadingActivity(collection_item_id=item, reader_id=reader, status=CollectionItemReadStatus.READ)
        yield Resource(ReadingActivity, "ReadingActivity", {"reader": reader, "school": school}, log)


def _people(schools: list[UUID]) -> Iterator[Resource]:
    """People of every other kind: of each school, and of none."""
    for school in schools:
        named = {"name": "Somebody", "school_id": school}
        for person in (Student(username=uuid4().hex, **named), Educator(**named), SchoolAdmin(**named)):
            person.id = uuid4()
            yield Resource(type(person), type(person).__name__, {"id": person.id, "school": school}, person)
    for model in (PublicReader, PublicReader, Parent, Parent, Supporter):
        person = model(id=uuid4(), name="Somebody")
        yield Resource(model, model.__name__, {"id": person.id}, person)


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
    children = [child, world.first("Student"), world.first("PublicReader")]
    parents = [other, world.first("Parent")]
    selves = [someone, *(world.first(name) for name in ("Student", "PublicReader", "Educator", "SchoolAdmin"))]
    for kind in oracle.kinds():
        for active in (True, False):
            base = {"kind": kind, "id": someone, "active": active}
            if kind in ("lms", "school", "kiosk"):
                for schools, vendor in product(([], [first], [first, second]), (False, True)):
                    yield base | {"schools": schools, "vendor": vendor}
            elif kind in ("student", "educator", "school_admin"):
                for self_id, parent in product(selves, parents):
                    yield base | {"id": self_id, "school": first, "class": world.first("ClassGroup"), "parent": parent}
                yield base | {"school": second, "class": uuid4(), "school_state": "inactive"}
            elif kind in ("parent", "supporter"):
                for self_id in (someone, world.first("Parent"), world.first("Supporter")):
                    yield base | {"id": self_id, "children": children, "readers": [*children, other]}
                yield base | {"children": [], "readers": []}
            else:
                for self_id, parent in product(selves, parents):
                    yield base | {"id": self_id, "parent": parent}


@pytest.fixture
async def world(session: AsyncSession) -> World:
    """The decisions of one object are many, and the transaction idles meanwhile."""
    await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
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
        if account["kind"] in USERS and account.get("school_state") != "inactive":
            held = of_user(
                account["id"],
                USERS[account["kind"]],
                school=account.get("school"),
                class_group=account.get("class"),
                parent=account.get("parent"),
                readers=account.get("children" if account["kind"] == "parent" else "readers", ()),
            )
            assert held == oracle.principals(account)


BROKEN = [
    *(Collection, School, Event, ServiceAccount, ClassGroup, SignInSession, BookList, ReadingActivity),
    *(Webhook, SupporterFeedback),
    *(Student, PublicReader, Educator, SchoolAdmin, Parent, Supporter, WrivetedAdmin),
]


async def test_a_list_of_all_people_holds_what_the_table_grants_of_each_kind(
    world: World, session: AsyncSession
) -> None:
    """One query over the whole hierarchy, each row asked by the rules of its own kind."""
    people = [each for each in world.resources if issubclass(each.model, User)]
    ours = User.id.in_([each.key for each in people])
    for account in accounts(world):
        held = oracle.principals(account)
        for permission in oracle.permissions("User"):
            meant = {each.key for each in people if oracle.decide(each.name, permission, account, each.row)}
            found = set(await session.scalars(select(User.id).where(ours, allowed(User, permission, held))))
            assert found == meant, (account, permission)


def mutants(rules: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """The rules with one fault each: a rule gone, turned round, short of a permission, or without its condition."""
    for place, rule in enumerate(rules):
        before, after = rules[:place], rules[place + 1 :]
        yield f"without {rule}", (*before, *after)
        if isinstance(rule, Inherit):
            continue
        action, principal, permissions, *condition = rule
        turned = Deny if action == Allow else Allow
        yield f"{turned} instead of {rule}", (*before, (turned, principal, permissions, *condition), *after)
        if condition:
            yield f"{rule} always", (*before, (action, principal, permissions), *after)
        if isinstance(permissions, tuple):
            for gone in permissions:
                fewer = tuple(each for each in permissions if each != gone)
                yield f"{rule} not to {gone}", (*before, (action, principal, fewer, *condition), *after)


@pytest.mark.parametrize("broken", BROKEN)
async def test_this_test_notices_every_fault_in_a_rule(
    world: World, broken: type[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For somebody who holds one or two principals each fault has to change an answer."""
    singles = sorted({principal for account in accounts(world) for principal in oracle.principals(account)})
    holders = [{one} for one in singles]
    holders += [{beside, one} for beside in ("role:student", "system:everyone") for one in singles]
    resources = [each for each in (*world.resources, *world.unborn) if each.model is broken]
    asked = [
        (each, permission, held, oracle.permits(each.name, permission, held, each.row))
        for held, each in product(holders, resources)
        for permission in oracle.permissions(each.name)
        if (each.name, permission) != ("Event", "create")
    ]
    survivors = []
    for fault, rules in mutants(tuple(broken.__acl__)):
        monkeypatch.setattr(broken, "__acl__", Acl(*rules))
        if all(may(each.object, permission, held) == meant for each, permission, held, meant in asked):
            survivors.append(fault)
    assert not survivors
