"""Who is let in: the account behind a token, as the database knows it at this very request."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import update

from app.accounts.authenticate import authenticate
from app.accounts.models import ServiceAccount, User
from app.core.account import Account
from app.core.db import Database
from app.core.errors import Unauthenticated
from app.core.security import Claims, Kind
from tests.world import World

NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)


def claims_of(kind: Kind, account: UUID, *, version: int | None = None, issued_at: datetime = NOW) -> Claims:
    return Claims(kind, account, uuid4().hex, issued_at, issued_at + timedelta(hours=1), version)


async def ask(database: Database, claims: Claims) -> Account:
    async with database.transaction(reading=True) as transaction:
        return await authenticate(transaction, claims)


async def change(world: World, model: type[ServiceAccount] | type[User], account: UUID, **columns: Any) -> None:
    async with world.session() as session:
        await session.execute(update(model).where(model.id == account).values(**columns))


async def test_a_service_account_is_known_with_its_schools(world: World, database: Database) -> None:
    north, south = await world.school(), await world.school()
    lms = await world.lms(north, south)
    account = await ask(database, claims_of("service-account", lms.id, version=1))
    assert (account.kind, account.id, account.type) == ("service_account", lms.id, "lms")
    schools = {f"lms:{school.wriveted_identifier}" for school in (north, south)}
    assert account.principals == {"system:everyone", "system:authenticated", "role:lms"} | schools


async def test_an_admin_is_known(world: World, database: Database) -> None:
    admin = await world.admin()
    account = await ask(database, claims_of("user-account", admin.id))
    assert (account.kind, account.id, account.type) == ("user", admin.id, "wriveted")
    assert account.is_admin


@pytest.mark.parametrize("kind", ["user-account", "service-account"])
async def test_an_unknown_account_is_refused(database: Database, kind: Kind) -> None:
    with pytest.raises(Unauthenticated):
        await ask(database, claims_of(kind, uuid4(), version=1))


async def test_a_token_speaks_for_its_own_kind_of_account_only(world: World, database: Database) -> None:
    admin, backend = await world.admin(), await world.service("backend")
    for claims in (
        claims_of("service-account", admin.id, version=1),
        claims_of("user-account", backend.id, version=1),
    ):
        with pytest.raises(Unauthenticated):
            await ask(database, claims)


async def test_an_inactive_account_is_refused(world: World, database: Database) -> None:
    admin, lms = await world.admin(), await world.lms()
    await change(world, User, admin.id, is_active=False)
    await change(world, ServiceAccount, lms.id, is_active=False)
    for claims in (claims_of("user-account", admin.id), claims_of("service-account", lms.id, version=1)):
        with pytest.raises(Unauthenticated):
            await ask(database, claims)


async def test_a_token_from_before_the_last_logout_is_refused(world: World, database: Database) -> None:
    admin, lms = await world.admin(), await world.lms()
    await change(world, User, admin.id, tokens_valid_after=NOW)
    await change(world, ServiceAccount, lms.id, tokens_valid_after=NOW)
    accounts: list[tuple[Kind, UUID]] = [("user-account", admin.id), ("service-account", lms.id)]
    for kind, account in accounts:
        assert (await ask(database, claims_of(kind, account, version=1, issued_at=NOW))).id == account
        with pytest.raises(Unauthenticated):
            await ask(database, claims_of(kind, account, version=1, issued_at=NOW - timedelta(microseconds=1)))


@pytest.mark.parametrize(
    ("version", "overlap", "is_known"),
    [
        (3, None, True),
        (3, -MINUTE, True),
        (2, MINUTE, True),
        (2, -MINUTE, False),
        (2, None, False),
        (1, MINUTE, False),
        (4, MINUTE, False),
        (None, MINUTE, False),
    ],
)
async def test_the_present_credential_is_good_and_the_one_before_during_the_overlap(
    world: World, database: Database, version: int | None, overlap: timedelta | None, is_known: bool
) -> None:
    lms = await world.lms()
    until = None if overlap is None else datetime.now(UTC) + overlap
    await change(world, ServiceAccount, lms.id, credential_version=3, previous_version_until=until)
    claims = claims_of("service-account", lms.id, version=version)
    if is_known:
        assert (await ask(database, claims)).id == lms.id
    else:
        with pytest.raises(Unauthenticated):
            await ask(database, claims)


async def test_every_refusal_reads_the_same(world: World) -> None:
    """Unknown, deactivated or rotated away: who holds the token learns nothing of the account."""
    gone, inactive, rotated = await world.lms(), await world.lms(), await world.lms()
    await change(world, ServiceAccount, inactive.id, is_active=False)
    await change(world, ServiceAccount, rotated.id, credential_version=2)
    async with world.session() as session:
        await session.delete(await session.get_one(ServiceAccount, gone.id))
    answers = [await client.get("/auth/me") for client in (gone, inactive, rotated)]
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert bodies[0] == bodies[1] == bodies[2]
    assert len({answer.headers["WWW-Authenticate"] for answer in answers}) == 1


async def test_a_request_asks_for_its_account_with_one_statement(world: World) -> None:
    lms, admin = await world.lms(await world.school()), await world.admin()
    key = await world.key(lms)
    asked = [
        (lms, "/auth/me", 0),
        (key, "/auth/me", 0),
        (admin, "/auth/me", 1),
        (lms, "/events", 1),
        (key, "/events", 1),
    ]
    for client, path, others in asked:
        # The least of three: at the turn of a minute the rate limiter asks as well, and a program's first use is noted.
        counts = [await world.count_statements(client.get(path)) for _ in range(3)]
        assert min(counts) == 1 + others
