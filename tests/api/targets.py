"""What requests are about: a school with all that belongs to it; and who sends them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import (
    ServiceAccount,
    ServiceAccountSchool,
    ServiceAccountType,
    Student,
    Supporter,
    SupporterReader,
)
from app.booklists.models import BookList, ListSharingType
from app.books.merging.links import LINKS
from app.books.models import Author, Illustrator, Merge, MergeKind, Work
from app.classes.models import ClassGroup
from app.collections.models import Collection, CollectionItem
from app.core.api_keys import ApiKeys
from app.core.outbox import TaskRow
from app.core.text import fold
from app.events.models import Event, EventLevel
from app.events.titles import READING_LOGGED
from app.messages.models import Suppression, SuppressionReason
from app.people.schemas import ListType
from app.schools.models import School, SchoolState
from app.service_accounts.models import ApiKey
from app.sign_in.models import SignInSession
from app.webhooks.models import DeliveryState, Webhook, WebhookDelivery, WebhookEvent
from tests.api.operations import Operation
from tests.world import HOUR, Client, World

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Book:
    """A work and an author with a duplicate of each, an illustrator, and a merge that can be undone."""

    work: int
    other_work: int
    author: int
    other_author: int
    illustrator: int
    merge: int


@dataclass(frozen=True)
class Target:
    """A school with a collection of one book, a class, a list that it shares with its members and a service account
    with a key; a school that has no collection yet, but a student, who is signed in, and whom a supporter
    cheers on; a list that anybody may read; and a book, which is nobody's."""

    school: UUID
    bare_school: UUID
    collection: UUID
    item: int
    service_account: UUID
    api_key: UUID
    student: UUID
    supporter: UUID
    class_group: UUID
    session: UUID
    booklist: UUID
    published: UUID
    event: UUID
    webhook: UUID
    delivery: UUID
    suppression: UUID
    task: UUID
    student_school: UUID
    book: "Book"

    @property
    def slug(self) -> str:
        """Of the list that anybody may read."""
        return f"list-{self.published}"

    @property
    def in_path(self) -> dict[str, object]:
        return {
            "wriveted_identifier": self.school,
            "collection_id": self.collection,
            "collection_item_id": self.item,
            "service_account_id": self.service_account,
            "id": self.class_group,
            "key_id": self.api_key,
            "user_id": self.student,
            "supporter_id": self.supporter,
            "session_id": self.session,
            "work_id": self.book.work,
            "author_id": self.book.author,
            "illustrator_id": self.book.illustrator,
            "merge_id": self.book.merge,
            "event_id": self.event,
            "webhook_id": self.webhook,
            "delivery_id": self.delivery,
            "suppression_id": self.suppression,
            "booklist_identifier": self.booklist,
            "booklist_slug": self.slug,
            "task_id": self.task,
        }


ABSENT = 2**31 - 1
NO_BOOK = Book(ABSENT, ABSENT - 1, ABSENT, ABSENT - 1, ABSENT, ABSENT)
NOWHERE = Target(uuid4(), uuid4(), uuid4(), ABSENT, *(uuid4() for _ in range(14)), NO_BOOK)
"""Nothing of this exists."""


