"""What requests are about: a school with all that belongs to it; and who sends them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from app.accounts.models import ServiceAccount, ServiceAccountSchool, ServiceAccountType
from app.booklists.models import BookList, ListSharingType, ListType
from app.collections.models import Collection, CollectionItem
from app.core.text import fold
from app.schools.models import School, SchoolState
from tests.api.operations import Operation
from tests.world import HOUR, Client, World

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A school with a collection of one book, a list that it shares with its members and a service account; a school
    that has no collection yet; and a list that anybody may read."""

    school: UUID
    bare_school: UUID
    collection: UUID
    item: int
    service_account: UUID
    booklist: UUID
    slug: str

    @property
    def in_path(self) -> dict[str, object]:
        return {
            "wriveted_identifier": self.school,
            "collection_id": self.collection,
            "collection_item_id": self.item,
            "service_account_id": self.service_account,
            "booklist_identifier": self.booklist,
            "booklist_slug": self.slug,
        }


NOWHERE = Target(uuid4(), uuid4(), uuid4(), 2**31 - 1, uuid4(), uuid4(), "nowhere")
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
        lists = [_list(school.wriveted_identifier) for school in schools[:number]]
        published = [_published() for _ in lists]
        session.add_all([*items, *accounts, *lists, *published])
        await session.flush()
    ids = (school.wriveted_identifier for school in schools)
    paired = zip(collections, items, accounts, schools[number:], lists, published, strict=True)
    return [
        Target(next(ids), bare.wriveted_identifier, collection.id, item.id, account.id, booklist.id, str(anybodys.slug))
        for collection, item, account, bare, booklist, anybodys in paired
    ]


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


def _list(school: UUID) -> BookList:
    return BookList(
        id=uuid4(), name="Holidays", type=ListType.SCHOOL, sharing=ListSharingType.RESTRICTED, school_id=school
    )


def _published() -> BookList:
    return BookList(name="Huey's", type=ListType.HUEY, sharing=ListSharingType.PUBLIC, slug=f"hueys-{uuid4().hex}")


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
