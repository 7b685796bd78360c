"""What tests are about: schools and accounts, made directly in the database, and clients that speak as them."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
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
    SupporterReader,
    User,
    WrivetedAdmin,
)
from app.classes.models import ClassGroup
from app.collections.models import Collection
from app.core.api_keys import ApiKeys
from app.core.db import Database
from app.core.leases import PING
from app.core.scopes import Scope
from app.core.security import Tokens
from app.core.text import fold
from app.schools.models import School, SchoolState
from app.service_accounts.models import ApiKey

HOUR = timedelta(hours=1)
YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Client:
    """An HTTP client that sends one account's token."""

    http: httpx.AsyncClient
    id: UUID
    token: str

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}", **options.pop("headers", {})}
        return await self.http.request(method, f"/v1{path}", headers=headers, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> httpx.Response:
        return await self.request("DELETE", path, **options)


@dataclass
class World:
    """Makes what a test needs. Everything is committed, as it would be in production."""

    database: Database
    http: httpx.AsyncClient = field(default_factory=httpx.AsyncClient)
    tokens: Tokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = Tokens.of(self.database.settings)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with self.database.transaction() as transaction:
            yield transaction.session

    async def school(self, name: str = "Annandale North Public School", **columns: Any) -> School:
        """An active Australian school."""
        values: dict[str, Any] = {
            "name": name,
            "search_name": fold(name),
            "country_code": "AUS",
            "official_identifier": uuid4().hex,
            "state": SchoolState.ACTIVE,
            "info": {"location": {"state": "NSW", "postcode": "2038"}},
        }
        async with self.session() as session:
            school = School(**(values | columns))
            session.add(school)
        return school

    async def collection(self, school: School, **columns: Any) -> Collection:
        async with self.session() as session:
            collection = Collection(name="School library", school_id=school.wriveted_identifier, **columns)
            session.add(collection)
        return collection

    async def class_group(self, school: School, name: str = "", **columns: Any) -> ClassGroup:
        """A class of the school. Nobody knows its code: a test that needs one makes the class over HTTP."""
        values: dict[str, Any] = {
            "name": name or f"Class {uuid4().hex[:6]}",
            "join_code_hash": secrets.token_bytes(32),
            "join_code_sealed": secrets.token_bytes(32),
            "join_code_expires_at": datetime.now(UTC) + YEAR,
        }
        async with self.session() as session:
            group = ClassGroup(school_id=school.wriveted_identifier, **(values | columns))
            session.add(group)
        return group

    async def admin(self) -> Client:
        """A Wriveted admin."""
        return await self.person(WrivetedAdmin(name="Ada Admin"))

    async def educator(self, school: School, **columns: Any) -> Client:
        return await self.person(Educator(name="Edith Educator", school_id=school.wriveted_identifier, **columns))

    async def school_admin(self, school: School, **columns: Any) -> Client:
        return await self.person(SchoolAdmin(name="Sam Admin", school_id=school.wriveted_identifier, **columns))

    async def student(self, group: ClassGroup, **columns: Any) -> Client:
        """A pupil of a class, with a user name of its own."""
        values: dict[str, Any] = {
            "name": "Kim K",
            "first_name": "Kim",
            "last_name_initial": "K",
            "username": f"reader{uuid4().hex[:12]}",
        }
        return await self.person(
            Student(school_id=group.school_id, class_group_id=group.id, **(values | columns)), email=None
        )

    async def public_reader(self, **columns: Any) -> Client:
        return await self.person(PublicReader(name="Robin R", first_name="Robin", last_name_initial="R", **columns))

    async def parent(self, *children: Client) -> Client:
        """A parent of these readers."""
        parent = await self.person(Parent(name="Pat Parent"))
        async with self.session() as session:
            for child in [await session.get(User, child.id) for child in children]:
                assert isinstance(child, Student | PublicReader)
                child.parent_id = parent.id
        return parent

    async def supporter(self, *readers: Client, is_active: bool = True) -> Client:
        """A supporter of these readers."""
        supporter = await self.person(Supporter(name="Sue Supporter"))
        async with self.session() as session:
            session.add_all(
                SupporterReader(
                    supporter_id=supporter.id, reader_id=reader.id, supporter_nickname="Nana", is_active=is_active
                )
                for reader in readers
            )
        return supporter

    async def person(self, user: User, **columns: Any) -> Client:
        """Store a person, with an e-mail address unless it says otherwise, and a client that speaks as it."""
        user.email = columns.get("email", f"{uuid4().hex}@example.com")
        async with self.session() as session:
            session.add(user)
        return Client(self.http, user.id, self.tokens.issue("user-account", user.id, HOUR))

    async def service(self, kind: str, *schools: School, vendor: bool = False) -> Client:
        """A service account of that kind, linked to the schools."""
        async with self.session() as session:
            account = ServiceAccount(name=f"{kind} of a test", type=ServiceAccountType(kind), is_vendor=vendor)
            account.links = [ServiceAccountSchool(school_id=school.wriveted_identifier) for school in schools]
            session.add(account)
        token = self.tokens.issue("service-account", account.id, HOUR, extra={"ver": account.credential_version})
        return Client(self.http, account.id, token)

    async def key(self, owner: Client, *scopes: str, schools: Sequence[School] | None = None, **columns: Any) -> Client:
        """An API key of a service account, with these scopes or all, that speaks for it."""
        made = ApiKeys(self.database.settings.environment).make()
        only = None if schools is None else [school.wriveted_identifier for school in schools]
        values: dict[str, Any] = {"name": "Key of a test", "expires_at": datetime.now(UTC) + HOUR, "school_ids": only}
        async with self.session() as session:
            session.add(
                ApiKey(
                    public_id=made.public_id,
                    secret_hash=made.secret_hash,
                    service_account_id=owner.id,
                    scopes=list(scopes or Scope),
                    **(values | columns),
                )
            )
        return Client(owner.http, owner.id, made.text)

    async def lms(self, *schools: School) -> Client:
        """A library system that serves the schools."""
        return await self.service("lms", *schools)

    async def count_statements(self, work: Awaitable[Any]) -> int:
        """How many statements the database is asked while the work is done, raw ones included; but not whether a
        connection that has been idle still answers."""
        count = 0
        execute = psycopg.AsyncCursor.execute

        async def counted(self: Any, *args: Any, **options: Any) -> Any:
            nonlocal count
            count += args[0] != PING
            return await execute(self, *args, **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(psycopg.AsyncCursor, "execute", counted)
            await work
        return count
