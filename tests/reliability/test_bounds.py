"""Nothing that a caller sends, and nobody who holds a lock, keeps the service waiting or fills its memory."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from app.core.db import Database, Driver
from app.main import create_public_app
from tests.collections.shelves import Library, isbn, library
from tests.conftest import settings_for
from tests.reliability.serving import serving
from tests.world import World

A_LITTLE = 2.0
KIB, MIB = 1024, 1024 * 1024
LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
SLACK = 64 * MIB


@pytest.fixture(scope="module")
def url(make_database: Callable[[], str]) -> str:
    return make_database()


@asynccontextmanager
async def narrow(url: str, **settings: str) -> AsyncIterator[World]:
    """The application with narrow limits."""
    database = Database(settings_for(url, **{f"WRIVETED_{name.upper()}": value for name, value in settings.items()}))
    app = create_public_app(database.settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        try:
            yield World(database, http)
        finally:
            await database.dispose()


async def limits_of(driver: Driver) -> dict[str, float]:
    """The limits of a connection in seconds, as the server has them in force."""
    found = await driver.execute(
        "SELECT name, setting::float / 1000 FROM pg_settings WHERE name = ANY(%s) AND unit = 'ms'", [list(LIMITS)]
    )
    return dict(await found.fetchall())


@pytest.mark.parametrize("reading", [False, True])
async def test_every_connection_of_the_pool_is_bounded(url: str, reading: bool) -> None:
    async with narrow(url, database_pool_size="3", database_max_overflow="1") as world:
        expected = dict(zip(LIMITS, (5.0, 2.0, 10.0), strict=True))
        everyone = asyncio.Barrier(4)

        async def look() -> int:
            async with world.database.transaction(reading=reading) as transaction:
                assert await limits_of(transaction.driver) == expected
                await everyone.wait()
                return transaction.driver.info.backend_pid

        assert len(set(await asyncio.gather(*(look() for _ in range(4))))) == 4


async def test_bulk_limits_end_with_their_transaction(url: str) -> None:
    async with narrow(url, database_pool_size="1", database_max_overflow="0") as world:
        async with world.database.transaction() as transaction:
            before = await limits_of(transaction.driver)
            await transaction.allow_bulk()
            assert await limits_of(transaction.driver) == before | {"statement_timeout": 45.0, "lock_timeout": 30.0}
        async with world.database.transaction() as transaction:
            assert await limits_of(transaction.driver) == before


@pytest.mark.parametrize("what", ["a bulk change", "one item", "a school"])
async def test_what_somebody_else_holds_is_refused_in_time(url: str, what: str) -> None:
    async with narrow(url, lock_timeout="0.3", bulk_lock_timeout="0.6") as world:
        school = await library(world)
        await school.replace([{"isbn": isbn(1)}])
        collection = f"/collection/{await school.id()}"
        holds, method, path, body = {
            "a bulk change": ("collections", "POST", school.path, [{"isbn": isbn(2)}]),
            "one item": ("collections", "POST", f"{collection}/item", {"edition_isbn": isbn(2)}),
            "a school": ("schools", "PATCH", f"/school/{school.school.wriveted_identifier}", {"lms_type": "Oliver"}),
        }[what]
        async with await psycopg.AsyncConnection.connect(world.database.settings.dsn) as holder:
            await holder.execute(f"SELECT FROM {holds} FOR UPDATE".encode())
            started = time.monotonic()
            answer = await school.lms.request(method, path, json=body)
            took = time.monotonic() - started
            await holder.rollback()
        assert (answer.status_code, answer.json()["code"]) == (409, "busy")
        assert int(answer.headers["retry-after"]) >= 1
        assert took < 0.6 + A_LITTLE
        assert (await school.lms.request(method, path, json=body)).status_code == 200


async def test_a_statement_that_takes_too_long_is_ended(make_database: Callable[[], str]) -> None:
    async with narrow(make_database(), statement_timeout="0.2", bulk_statement_timeout="0.4") as world:
        school = await library(world)
        async with world.database.transaction() as transaction:
            await transaction.driver.execute(
                """CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS
                   'BEGIN PERFORM pg_sleep(20); RETURN NEW; END'"""
            )
            await transaction.driver.execute(
                "CREATE TRIGGER dawdle BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION dawdle()"
            )
        started = time.monotonic()
        answer = await school.lms.post(school.path, json=[{"isbn": isbn(1)}])
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() - started < 0.4 + A_LITTLE


async def test_no_free_connection_is_said_in_time(url: str) -> None:
    pool = {"database_pool_size": "1", "database_max_overflow": "0", "database_pool_timeout": "0.2"}
    async with narrow(url, **pool) as world:
        school = await library(world)
        async with world.database.transaction():
            started = time.monotonic()
            answer = await school.lms.get("/schools")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert time.monotonic() - started < 1.2 + A_LITTLE
        assert (await school.lms.get("/schools")).status_code == 200


async def in_pieces(size: int, piece: int = 64 * KIB, pause: float = 0.0) -> AsyncIterator[bytes]:
    """A body without a declared length."""
    yield b"["
    for _ in range(1, size - 1, piece):
        await asyncio.sleep(pause)
        yield b" " * piece
    yield b"]"


JSON = {"Content-Type": "application/json"}
BULK, ORDINARY = 64 * KIB, 16 * KIB


@pytest.fixture
async def school(url: str) -> AsyncIterator[Library]:
    """A library whose API takes 64 KiB in bulk, 16 KiB otherwise, 50 rows, and waits half a second for a body."""
    narrowness = {"max_bulk_body": "64KiB", "max_body": "16KiB", "max_bulk_items": "50", "body_idle_timeout": "0.5"}
    async with narrow(url, **narrowness) as world:
        yield await library(world)


@pytest.mark.parametrize("is_declared", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize(("path", "limit"), [(None, BULK), ("/events", ORDINARY)], ids=["bulk", "ordinary"])
async def test_a_body_over_the_limit_is_refused_before_the_database_is_asked(
    world: World, school: Library, path: str | None, limit: int, is_declared: bool
) -> None:
    path = path or school.path

    async def ask(size: int) -> httpx.Response:
        content: Any = b"[" + b" " * (size - 2) + b"]" if is_declared else in_pieces(size, size - 2)
        return await school.lms.post(path, content=content, headers=JSON)

    async def refused() -> None:
        answer = await ask(limit + 1)
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert answer.json()["limit_bytes"] == limit

    assert (await ask(limit)).status_code != 413
    assert await world.count_statements(refused()) == 0


async def test_an_endless_body_is_not_read_to_its_end(school: Library) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += KIB
            yield b" " * KIB

    answer = await school.lms.post(school.path, content=endless(), headers=JSON)
    assert answer.status_code == 413
    assert sent <= BULK + 2 * KIB


@pytest.mark.parametrize(("rows", "status"), [(49, 200), (50, 200), (51, 413)])
async def test_rows_are_counted(school: Library, rows: int, status: int) -> None:
    answer = await school.lms.post(school.path, json=[{"isbn": isbn(number)} for number in range(rows)])
    assert answer.status_code == status, answer.text


async def test_the_most_rows_by_default_are_a_hundred_thousand(world: World) -> None:
    school = await library(world)
    answer = await school.lms.post(school.path, content=b"[" + b"{}," * 100_000 + b"{}]", headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(("piece", "pause"), [(64, 5.0), (1, 0.05)], ids=["pausing", "dribbling"])
async def test_a_slow_body_is_cut(world: World, school: Library, piece: int, pause: float) -> None:
    async def cut() -> None:
        started = time.monotonic()
        answer = await school.lms.post(school.path, content=in_pieces(8 * KIB, piece, pause), headers=JSON)
        assert (answer.status_code, answer.json()["code"]) == (408, "request_timeout")
        assert time.monotonic() - started < 0.5 + A_LITTLE

    assert await world.count_statements(cut()) == 0


async def test_a_slow_body_holds_no_connection(url: str) -> None:
    pool = {"database_pool_size": "1", "database_max_overflow": "0", "database_pool_timeout": "0.2"}
    async with narrow(url, **pool) as world:
        school = await library(world)
        halfway = asyncio.Event()

        async def halting() -> AsyncIterator[bytes]:
            yield b"["
            await halfway.wait()
            yield b'{"isbn": "9780439023481"}]'

        slow = asyncio.create_task(school.lms.post(school.path, content=halting(), headers=JSON))
        await asyncio.sleep(0.05)
        assert (await school.lms.get("/schools")).status_code == 200
        halfway.set()
        assert (await slow).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of another process's memory is read from /proc")
async def test_memory_grows_by_no_more_than_a_few_bodies(url: str) -> None:
    rows = [{"edition_isbn": isbn(number), "copies_total": 2, "copies_available": 1} for number in range(100_000)]
    body = json.dumps(rows).encode()
    async with narrow(url, log_level="ERROR") as world:
        school = await library(world)
        with serving(world.database.settings) as server:
            url, token = f"{server.url}/v1{school.path}", {"Authorization": f"Bearer {school.lms.token}"}
            async with httpx.AsyncClient(headers=JSON | token, timeout=60) as http:
                warm = await http.post(url, content=json.dumps(rows[:2_500]))
                before = peak_memory(server.process.pid)
                answer = await http.post(url, content=body)
            grown = peak_memory(server.process.pid) - before
    assert (warm.status_code, answer.status_code) == (200, 200)
    assert answer.json()["collection_size"] == 100_000
    assert grown <= 10 * len(body) + SLACK, f"{grown / MIB:.0f} MiB for a body of {len(body) / MIB:.0f} MiB"


def peak_memory(pid: int) -> int:
    """The most resident memory that a process ever had, in bytes."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmHWM"].split()[0]) * KIB
