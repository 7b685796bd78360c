"""Whose account an exchange leads to: identities first, a verified address once, and nobody else's ever."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text, update

from app.accounts.models import Educator, PublicReader, SchoolAdmin, Student, User, WrivetedAdmin
from app.audit.models import AuditRow
from app.events.models import Event
from app.schools.models import SchoolState
from app.sign_in.models import Identity, SignInSession, SpentToken
from tests.sign_in.conftest import Door
from tests.sign_in.fake_google import HOUR, ISSUER, Google
from tests.world import World


async def whose(door: Door, token: str) -> dict[str, Any]:
    """The person that an access token speaks for."""
    answer = await door.ask("GET", "/auth/me", token)
    assert answer.status_code == 200, answer.text
    person: dict[str, Any] = answer.json()["user"]
    return person


async def code_of(door: Door, token: str, **query: object) -> str:
    answer = await door.exchange(token, **query)
    assert answer.status_code == 401, answer.text
    return str(answer.json()["code"])


async def test_somebody_new_becomes_a_public_reader(door: Door, google: Google, world: World) -> None:
    answer = await door.exchange(google.token("robin", email="robin@example.com", name="Robin Q. Van Winkle"))
    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "token_type"}
    assert answer.json()["token_type"] == "bearer"
    assert answer.headers["cache-control"] == "no-store"
    person = await whose(door, answer.json()["access_token"])
    assert (person["type"], person["name"], person["email"]) == ("public", "Robin Q. Van Winkle", "robin@example.com")
    assert person["info"]["sign_in_provider"] == "google.com"
    assert person["info"]["picture"] == "https://lh3.googleusercontent.com/a/robin"
    assert person["is_active"] is True
    assert person["last_login_at"] is not None
    async with world.session() as session:
        reader = await session.get_one(PublicReader, UUID(person["id"]))
        events = (await session.scalars(select(Event).where(Event.user_id == reader.id))).all()
        audit = (await session.scalars(select(AuditRow.action).where(AuditRow.subject == f"user:{reader.id}"))).all()
    assert (reader.first_name, reader.last_name_initial) == ("Robin", "W")
    assert [(event.title, event.level) for event in events] == [("User account created", "normal")]
    assert sorted(audit) == ["sign_in.succeeded", "user.created"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (None, ("x@example.com", None, None)),
        ("   ", ("x@example.com", None, None)),
        ("Plato", ("Plato", "Plato", None)),
        ("Zoë  Ångström", ("Zoë Ångström", "Zoë", "Å")),
        ("Ann\u202e\nSmith", ("Ann Smith", "Ann", "S")),
        ("Anna ßmith", ("Anna ßmith", "Anna", "S")),
        ("a" * 300, ("a" * 200, "a" * 100, None)),
    ],
)
async def test_names_are_made_of_what_the_provider_says(
    door: Door, google: Google, world: World, name: str | None, expected: tuple[str, str | None, str | None]
) -> None:
    email = f"{uuid4().hex}@example.com"
    answer = await door.exchange(google.token(email=email, name=name, picture="javascript:alert(1)"))
    person = await whose(door, answer.json()["access_token"])
    assert person["info"]["picture"] is None
    async with world.session() as session:
        reader = await session.get_one(PublicReader, UUID(person["id"]))
    named, first, initial = expected
    assert (reader.name, reader.first_name, reader.last_name_initial) == (
        named.replace("x@example.com", email),
        first,
        initial,
    )


async def test_the_same_identity_comes_to_the_same_account_whatever_its_address(door: Door, google: Google) -> None:
    first = await door.exchange(google.token("ada", email="ada@example.com"))
    again = await door.exchange(google.token("ada", email="ada@example.net", picture="https://example.net/new"))
    people = [await whose(door, answer.json()["access_token"]) for answer in (first, again)]
    assert people[0]["id"] == people[1]["id"]
    assert people[1]["email"] == "ada@example.com", "a new address is taken over by POST /v1/auth/email alone"
    assert people[1]["info"]["picture"] == "https://example.net/new"


async def test_signing_in_again_is_an_event_of_level_debug(door: Door, google: Google, world: World) -> None:
    tokens = [(await door.exchange(google.token("eve"))).json()["access_token"] for _ in range(2)]
    person = await whose(door, tokens[1])
    async with world.session() as session:
        events = await session.execute(
            select(Event.title, Event.level).where(Event.user_id == UUID(person["id"])).order_by(Event.timestamp)
        )
    assert [tuple(event) for event in events] == [("User account created", "normal"), ("User logged in", "debug")]


async def test_a_verified_address_links_the_account_that_has_it(door: Door, google: Google, world: World) -> None:
    admin = await world.person(WrivetedAdmin(name="Ada", info={"other": {"a": 1}}), email="Ada.Admin@Example.com")
    answer = await door.exchange(google.token("ada-admin", email="ada.admin@example.COM"), create="false")
    person = await whose(door, answer.json()["access_token"])
    assert (person["id"], person["type"]) == (str(admin.id), "wriveted")
    assert person["email"] == "Ada.Admin@Example.com"
    assert person["info"]["other"] == {"a": 1}
    async with world.session() as session:
        identity = await session.get_one(Identity, (ISSUER, "ada-admin"))
    assert identity.user_id == admin.id


async def test_another_identity_with_the_same_address_comes_to_nobody(door: Door, google: Google) -> None:
    """The address was given to somebody else, or the provider's account was made anew: that is for people to decide."""
    assert (await door.exchange(google.token("first", email="same@example.com"))).status_code == 200
    for email in ("same@example.com", "SAME@example.com"):
        for create in ("true", "false"):
            assert await code_of(door, google.token(email=email), create=create) == "account_linked_elsewhere"
    assert (await door.exchange(google.token("first", email="same@example.com"))).status_code == 200


