"""Sessions: renewed by refresh tokens that are good for one use, listed, and ended by whom they belong to."""

import asyncio
import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text, update

from app.accounts.models import Student, User
from app.accounts.service import Issuer
from app.audit.models import AuditRow
from app.core.security import Claims
from app.schools.models import SchoolState
from app.sign_in import sessions
from app.sign_in.models import RefreshToken, SignInSession
from tests.api.operations import document
from tests.sign_in.conftest import Door
from tests.sign_in.fake_google import Google
from tests.world import Client, World

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


async def refresh(door: Door, refresh_token: str) -> Any:
    return await door.http.post("/v1/auth/refresh", json={"refresh_token": refresh_token})


async def is_let_in(door: Door, access_token: str) -> bool:
    answer = await door.ask("GET", "/auth/me", access_token)
    assert answer.status_code in (200, 401)
    return bool(answer.status_code == 200)


def claims_of(world: World, tokens: dict[str, str]) -> Claims:
    return world.tokens.read(tokens["access_token"])


async def session_of(world: World, tokens: dict[str, str]) -> SignInSession:
    async with world.session() as session:
        return await session.get_one(SignInSession, claims_of(world, tokens).session)


async def change(world: World, tokens: dict[str, str], **columns: Any) -> None:
    """Alter the session of these tokens."""
    found = SignInSession.id == claims_of(world, tokens).session
    async with world.session() as session:
        await session.execute(update(SignInSession).where(found).values(**columns))


async def test_a_session_of_one_token_is_good_for_twelve_hours(door: Door, google: Google, world: World) -> None:
    tokens = (await door.begin(google.token())).json()
    assert tokens["refresh_token"] is None
    assert 12 * 3600 - 5 < tokens["expires_in"] <= 12 * 3600
    claims = claims_of(world, tokens)
    assert timedelta(hours=12) - 5 * timedelta(seconds=1) < claims.expires_at - claims.issued_at <= timedelta(hours=12)


async def test_a_session_that_is_renewed_has_access_tokens_of_fifteen_minutes(door: Door, world: World) -> None:
    tokens = await door.signed_in()
    assert tokens["expires_in"] == 900
    claims = claims_of(world, tokens)
    assert claims.expires_at - claims.issued_at == 15 * MINUTE
    begun = await session_of(world, tokens)
    assert abs(begun.expires_at - begun.created_at - 30 * DAY) < MINUTE


async def test_refresh_tokens_are_opaque_and_kept_as_hashes(door: Door, world: World) -> None:
    tokens = await door.signed_in()
    token = tokens["refresh_token"]
    assert re.fullmatch(r"[\w-]{43}", token, re.ASCII), "32 random bytes"
    async with world.session() as session:
        kept = await session.get_one(RefreshToken, hashlib.sha256(token.encode()).digest())
        everything = await session.scalar(text("SELECT string_agg(t::text, '') FROM refresh_tokens AS t"))
    assert kept.session_id == claims_of(world, tokens).session
    assert token not in (everything or "")


async def test_a_session_goes_on_with_the_newest_refresh_token(door: Door, world: World) -> None:
    tokens = [await door.signed_in()]
    before = await session_of(world, tokens[0])
    for _ in range(3):
        answer = await refresh(door, tokens[-1]["refresh_token"])
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        tokens.append(answer.json())
    assert len({each["refresh_token"] for each in tokens}) == 4
    assert len({each["access_token"] for each in tokens}) == 4
    assert {claims_of(world, each).session for each in tokens} == {before.id}
    after = await session_of(world, tokens[0])
    assert after.last_used_at > before.last_used_at
    assert after.expires_at == before.expires_at, "renewing makes it no longer"
    for each in tokens:
        assert await is_let_in(door, each["access_token"])


async def test_a_refresh_token_that_comes_twice_ends_its_session(door: Door, world: World) -> None:
    stolen = await door.signed_in()
    renewed = (await refresh(door, stolen["refresh_token"])).json()
    answer = await refresh(door, stolen["refresh_token"])
    assert answer.status_code == 401
    assert answer.json()["code"] == "refresh_token_invalid"
    assert not await is_let_in(door, renewed["access_token"])
    assert (await refresh(door, renewed["refresh_token"])).status_code == 401
    claims = claims_of(world, renewed)
    async with world.session() as session:
        rows = await session.scalars(select(AuditRow).where(AuditRow.subject == f"user:{claims.id}"))
        ended = [row.details for row in rows if row.action == "session.ended"]
    assert ended == [{"session_id": str(claims.session), "reason": "refresh_token"}]


