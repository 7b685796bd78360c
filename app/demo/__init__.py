"""A small demonstration set, for development and for trying the API out: schools, people, real books, a collection.

``SOURCES.md`` says where its facts are from.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import select
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
from app.accounts.principals import ADMIN
from app.booklists.models import BookList
from app.classes.codes import Codes
from app.classes.models import ClassGroup
from app.collections.models import Collection
from app.core.account import Account
from app.core.api_keys import ApiKeys
from app.core.config import Settings
from app.core.db import Database
from app.core.scopes import Scope
from app.core.security import Tokens
from app.core.text import fold
from app.demo.books import plant_catalogue, plant_lists, plant_shelves
from app.schools.models import School, SchoolState
from app.service_accounts.models import ApiKey

DEMO = UUID("8f14c1f6-0e0b-4c1c-9a55-6d9f3a5b8c10")
TOKEN_LIFETIME = timedelta(days=30)


class Place(NamedTuple):
    name: str
    official_identifier: str
    suburb: str
    postcode: str


PLACES = (
    Place("Beachlands School", "1224", "Beachlands", "2018"),
    Place("Wellsford School", "1126", "Wellsford", "0900"),
    Place("Balmoral School (Auckland)", "1219", "Mount Eden", "1024"),
    Place("Waiheke Island Steiner School", "779", "Waiheke Island", "1081"),
)
SERVICES: Mapping[str, ServiceAccountType] = {
    "backend": ServiceAccountType.BACKEND,
    "lms": ServiceAccountType.LMS,
    "library": ServiceAccountType.SCHOOL,
    "kiosk": ServiceAccountType.KIOSK,
}
PEOPLE = ("admin", "school_admin", "educator", "student", "parent", "supporter", "public")
PUPILS: Mapping[str, str] = {"student": "MerryOtter42", "student_2": "BraveHeron17", "student_3": "QuietWombat63"}
"""User names; the first is the child of ``parent``, whom ``supporter`` cheers on."""


async def plant(settings: Settings) -> dict[str, str]:
    """Store the demonstration set unless it is there, and return a fresh token for each role.

    The roles are those of `PEOPLE` and the service accounts ``backend``, ``lms``, ``library`` and ``kiosk``, the last
    three linked to the first school, of which the people are. Raises ``SystemExit`` in production.
    """
    if settings.environment == "production":
        raise SystemExit("The demonstration set is for development; this is production.")
    tokens = Tokens.of(settings)
    database = Database(settings)
    try:
        async with database.transaction() as transaction:
            if await transaction.session.get(WrivetedAdmin, _id("admin")) is None:
                await _plant(transaction.session)
            if await transaction.session.get(BookList, _id("huey list")) is None:
                await transaction.allow_bulk()
                await _plant_books(transaction.session, tokens)
            if await transaction.session.get(ClassGroup, _id("class")) is None:
                await _plant_people(transaction.session, Codes.of(settings))
    finally:
        await database.dispose()
    issued = {role: tokens.issue("user-account", _id(role), TOKEN_LIFETIME) for role in PEOPLE}
    for role in SERVICES:
        issued[role] = tokens.issue("service-account", _id(role), TOKEN_LIFETIME, extra={"ver": 1})
    return issued


async def planted_classes(settings: Settings) -> dict[str, dict[str, Any]]:
    """The classes of the planted set by name, with what their pupils sign in with: the code, and their user names."""
    codes, database = Codes.of(settings), Database(settings)
    pupils = select(Student.username).where(Student.class_group_id == _id("class")).order_by(Student.username)
    try:
        async with database.transaction() as transaction:
            group = await transaction.session.get_one(ClassGroup, _id("class"))
            usernames = list(await transaction.session.scalars(pupils))
            return {group.name: {"join_code": codes.shown(group), "usernames": usernames}}
    finally:
        await database.dispose()


def described(group: Mapping[str, Any]) -> str:
    """A planted class for people: how its pupils sign in."""
    return f"the code {group['join_code']} and the user name {', '.join(group['usernames'])}"


async def plant_keys(settings: Settings) -> dict[str, str]:
    """A fresh API key with every scope for the role ``lms`` of the planted set, in place of the last planting's."""
    made, now = ApiKeys(settings.environment).make(), datetime.now(UTC)
    key = ApiKey(
        id=_id("key"),
        public_id=made.public_id,
        secret_hash=made.secret_hash,
        service_account_id=_id("lms"),
        name="Demo key",
        scopes=list(Scope),
        created_at=now,
        expires_at=now + TOKEN_LIFETIME,
    )
    database = Database(settings)
    try:
        async with database.transaction() as transaction:
            await transaction.session.merge(key)
    finally:
        await database.dispose()
    return {"lms": made.text}


