"""What staff do at a terminal."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from app.audit.models import AuditRow
from app.core.config import Settings
from app.events.models import Event
from app.service_accounts import commands
from tests.world import Client, World

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command, beside the event loop of the tests."""
    monkeypatch.setattr(commands, "settings", lambda: settings)

    async def run(*arguments: object) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(commands.app, [str(each) for each in arguments]))

    return run


async def test_a_token_for_a_service_account_is_all_that_is_printed(run: Run, world: World) -> None:
    lms = await world.lms()
    result = await run("token", "--service-account", lms.id, "--hours", 2, "--reason", "Ticket 9")
    assert result.exit_code == 0, result.output
    token = result.stdout.strip()
    claims = world.tokens.read(token)
    assert claims.expires_at - claims.issued_at == timedelta(hours=2)
    assert (await Client(lms.http, lms.id, token).get("/auth/me")).status_code == 200
    async with world.session() as session:
        events = await session.scalars(select(Event).where(Event.info["subject"].astext.endswith(str(lms.id))))
        assert [(event.title, event.info["reason"]) for event in events] == [("Token minted", "Ticket 9")]


async def test_a_token_for_an_admin_by_id(run: Run, world: World) -> None:
    admin = await world.admin()
    result = await run("token", "--user", admin.id)
    assert (await Client(admin.http, admin.id, result.stdout.strip()).get("/auth/me")).json()["user"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 2),
        (["--service-account", uuid4(), "--user", "ada@example.com"], 2),
        (["--service-account", "7"], 2),
        (["--user", "ada@example.com", "--hours", "25"], 2),
        (["--user", "nobody@example.com"], 1),
        (["--service-account", uuid4()], 1),
    ],
)
async def test_no_token_for_nobody_for_two_or_for_long(run: Run, arguments: list[object], code: int) -> None:
    result = await run("token", *arguments)
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr


async def test_a_service_account_is_created_with_its_schools(run: Run, world: World) -> None:
    north, south = await world.school(), await world.school()
    schools = [str(school.wriveted_identifier) for school in (north, south)]
    name = f"Library system {uuid4()}"
    result = await run(
        "service-account",
        "create",
        "--type",
        "lms",
        "--name",
        name,
        "--school",
        schools[0],
        "--school",
        schools[1],
    )
    assert result.exit_code == 0, result.output
    token = result.stdout.strip()
    claims = world.tokens.read(token)
    assert (await Client(world.http, claims.id, token).get("/auth/me")).json()["service_account"]["name"] == name
    detail = (await (await world.admin()).get(f"/service-account/{claims.id}")).json()
    assert {school["wriveted_identifier"] for school in detail["schools"]} == set(schools)


async def test_an_unknown_school_is_said_and_nothing_is_created(run: Run, world: World) -> None:
    name = f"Lost {uuid4()}"
    result = await run("service-account", "create", "--type", "lms", "--name", name, "--school", UUID(int=9))
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no such school" in result.stderr
    listed = (await (await world.admin()).get("/service-accounts?limit=1000")).json()
    assert name not in {each["name"] for each in listed}


async def test_a_service_account_without_a_name_is_not_created(run: Run) -> None:
    result = await run("service-account", "create", "--type", "lms", "--name", " ")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "name" in result.stderr


async def test_a_key_is_made_and_is_all_that_is_printed(run: Run, world: World) -> None:
    school = await world.school()
    lms = await world.lms(school)
    result = await run(
        *("service-account", "key", "--account", lms.id, "--name", "Push", "--days", 7),
        *("--scope", "schools:read", "--scope", "collections:write", "--school", school.wriveted_identifier),
    )
    assert result.exit_code == 0, result.output
    key = Client(lms.http, lms.id, result.stdout.strip())
    assert (await key.get(f"/school/{school.wriveted_identifier}")).status_code == 200
    (shown,) = (await (await world.admin()).get(f"/service-account/{lms.id}/keys")).json()
    assert (shown["name"], shown["scopes"]) == ("Push", ["collections:write", "schools:read"])
    assert shown["schools"] == [str(school.wriveted_identifier)]
    lifetime = datetime.fromisoformat(shown["expires_at"]) - datetime.fromisoformat(shown["created_at"])
    assert lifetime == timedelta(days=7)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--scope", "users:read"], 2),
        (["--scope", "books:read", "--days", 366], 2),
        ([], 2),
        (["--scope", "books:read", "--school", UUID(int=9)], 1),
    ],
)
async def test_no_key_that_an_account_may_not_have(run: Run, world: World, arguments: list[object], code: int) -> None:
    lms = await world.lms()
    result = await run("service-account", "key", "--account", lms.id, "--name", "Push", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert result.stderr
    assert (await (await world.admin()).get(f"/service-account/{lms.id}/keys")).json() == []


@pytest.mark.parametrize("known_by", ["public id", "whole key"])
async def test_a_leaked_key_is_revoked_by_what_is_known_of_it(run: Run, world: World, known_by: str) -> None:
    key, other = [await world.key(await world.lms()) for _ in range(2)]
    public_id = key.token.split("_")[1]
    result = await run("service-account", "revoke-key", public_id if known_by == "public id" else key.token)
    assert (result.exit_code, result.stdout.strip()) == (0, public_id), result.output
    assert [(await each.get("/auth/me")).status_code for each in (key, other)] == [401, 200]
    async with world.session() as session:
        query = select(AuditRow).where(AuditRow.subject == f"service_account:{key.id}")
        (row,) = await session.scalars(query)
    assert (row.action, row.actor, row.details["public_id"]) == ("api_key.revoked", None, public_id)


@pytest.mark.parametrize("unknown", ["abcdefgh", "wrlive_abcdefgh_x", "_", "wrlive"])
async def test_an_unknown_key_is_not_revoked(run: Run, unknown: str) -> None:
    result = await run("service-account", "revoke-key", unknown)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "no such key" in result.stderr
