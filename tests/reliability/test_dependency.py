"""The database is away: the API says so, stays alive, and works again by itself when the database is back."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest

from app.core.db import Database
from app.core.security import Tokens
from app.main import create_public_app
from tests.collections.shelves import Library, copies, isbn, library
from tests.conftest import settings_for
from tests.reliability.restarting import Postgres, restartable
from tests.world import HOUR, Client, World

BACK_WITHIN = 5.0


@asynccontextmanager
async def api(url: str, **settings: str) -> AsyncIterator[World]:
    database = Database(settings_for(url, **{f"WRIVETED_{name.upper()}": value for name, value in settings.items()}))
    app = create_public_app(database.settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        try:
            yield World(database, http)
        finally:
            await database.dispose()


async def assert_away(world: World, caller: Client, *, path: str = "/schools") -> None:
    """Every answer that needs the database is a 503 that says when to come again; those that do not are as ever."""
    for answer in (await caller.get(path), await caller.post("/school", json={}), await world.http.get("/v1/version")):
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert int(answer.headers["retry-after"]) >= 1
    assert (await world.http.get("/livez")).status_code == 200
    assert (await world.http.get("/readyz")).status_code == 503
    assert (await world.http.get("/v1/auth/me")).status_code == 401
    assert (await world.http.get("/openapi.json")).status_code == 200


async def ready_within(world: World, seconds: float) -> None:
    async with asyncio.timeout(seconds):
        status = 503
        while status != 200:
            await asyncio.sleep(0.1)
            status = (await world.http.get("/readyz")).status_code


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with restartable() as server:
        yield server


async def test_api_without_a_database_says_so(tmp_path: Path) -> None:
    settings = settings_for(f"postgresql://nobody@/nothing?host={tmp_path}")
    async with api(settings.dsn) as world:
        caller = Client(world.http, uuid4(), Tokens.of(settings).issue("user-account", uuid4(), HOUR))
        await assert_away(world, caller)


@pytest.mark.parametrize("end", [Postgres.stop, Postgres.kill], ids=["stopped", "killed"])
async def test_database_that_went_and_came_back_needs_no_restart_of_the_api(
    postgres: Postgres, end: Callable[[Postgres], None]
) -> None:
    async with api(postgres.url) as world:
        school = await library(world)
        await school.replace([{"isbn": isbn(1), "copies_total": 4}])
        assert {answer.status_code for answer in await several(school)} == {200}
        end(postgres)
        await assert_away(world, school.lms)
        postgres.start()
        await ready_within(world, BACK_WITHIN)
        assert {answer.status_code for answer in await several(school)} == {200}
        assert copies(await school.shelf()) == {isbn(1): (4, 4)}
        await school.change([{"isbn": isbn(2)}])


async def several(school: Library) -> list[httpx.Response]:
    """Reads at once, on as many connections."""
    return await asyncio.gather(*(school.lms.get(school.path) for _ in range(8)))


@pytest.mark.parametrize("idle", [0.0, 1.1], ids=["in use", "idle"])
async def test_connections_that_the_server_closed_are_replaced(make_database: Callable[[], str], idle: float) -> None:
    async with api(make_database()) as world:
        school = await library(world)
        await school.replace([{"isbn": isbn(1)}])
        await several(school)
        await asyncio.sleep(idle)
        with psycopg.connect(world.database.settings.dsn) as other:
            closed = other.execute(
                """SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                    WHERE datname = current_database() AND application_name = 'wriveted'"""
            ).fetchone()
        assert closed is not None
        assert closed[0] >= 2
        statuses = [(await school.lms.get(school.path)).status_code for _ in range(12)]
        assert statuses == [200 if idle else 503] + [200] * 11
        assert {answer.status_code for answer in await several(school)} == {200}


@pytest.mark.parametrize("end", [Postgres.stop, Postgres.kill], ids=["stopped", "killed"])
async def test_no_acknowledged_change_is_lost_or_doubled_while_the_database_restarts(
    postgres: Postgres, end: Callable[[Postgres], None]
) -> None:
    async with api(postgres.url) as world:
        school = await library(world)
        await school.replace([{"isbn": isbn(0)}])
        path = f"/collection/{await school.id()}/item"
        acknowledged: list[int] = []
        well_begun = asyncio.Event()
        turned_away = 0

        async def add(number: int) -> None:
            nonlocal turned_away
            headers = {"Idempotency-Key": f"book-{number}"}
            while True:
                answer = await school.lms.post(path, json={"edition_isbn": isbn(number)}, headers=headers)
                if answer.status_code == 200:
                    acknowledged.append(number)
                    if len(acknowledged) == 10:
                        well_begun.set()
                    return
                assert answer.status_code in (409, 503), answer.text
                assert int(answer.headers["retry-after"]) >= 1
                turned_away += 1
                await asyncio.sleep(0.05)

        async def add_some(first: int) -> None:
            for number in range(first, 81, 4):
                await add(number)

        writers = [asyncio.create_task(add_some(first)) for first in (1, 2, 3, 4)]
        async with asyncio.timeout(60):
            await well_begun.wait()
            end(postgres)
            await asyncio.sleep(0.2)
            before = sorted(acknowledged)
            postgres.start()
            assert set(before) <= {number for number in range(81) if isbn(number) in await school.shelf()}
            await asyncio.gather(*writers)
        assert turned_away
        assert copies(await school.shelf()) == {isbn(number): (1, 1) for number in range(81)}
        assert sorted(acknowledged) == list(range(1, 81))
        async with world.database.transaction() as transaction:
            row = await transaction.driver.execute(
                "SELECT item_count, version FROM collections WHERE school_id = %s", [school.school.wriveted_identifier]
            )
            assert await row.fetchone() == (81, 82)