async def _plant(session: AsyncSession) -> None:
    admin = WrivetedAdmin(id=_id("admin"), name="Demo Admin", email="admin@demo.invalid")
    schools = [_school(place) for place in PLACES]
    session.add_all([admin, *schools])
    await session.flush()
    for role, kind in SERVICES.items():
        account = ServiceAccount(id=_id(role), name=f"Demo {role}", type=kind)
        if role != "backend":
            account.links = [ServiceAccountSchool(school_id=schools[0].wriveted_identifier)]
        session.add(account)
    await session.flush()


async def _plant_books(session: AsyncSession, tokens: Tokens) -> None:
    """Also where an older release planted fewer."""
    admin, program = tokens.issue("user-account", _id("admin"), TOKEN_LIFETIME), SERVICES["backend"]
    claims = tokens.read(admin)
    planter = Account("user", _id("admin"), "wriveted", "Demo Admin", frozenset({ADMIN}), claims)
    labeller = Account("service_account", _id("backend"), program, "Demo backend", frozenset({ADMIN}), claims)
    place = PLACES[0].name
    shelves = Collection(id=_id("collection"), name=f"{place} library", school_id=_id(place), item_count=0)
    await plant_catalogue(session, planter, labeller)
    await plant_shelves(session, planter, shelves)
    await plant_lists(session, planter, _id(place), _id("huey list"), _id("school list"))


async def _plant_people(session: AsyncSession, codes: Codes) -> None:
    """The people of the first school, and a family: the class's code is drawn by lot."""
    school = _id(PLACES[0].name)
    columns, _ = codes.new(_id("class"))
    staff = {"school_admin": SchoolAdmin, "educator": Educator}
    others: dict[str, type[User]] = {"parent": Parent, "supporter": Supporter, "public": PublicReader}
    session.add(ClassGroup(id=_id("class"), school_id=school, name="Room 3", **columns))
    session.add_all(kind(**_person_named(role), school_id=school) for role, kind in staff.items())
    session.add_all(kind(**_person_named(role)) for role, kind in others.items())
    await session.flush()
    session.add_all(
        Student(
            id=_id(role),
            name=username,
            username=username,
            first_name=username,
            school_id=school,
            class_group_id=_id("class"),
            parent_id=_id("parent") if role == "student" else None,
        )
        for role, username in PUPILS.items()
    )
    await session.flush()
    link = SupporterReader(supporter_id=_id("supporter"), reader_id=_id("student"), is_active=True)
    link.supporter_nickname = "Nana"
    session.add(link)


def _person_named(role: str) -> dict[str, Any]:
    return {"id": _id(role), "name": f"Demo {role.replace('_', ' ')}", "email": f"{role}@demo.invalid"}


def _id(name: str) -> UUID:
    """The same id at every planting."""
    return uuid5(DEMO, name)


def _school(place: Place) -> School:
    return School(
        wriveted_identifier=_id(place.name),
        name=place.name,
        search_name=fold(place.name),
        country_code="NZL",
        official_identifier=place.official_identifier,
        state=SchoolState.ACTIVE,
        info={"location": {"suburb": place.suburb, "state": "Auckland", "postcode": place.postcode}, "experiments": {}},
    )