async def test_of_32_uses_of_one_refresh_token_at_once_exactly_one_wins(door: Door, world: World) -> None:
    tokens = await door.signed_in()
    other = await door.signed_in()
    answers = await asyncio.gather(*(refresh(door, tokens["refresh_token"]) for _ in range(32)))
    won = [answer.json() for answer in answers if answer.status_code == 200]
    assert sorted(answer.status_code for answer in answers) == [200] + [401] * 31
    assert {answer.json().get("code") for answer in answers} == {None, "refresh_token_invalid"}
    assert not await is_let_in(door, won[0]["access_token"]), "the family ended with the second use"
    assert (await refresh(door, won[0]["refresh_token"])).status_code == 401
    assert (await session_of(world, tokens)).ended_at is not None
    assert (await refresh(door, other["refresh_token"])).status_code == 200


@pytest.mark.parametrize("token", ["x", "a" * 43, "a" * 100, "\u00e9" * 43, "' OR 1=1 --"])
async def test_a_refresh_token_that_nobody_was_given_is_refused(door: Door, token: str) -> None:
    answer = await refresh(door, token)
    assert answer.status_code == 401
    assert answer.json()["code"] == "refresh_token_invalid"
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_an_access_token_is_no_refresh_token(door: Door) -> None:
    tokens = await door.signed_in()
    assert (await refresh(door, tokens["access_token"])).status_code == 422
    assert not await is_let_in(door, tokens["refresh_token"])


@pytest.mark.parametrize(
    "columns",
    [{"expires_at": datetime.now(UTC) - MINUTE}, {"ended_at": datetime.now(UTC) - MINUTE}],
    ids=["expired", "ended"],
)
async def test_a_session_that_is_over_is_not_renewed(door: Door, world: World, columns: dict[str, Any]) -> None:
    tokens = await door.signed_in()
    await change(world, tokens, **columns)
    assert (await refresh(door, tokens["refresh_token"])).status_code == 401


async def test_the_last_access_token_of_a_session_ends_with_it(door: Door, world: World) -> None:
    tokens = await door.signed_in()
    await change(world, tokens, expires_at=datetime.now(UTC) + 5 * MINUTE)
    renewed = (await refresh(door, tokens["refresh_token"])).json()
    assert 290 <= renewed["expires_in"] <= 300
    assert claims_of(world, renewed).expires_at <= (await session_of(world, tokens)).expires_at + timedelta(seconds=1)


@pytest.mark.parametrize("columns", [{"is_active": False}, {"tokens_valid_after": datetime.now(UTC) + HOUR}])
async def test_who_would_not_be_let_in_is_not_renewed(door: Door, world: World, columns: dict[str, Any]) -> None:
    tokens = await door.signed_in()
    async with world.session() as session:
        await session.execute(update(User).where(User.id == claims_of(world, tokens).id).values(**columns))
    assert (await refresh(door, tokens["refresh_token"])).status_code == 401


async def student_signed_in(door: Door, world: World) -> tuple[Any, dict[str, Any]]:
    """A pupil's session with refresh tokens, and the school."""
    school = await world.school()
    group = await world.class_group(school)
    client = await world.student(group)
    async with world.session() as session:
        begun = await sessions.begin(
            session,
            Issuer.of(door.app.state.settings),
            await session.get_one(Student, client.id),
            method="class_code",
            renewable=True,
        )
    return school, begun.model_dump()


async def test_a_pupil_signs_in_again_after_twelve_hours(door: Door, world: World) -> None:
    school, tokens = await student_signed_in(door, world)
    begun = await session_of(world, tokens)
    assert abs(begun.expires_at - begun.created_at - 12 * HOUR) < MINUTE
    renewed = await refresh(door, tokens["refresh_token"])
    assert renewed.status_code == 200
    assert (await session_of(world, tokens)).expires_at == begun.expires_at
    async with world.session() as session:
        (await session.merge(school)).state = SchoolState.INACTIVE
    assert (await refresh(door, renewed.json()["refresh_token"])).status_code == 401