async def targets(world: World, number: int, *, together: bool = False, **columns: Any) -> list[Target]:
    """That many targets, made at once. ``columns`` are those of their schools.

    ``together``: the student is in the class, instead of at the school that has nothing.
    """
    schools = [_school(**columns) for _ in range(2 * number)]
    collections = [
        Collection(name="School library", school_id=school.wriveted_identifier) for school in schools[:number]
    ]
    async with world.session() as session:
        session.add_all(schools)
        await session.flush()
        session.add_all(collections)
        await session.flush()
        items = [_item(collection) for collection in collections]
        accounts = [_account("kiosk", school.wriveted_identifier) for school in schools[:number]]
        classes = [_class_group(school.wriveted_identifier) for school in schools[:number]]
        session.add_all(classes)
        await session.flush()
        if together:
            students = [_student(group.school_id, group.id) for group in classes]
        else:
            students = [_student(school.wriveted_identifier) for school in schools[number:]]
        supporters = [Supporter(name="Sue Supporter") for _ in students]
        session.add_all([*items, *accounts, *students, *supporters])
        await session.flush()
        keys = [_key(account) for account in accounts]
        lists = [_list(school.wriveted_identifier) for school in schools[:number]]
        published = [_published(uuid4()) for _ in lists]
        signed_in = [_signed_in(student) for student in students]
        waiting = [TaskRow(id=uuid4(), kind="of-a-target", payload={}) for _ in lists]
        session.add_all([*lists, *published, *keys, *signed_in, *waiting])
        session.add_all(_link(*pair) for pair in zip(supporters, students, strict=True))
        await session.flush()
        logged = [_logged(student) for student in students]
        webhooks = [_webhook(*pair) for pair in zip(schools, accounts, strict=False)]
        unwanted = [Suppression(mark=uuid4().bytes, reason=SuppressionReason.STAFF) for _ in webhooks]
        session.add_all([*logged, *webhooks, *unwanted])
        await session.flush()
        delivered = [_delivered(webhook) for webhook in webhooks]
        session.add_all(delivered)
        await session.flush()
        books = await _books(session, number)
    ids = (school.wriveted_identifier for school in schools)
    of_each = (collections, items, accounts, keys, students, supporters, classes, signed_in, lists, published)
    of_each += (logged, webhooks, delivered, unwanted, waiting)
    paired = zip(*of_each, (student.school_id for student in students), schools[number:], books, strict=True)
    return [
        Target(next(ids), bare.wriveted_identifier, *(each.id for each in belongings), home, book)
        for *belongings, home, bare, book in paired
    ]


def _signed_in(student: Student) -> SignInSession:
    now = datetime.now(UTC)
    return SignInSession(user_id=student.id, method="firebase", authenticated_at=now, expires_at=now + HOUR)


def _logged(student: Student) -> Event:
    """A reading log of the student's, on no school's record."""
    return Event(id=uuid4(), title=READING_LOGGED, level=EventLevel.NORMAL, user_id=student.id, info={})


def _webhook(school: School, account: ServiceAccount) -> Webhook:
    """A program's."""
    return Webhook(
        id=uuid4(),
        school_id=school.wriveted_identifier,
        service_account_id=account.id,
        url="https://library.example.com/",
        events=["collection.updated"],
        secret_sealed=uuid4().bytes,
    )


def _delivered(webhook: Webhook) -> WebhookDelivery:
    data = {"school_id": str(webhook.school_id)}
    event, state = WebhookEvent.COLLECTION_UPDATED, DeliveryState.DELIVERED
    return WebhookDelivery(id=uuid4(), webhook_id=webhook.id, event=event, state=state, data=data)


async def _books(session: AsyncSession, number: int) -> list[Book]:
    works = [Work(title="Matilda", match_title=uuid4().hex) for _ in range(3 * number)]
    authors = [Author(last_name="Dahl", name_key=uuid4().hex) for _ in range(2 * number)]
    illustrators = [Illustrator(last_name="Blake", name_key=uuid4().hex) for _ in range(number)]
    session.add_all([*works, *authors, *illustrators])
    await session.flush()
    gone = [_gone(work.id, into.id) for work, into in zip(works[2 * number :], works[:number], strict=True)]
    session.add_all(gone)
    await session.execute(delete(Work).where(Work.id.in_([merge.from_id for merge in gone])))
    await session.flush()
    return [
        Book(works[n].id, works[number + n].id, authors[n].id, authors[number + n].id, illustrators[n].id, gone[n].id)
        for n in range(number)
    ]


def _gone(from_id: int, into_id: int) -> Merge:
    """What is kept of a work without anything that was merged."""
    moment = "2026-01-01T00:00:00Z"
    row = {"id": from_id, "type": "book", "title": "Gone", "match_title": "gone", "match_subtitle": ""}
    links: dict[str, Any] = {link.table: {"moved": [], "taken": []} for link in LINKS[MergeKind.WORK]}
    undo = {"row": {**row, "created_at": moment, "updated_at": moment}, "links": links}
    return Merge(kind=MergeKind.WORK, from_id=from_id, into_id=into_id, actor="user:nobody", undo=undo)


def _school(**columns: Any) -> School:
    values = {
        "wriveted_identifier": uuid4(),
        "name": "Annandale North Public School",
        "search_name": fold("Annandale North Public School"),
        "country_code": "AUS",
        "official_identifier": uuid4().hex,
        "state": SchoolState.ACTIVE,
        "info": {"location": {"state": "NSW", "postcode": "2038"}},
    }
    return School(**(values | columns))


