"""What requests are about: a school with all that belongs to it; and who sends them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from app.accounts.models import (
    ServiceAccount,
    ServiceAccountSchool,
    ServiceAccountType,
    Student,
    Supporter,
    SupporterReader,
)
from app.classes.models import ClassGroup
from app.collections.models import Collection, CollectionItem
from app.core.api_keys import ApiKeys
from app.core.text import fold
from app.schools.models import School, SchoolState
from app.service_accounts.models import ApiKey
from app.sign_in.models import SignInSession
from tests.api.operations import Operation
from tests.world import HOUR, Client, World

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """A school with a collection of one book, a class and a service account with a key; and a school that has no
    collection yet, but a student, who is signed in, and whom a supporter cheers on."""

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
    student_school: UUID

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
        }


NOWHERE = Target(uuid4(), uuid4(), uuid4(), 2**31 - 1, *(uuid4() for _ in range(7)))
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
        signed_in = [_signed_in(student) for student in students]
        session.add_all([*keys, *signed_in, *(_link(*pair) for pair in zip(supporters, students, strict=True))])
        await session.flush()
    ids = (school.wriveted_identifier for school in schools)
    belongings = zip(collections, items, accounts, keys, students, supporters, classes, signed_in, strict=True)
    paired = ((*each, bare) for each, bare in zip(belongings, schools[number:], strict=True))
    homes = (student.school_id for student in students)
    return [
        Target(next(ids), bare.wriveted_identifier, *(each.id for each in belongings), next(homes))
        for *belongings, bare in paired
    ]


def _signed_in(student: Student) -> SignInSession:
    now = datetime.now(UTC)
    return SignInSession(user_id=student.id, method="firebase", authenticated_at=now, expires_at=now + HOUR)


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