async def test_sessions_are_listed_for_whom_they_belong_to(door: Door, google: Google, world: World) -> None:
    subject = uuid4().hex[:28]
    ended, older, newer = [await door.signed_in(subject) for _ in range(3)]
    await change(world, ended, ended_at=datetime.now(UTC))
    await change(world, await door.signed_in(subject), expires_at=datetime.now(UTC) - MINUTE)
    await door.signed_in()
    answer = await door.ask("GET", "/auth/sessions", older["access_token"])
    assert answer.status_code == 200
    told = answer.json()
    assert [each["id"] for each in told] == [str(claims_of(world, each).session) for each in (newer, older)]
    assert [each["current"] for each in told] == [False, True]
    assert {each["method"] for each in told} == {"firebase"}
    assert told[0].keys() == {"id", "method", "begun_at", "last_used_at", "expires_at", "current"}


async def test_pages_of_sessions_show_each_once(door: Door, world: World) -> None:
    subject = uuid4().hex[:28]
    for _ in range(5):
        tokens = await door.signed_in(subject)
    path, seen = "/auth/sessions?limit=2", []
    while path:
        answer = await door.ask("GET", path, tokens["access_token"])
        seen += [each["id"] for each in answer.json()]
        link = re.match(r"</v1(.*)>; rel=\"next\"", answer.headers.get("link", ""))
        path = link[1] if link else ""
    assert len(seen) == len(set(seen)) == 5


async def test_the_list_costs_the_same_whatever_its_length(door: Door, world: World) -> None:
    subject = uuid4().hex[:28]
    tokens = await door.signed_in(subject)
    await door.ask("GET", "/auth/sessions", tokens["access_token"])
    few = await world.count_statements(door.ask("GET", "/auth/sessions", tokens["access_token"]))
    for _ in range(5):
        await door.signed_in(subject)
    assert await world.count_statements(door.ask("GET", "/auth/sessions", tokens["access_token"])) == few


async def test_who_logs_out_ends_this_session_and_no_other(door: Door, world: World) -> None:
    subject = uuid4().hex[:28]
    here, there = await door.signed_in(subject), await door.signed_in(subject)
    answer = await door.ask("POST", "/auth/logout", here["access_token"])
    assert (answer.status_code, answer.json()) == (200, {"ended": 1})
    assert not await is_let_in(door, here["access_token"])
    assert (await refresh(door, here["refresh_token"])).status_code == 401
    assert await is_let_in(door, there["access_token"])
    async with world.session() as session:
        rows = await session.scalars(
            select(AuditRow.action).where(AuditRow.actor == f"user:{claims_of(world, here).id}")
        )
    assert rows.all() == ["session.ended"]


async def test_who_logs_out_everywhere_ends_them_all(door: Door, world: World) -> None:
    subject = uuid4().hex[:28]
    here, there, stranger = await door.signed_in(subject), await door.signed_in(subject), await door.signed_in()
    person = claims_of(world, here).id
    minted = world.tokens.issue("user-account", person, HOUR)
    answer = await door.ask("POST", "/auth/logout-everywhere", here["access_token"])
    assert (answer.status_code, answer.json()) == (200, {"ended": 2})
    for token in (here["access_token"], there["access_token"], minted):
        assert not await is_let_in(door, token)
    assert (await refresh(door, there["refresh_token"])).status_code == 401
    assert await is_let_in(door, stranger["access_token"])
    again = await door.signed_in(subject)
    assert await is_let_in(door, again["access_token"])
    assert (await refresh(door, again["refresh_token"])).status_code == 200


async def test_one_session_of_many_is_ended_from_another(door: Door, world: World) -> None:
    subject = uuid4().hex[:28]
    here, lost = await door.signed_in(subject), await door.signed_in(subject)
    path = f"/auth/session/{claims_of(world, lost).session}"
    for ended in (1, 0):
        assert (await door.ask("DELETE", path, here["access_token"])).json() == {"ended": ended}
    assert not await is_let_in(door, lost["access_token"])
    assert await is_let_in(door, here["access_token"])