def _item(collection: Collection) -> CollectionItem:
    return CollectionItem(
        collection_id=collection.id,
        local_key="our school",
        sort_title="our school",
        copies_total=1,
        copies_available=1,
        info={"title": "Our School"},
    )


def _student(school: UUID, group: UUID | None = None) -> Student:
    return Student(
        name="Kim K",
        first_name="Kim",
        last_name_initial="K",
        username="brave-otter-47",
        school_id=school,
        class_group_id=group,
        email=f"{uuid4().hex}@example.com",
    )


def _link(supporter: Supporter, student: Student) -> SupporterReader:
    return SupporterReader(supporter_id=supporter.id, reader_id=student.id, supporter_nickname="Nana", is_active=True)


def _class_group(school: UUID) -> ClassGroup:
    """A class whose code nobody knows."""
    return ClassGroup(
        school_id=school,
        name=f"Class {uuid4()}",
        join_code_hash=uuid4().bytes,
        join_code_sealed=uuid4().bytes,
        join_code_expires_at=datetime.now(UTC) + timedelta(days=365),
    )


def _list(school: UUID) -> BookList:
    sharing = ListSharingType.RESTRICTED
    return BookList(id=uuid4(), name="Holidays", type=ListType.SCHOOL, sharing=sharing, school_id=school)


def _published(list_id: UUID) -> BookList:
    sharing = ListSharingType.PUBLIC
    return BookList(id=list_id, name="Huey's", type=ListType.HUEY, sharing=sharing, slug=f"list-{list_id}")


def _account(kind: str, *schools: UUID, **columns: Any) -> ServiceAccount:
    account = ServiceAccount(name=f"{kind} of a target", type=ServiceAccountType(kind), **columns)
    account.links = [ServiceAccountSchool(school_id=school) for school in schools]
    return account


def _key(account: ServiceAccount) -> ApiKey:
    made = ApiKeys("test").make()
    return ApiKey(
        public_id=made.public_id,
        secret_hash=made.secret_hash,
        service_account_id=account.id,
        name="Key of a target",
        scopes=["books:read"],
        expires_at=datetime.now(UTC) + HOUR,
    )


@dataclass(frozen=True)
class Archetype:
    """A kind of caller: what the oracle calls it, and how it is made."""

    name: str
    kind: str
    has_schools: bool = False
    vendor: bool = False
    active: bool = True

    def __str__(self) -> str:
        return self.name

    def values(self, account_id: UUID, schools: Iterable[UUID]) -> Row:
        """The account as the oracle takes it."""
        linked = list(schools) if self.has_schools else []
        return {"kind": self.kind, "id": account_id, "active": self.active, "schools": linked, "vendor": self.vendor}

    async def client(self, world: World, schools: Iterable[UUID]) -> Client:
        if self.kind == "admin":
            return await world.admin()
        linked = schools if self.has_schools else ()
        account = _account(self.kind, *linked, is_vendor=self.vendor, is_active=self.active)
        async with world.session() as session:
            session.add(account)
        token = world.tokens.issue("service-account", account.id, HOUR, extra={"ver": account.credential_version})
        return Client(world.http, account.id, token)


ARCHETYPES = [
    Archetype("admin", "admin"),
    Archetype("backend", "backend"),
    Archetype("lms", "lms", has_schools=True),
    Archetype("lms without schools", "lms"),
    Archetype("lms vendor", "lms", vendor=True),
    Archetype("library", "school", has_schools=True),
    Archetype("library without schools", "school"),
    Archetype("kiosk", "kiosk", has_schools=True),
    Archetype("kiosk without schools", "kiosk"),
    Archetype("deactivated lms", "lms", has_schools=True, active=False),
]
ACTIVE = [archetype for archetype in ARCHETYPES if archetype.active]
LINKED = [archetype for archetype in ACTIVE if archetype.has_schools]

Body = Callable[[Target], Any]


async def call(
    client: Client, operation: Operation, target: Target, body: Any, query: Mapping[str, str] | None = None
) -> Any:
    """Send an operation at a target."""
    options: dict[str, Any] = {} if body is None else {"json": body}
    if query:
        options["params"] = query
    path = operation.at(**target.in_path).removeprefix("/v1")
    return await client.request(operation.method, path, **options)