async def test_who_is_unknown_is_refused_unless_an_account_is_asked_for(
    door: Door, google: Google, world: World
) -> None:
    token = google.token("late", email="late@example.com")
    assert await code_of(door, token, create="false") == "account_unknown"
    async with world.session() as session:
        assert await session.scalar(select(func.count()).where(User.email == "late@example.com")) == 0
    assert (await door.exchange(token)).status_code == 200, "a token that was refused is not used up"


async def test_a_token_is_good_for_one_exchange(door: Door, google: Google) -> None:
    token = google.token()
    assert (await door.exchange(token)).status_code == 200
    assert await code_of(door, token) == "id_token_spent"
    assert (await door.begin(token)).json()["code"] == "id_token_spent"
    body, _, signature = token.rpartition(".")
    last = signature[-1]
    for spelled in "ABCDEFGHIJKLMNOPQRSTUVWXYZ":  # base64url lets the last character be spelled in several ways
        if spelled != last:
            answer = await door.exchange(f"{body}.{signature[:-1]}{spelled}")
            assert answer.status_code == 401
            assert answer.json()["code"] in ("id_token_spent", "id_token_invalid")


async def test_of_many_exchanges_of_one_token_at_once_one_succeeds(door: Door, google: Google, world: World) -> None:
    token = google.token("hurried")
    answers = await asyncio.gather(*(door.exchange(token) for _ in range(12)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 11
    assert {answer.json().get("code") for answer in answers} == {None, "id_token_spent"}


@pytest.mark.parametrize("emails", [["same@x.example"], [f"{n}@y.example" for n in range(8)]])
async def test_many_first_exchanges_of_one_person_make_one_account(
    door: Door, google: Google, world: World, emails: list[str]
) -> None:
    subject = uuid4().hex[:28]
    tokens = [google.token(subject, email=f"{subject}{emails[n % len(emails)]}") for n in range(8)]
    answers = await asyncio.gather(*map(door.exchange, tokens))
    assert {answer.status_code for answer in answers} == {200}
    people = {(await whose(door, answer.json()["access_token"]))["id"] for answer in answers}
    assert len(people) == 1
    async with world.session() as session:
        made = await session.scalar(select(func.count()).where(User.email.startswith(subject)))
    assert made == 1


async def test_of_many_identities_with_one_address_one_is_linked(door: Door, google: Google, world: World) -> None:
    parent = await world.parent()
    async with world.session() as session:
        email = await session.scalar(select(User.email).where(User.id == parent.id))
    answers = await asyncio.gather(*(door.exchange(google.token(email=email)) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 7
    assert {answer.json().get("code") for answer in answers} == {None, "account_linked_elsewhere"}


async def test_who_is_deactivated_is_refused_whether_linked_or_not(door: Door, google: Google, world: World) -> None:
    assert (await door.exchange(google.token("gone", email="gone@example.com"))).status_code == 200
    await world.person(PublicReader(name="Old", is_active=False), email="old@example.com")
    async with world.session() as session:
        await session.execute(update(User).where(User.email == "gone@example.com").values(is_active=False))
    assert await code_of(door, google.token("gone", email="gone@example.com")) == "account_inactive"
    assert await code_of(door, google.token(email="old@example.com")) == "account_inactive"
    async with world.session() as session:
        assert await session.scalar(select(func.count()).where(User.email == "old@example.com")) == 1


async def test_a_student_signs_in_while_the_school_is_active(door: Door, google: Google, world: World) -> None:
    school = await world.school()
    group = await world.class_group(school)
    student = Student(
        name="Kim K", username=uuid4().hex[:10], school_id=school.wriveted_identifier, class_group_id=group.id
    )
    await world.person(student, email="kim@school.example")
    answer = await door.exchange(google.token("kim", email="kim@school.example"))
    assert (await whose(door, answer.json()["access_token"]))["type"] == "student"
    async with world.session() as session:
        (await session.merge(school)).state = SchoolState.INACTIVE
    assert await code_of(door, google.token("kim", email="kim@school.example")) == "account_inactive"


@pytest.mark.parametrize("kind", ["wriveted", "educator", "school_admin", "parent", "public"])
async def test_staff_signed_in_at_the_provider_within_twelve_hours(
    door: Door, google: Google, world: World, kind: str
) -> None:
    school = (await world.school()).wriveted_identifier
    made: dict[str, Any] = {
        "wriveted": lambda: world.admin(),
        "educator": lambda: world.person(Educator(name="E", school_id=school)),
        "school_admin": lambda: world.person(SchoolAdmin(name="S", school_id=school)),
        "parent": lambda: world.parent(),
        "public": lambda: world.public_reader(),
    }
    client = await made[kind]()
    async with world.session() as session:
        email = await session.scalar(select(User.email).where(User.id == client.id))
    subject, long_ago = uuid4().hex[:28], time.time() - 12 * HOUR - 60
    answer = await door.exchange(google.token(subject, email=email, auth_time=long_ago))
    if kind in ("parent", "public"):
        assert answer.status_code == 200
    else:
        assert answer.json()["code"] == "sign_in_too_old"
        answer = await door.exchange(google.token(subject, email=email, auth_time=long_ago + 120))
        assert answer.status_code == 200


async def test_todays_clients_may_name_a_checkout_session(door: Door, google: Google) -> None:
    answer = await door.exchange(google.token(), checkout_session_id="cs_test_a1b2c3")
    assert answer.status_code == 200


async def test_used_tokens_are_forgotten_when_they_could_not_be_used_any_more(
    door: Door, google: Google, world: World
) -> None:
    async with world.session() as session:
        long_gone = "SELECT sha256(n::text::bytea), now() - interval '1 hour' FROM generate_series(1, 8) AS n"
        await session.execute(text(f"INSERT INTO spent_tokens {long_gone}"))
    for _ in range(2):
        assert (await door.exchange(google.token())).status_code == 200
    async with world.session() as session:
        assert await session.scalar(select(func.count()).where(SpentToken.expires_at < func.now())) == 0
        assert await session.scalar(select(func.count()).where(SpentToken.expires_at > func.now())) >= 2


async def test_the_session_knows_when_the_person_signed_in_at_the_provider(
    door: Door, google: Google, world: World
) -> None:
    answer = await door.exchange(google.token("dora", auth_time=time.time() - 2 * HOUR))
    person = await whose(door, answer.json()["access_token"])
    async with world.session() as session:
        (begun,) = await session.scalars(select(SignInSession).where(SignInSession.user_id == UUID(person["id"])))
    assert begun.method == "firebase"
    assert 7100 < (begun.created_at - begun.authenticated_at).total_seconds() < 7300
    assert begun.ended_at is None
