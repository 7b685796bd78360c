"""What requests are about: a school with all that belongs to it; and who sends them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccount, ServiceAccountSchool, ServiceAccountType
from app.books.merging.links import LINKS
from app.books.models import Author, Illustrator, Merge, MergeKind, Work
from app.collections.models import Collection, CollectionItem
from app.core.text import fold
from app.schools.models import School, SchoolState
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
    """A school with a collection of one book and a service account; a school that has no collection yet; and a book
    of the catalogue, which is nobody's."""

    school: UUID
    bare_school: UUID
    collection: UUID
    item: int
    service_account: UUID
    book: "Book"

    @property
    def in_path(self) -> dict[str, object]:
        return {
            "wriveted_identifier": self.school,
            "collection_id": self.collection,
            "collection_item_id": self.item,
            "service_account_id": self.service_account,
            "work_id": self.book.work,
            "author_id": self.book.author,
            "illustrator_id": self.book.illustrator,
            "merge_id": self.book.merge,
        }


ABSENT = 2**31 - 1
NOWHERE = Target(
    uuid4(), uuid4(), uuid4(), ABSENT, uuid4(), Book(ABSENT, ABSENT - 1, ABSENT, ABSENT - 1, ABSENT, ABSENT)
)
"""Nothing of this exists."""


async def targets(world: World, number: int, **columns: Any) -> list[Target]:
    """That many targets, made at once. ``columns`` are those of their schools."""
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
        session.add_all([*items, *accounts])
        await session.flush()
        books = await _books(session, number)
    ids = (school.wriveted_identifier for school in schools)
    paired = zip(collections, items, accounts, schools[number:], books, strict=True)
    return [
        Target(next(ids), bare.wriveted_identifier, collection.id, item.id, account.id, book)
        for collection, item, account, bare, book in paired
    ]


async def _books(session: AsyncSession, number: int) -> list[Book]:
    works = [Work(title="Matilda", match_title="matilda") for _ in range(3 * number)]
    authors = [Author(last_name="Dahl", name_key="dahl") for _ in range(2 * number)]
    illustrators = [Illustrator(last_name="Blake", name_key="blake") for _ in range(number)]
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
    row = {"id": from_id, "type": "book", "title": "Gone", "match_title": "gone"}
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


def _account(kind: str, *schools: UUID, **columns: Any) -> ServiceAccount:
    account = ServiceAccount(name=f"{kind} of a target", type=ServiceAccountType(kind), **columns)
    account.links = [ServiceAccountSchool(school_id=school) for school in schools]
    return account


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


async def call(client: Client, operation: Operation, target: Target, body: Any) -> Any:
    """Send an operation at a target."""
    options = {} if body is None else {"json": body}
    path = operation.at(**target.in_path).removeprefix("/v1")
    return await client.request(operation.method, path, **options)
