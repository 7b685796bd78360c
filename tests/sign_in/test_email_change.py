"""An address changes by the provider's word alone: verified there, for the same identity, a moment ago."""

import asyncio
import time
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select

from app.accounts.models import PublicReader, User
from app.audit.models import AuditRow
from app.events.models import Event
from tests.sign_in.conftest import Door
from tests.sign_in.fake_google import Google
from tests.world import World

MINUTES = 60


async def change(door: Door, access_token: str, id_token: str) -> tuple[int, dict[str, str]]:
    answer = await door.ask("POST", "/auth/email", access_token, json={"id_token": id_token})
    return answer.status_code, answer.json()


async def email_of(world: World, user_id: UUID) -> str | None:
    async with world.session() as session:
        return await session.scalar(select(User.email).where(User.id == user_id))


async def test_a_new_address_that_the_provider_has_verified_is_taken_over(
    door: Door, google: Google, world: World
) -> None:
    old, new = f"{uuid4().hex}@old.example", f"{uuid4().hex}@new.example"
    tokens = await door.signed_in("mover", email=old)
    person = world.tokens.read(tokens["access_token"]).id
    status, answer = await change(door, tokens["access_token"], google.token("mover", email=new))
    assert (status, answer) == (200, {"email": new})
    assert await email_of(world, person) == new
    async with world.session() as session:
        rows = (await session.scalars(select(AuditRow).where(AuditRow.actor == f"user:{person}"))).all()
        titles = (await session.scalars(select(Event.title).where(Event.user_id == person))).all()
    assert [(row.action, row.details) for row in rows] == [("user.email_changed", {"provider": "google.com"})]
    assert "User email changed" in titles
    assert (await door.begin(google.token("mover", email=new), create=False)).status_code == 200
    answer = (await door.begin(google.token(email=old), create=False)).json()
    assert answer["code"] == "account_unknown", "the old address leads nowhere"


async def test_the_same_address_again_changes_nothing(door: Door, google: Google, world: World) -> None:
    tokens = await door.signed_in("settled", email="settled@example.com")
    answer = await change(door, tokens["access_token"], google.token("settled", email="settled@example.com"))
    assert answer == (200, {"email": "settled@example.com"})
    async with world.session() as session:
        person = world.tokens.read(tokens["access_token"]).id
        assert (await session.scalars(select(AuditRow).where(AuditRow.actor == f"user:{person}"))).all() == []


async def test_what_does_not_prove_the_new_address_changes_nothing(door: Door, google: Google, world: World) -> None:
    subject, other = uuid4().hex[:28], uuid4().hex[:28]
    old = f"{subject}@example.com"
    tokens = await door.signed_in(subject, email=old)
    await door.signed_in(other)
    new = f"{uuid4().hex}@new.example"
    used = google.token(subject, email=old)
    assert (await door.begin(used)).status_code == 200
    refused = {
        "email_not_verified": google.token(subject, email=new, email_verified=False),
        "sign_in_too_old": google.token(subject, email=new, auth_time=time.time() - 6 * MINUTES),
        "identity_of_another": google.token(other, email=new),
        "id_token_spent": used,
        "provider_not_allowed": google.token(subject, email=new, provider="anonymous"),
        "id_token_invalid": google.token(subject, email=new, aud="another-project"),
    }
    for code, token in refused.items():
        status, problem = await change(door, tokens["access_token"], token)
        assert (status, problem["code"]) == (401, code)
    status, problem = await change(door, tokens["access_token"], google.token(email=new))
    assert (status, problem["code"]) == (401, "identity_of_another"), "an identity that nobody knows"
    assert await email_of(world, world.tokens.read(tokens["access_token"]).id) == old


@pytest.mark.parametrize("spelled", [str.lower, str.upper])
async def test_an_address_that_somebody_else_has_is_a_conflict(
    door: Door, google: Google, world: World, spelled: type[str]
) -> None:
    taken = f"{uuid4().hex}@Taken.example"
    await world.person(PublicReader(name="Owner"), email=taken)
    subject = uuid4().hex[:28]
    tokens = await door.signed_in(subject)
    status, problem = await change(door, tokens["access_token"], google.token(subject, email=spelled(taken)))
    assert (status, problem["code"]) == (409, "already_exists")
    assert [error["pointer"] for error in problem["errors"]] == ["/id_token"]  # type: ignore[index]
    assert await email_of(world, world.tokens.read(tokens["access_token"]).id) == f"{subject}@example.com"


async def test_of_many_who_want_one_address_one_gets_it(door: Door, google: Google) -> None:
    wanted, subjects = f"{uuid4().hex}@wanted.example", [uuid4().hex[:28] for _ in range(6)]
    people = [await door.signed_in(subject) for subject in subjects]
    answers = await asyncio.gather(
        *(
            change(door, tokens["access_token"], google.token(subject, email=wanted))
            for tokens, subject in zip(people, subjects, strict=True)
        )
    )
    assert sorted(status for status, _ in answers) == [200] + [409] * 5


async def test_who_is_not_signed_in_changes_nothing_and_has_google_asked_nothing(
    door: Door, google: Google, world: World
) -> None:
    answer = await door.http.post("/v1/auth/email", json={"id_token": google.token()})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert google.asked == []
    program = await world.service("backend")
    status, problem = await change(door, program.token, google.token())
    assert (status, problem["code"]) == (403, "permission_missing")
    person = await world.public_reader()
    status, problem = await change(door, person.token, google.token(email="x@example.com"))
    assert (status, problem["code"]) == (401, "identity_of_another")