async def test_nobody_ends_the_sessions_of_somebody_else_but_an_admin(door: Door, world: World) -> None:
    theirs = await door.signed_in()
    claims = claims_of(world, theirs)
    school = await world.school()
    others = [await world.public_reader(), await world.school_admin(school), await world.lms(school)]
    paths = f"/auth/session/{claims.session}", f"/user/{claims.id}/sessions"
    for path in paths:
        for other in others:
            answer = await door.ask("DELETE", path, other.token)
            assert (answer.status_code, answer.json()["permission"]) == (403, "delete")
        assert (await door.http.delete(f"/v1{path}")).status_code == 401
    assert await is_let_in(door, theirs["access_token"])
    admin = await world.admin()
    assert (await door.ask("DELETE", paths[1], admin.token)).json() == {"ended": 1}
    assert not await is_let_in(door, theirs["access_token"])
    async with world.session() as session:
        (row,) = await session.scalars(select(AuditRow).where(AuditRow.actor == f"user:{admin.id}"))
    assert (row.action, row.subject, row.details) == ("sessions.ended", f"user:{claims.id}", {"sessions": 1})
    for path in (f"/auth/session/{uuid4()}", f"/user/{uuid4()}/sessions"):
        assert (await door.ask("DELETE", path, admin.token)).status_code == 404


async def test_school_staff_do_not_end_the_sessions_of_pupils(door: Door, world: World) -> None:
    school = await world.school()
    pupil = await world.student(await world.class_group(school))
    for staff in (await world.school_admin(school), await world.educator(school)):
        assert (await door.ask("DELETE", f"/user/{pupil.id}/sessions", staff.token)).status_code == 403
    assert (await door.ask("DELETE", f"/user/{pupil.id}/sessions", pupil.token)).status_code == 200


@pytest.mark.parametrize("kind", ["backend", "lms", "school", "kiosk"])
async def test_a_program_has_no_sessions(door: Door, world: World, kind: str) -> None:
    program = await world.service(kind)
    for method, path in (("GET", "sessions"), ("POST", "logout"), ("POST", "logout-everywhere")):
        answer = await door.ask(method, f"/auth/{path}", program.token)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_missing")


async def test_a_minted_token_has_no_session_to_log_out_of(door: Door, world: World) -> None:
    person: Client = await world.public_reader()
    assert (await door.ask("POST", "/auth/logout", person.token)).status_code == 409
    assert await is_let_in(door, person.token)


async def test_sessions_are_forgotten_a_month_after_they_are_over(door: Door, world: World) -> None:
    subject = uuid4().hex[:28]
    old, recent = await door.signed_in(subject), await door.signed_in(subject)
    await change(world, old, expires_at=datetime.now(UTC) - 31 * DAY)
    await change(world, recent, expires_at=datetime.now(UTC) - DAY)
    tokens = await door.signed_in(subject)
    async with world.session() as session:
        kept = await session.scalar(select(func.count()).where(SignInSession.user_id == claims_of(world, tokens).id))
    assert kept == 2


UNSUBSCRIBING = {f"{method} /v1/email/unsubscribe/{{token}}: token" for method in ("get", "post")}
"""RFC 8058 puts it into an address: who has it can stop e-mail to one person, and nothing else."""


def test_no_token_is_asked_for_in_a_url() -> None:
    """Addresses are kept in histories, logs and Referer headers."""
    secret = re.compile(r"token|secret|password|credential|api_?key|authorization|jwt|assertion", re.IGNORECASE)
    named = [
        f"{method} {path}: {parameter['name']}"
        for path, item in document()["paths"].items()
        for method, operation in item.items()
        for parameter in operation.get("parameters", ())
        if parameter["in"] in ("query", "path", "cookie") and secret.search(parameter["name"])
    ]
    assert set(named) == UNSUBSCRIBING


async def test_no_token_is_written_to_a_log(door: Door, google: Google, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    id_tokens = [google.token() for _ in range(3)]
    secrets = [*id_tokens]
    answers = [await door.exchange(id_tokens[0]), await door.begin(id_tokens[1], session="refresh")]
    answers += [await door.exchange(id_tokens[0]), await door.exchange(id_tokens[2][:-4] + "AAAA")]
    tokens = answers[1].json()
    answers.append(await refresh(door, tokens["refresh_token"]))
    secrets += [value for answer in answers for name, value in answer.json().items() if str(name).endswith("_token")]
    await refresh(door, tokens["refresh_token"])
    await door.ask("GET", f"/auth/me?access_token={tokens['access_token']}", tokens["access_token"])
    google.trouble["certificates"] = "down"
    door.forget()
    await door.exchange(google.token())
    written = capsys.readouterr().out
    assert written.count('"event":"request"') == 8
    assert "certificates.unavailable" in written
    for secret in filter(None, secrets):
        assert secret not in written
        assert secret.rpartition(".")[2] not in written
    assert "@" not in written
