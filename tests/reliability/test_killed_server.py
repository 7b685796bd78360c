"""A bulk change is all or nothing: whenever the server is killed, the state is exactly before or exactly after, and a
retry with the same Idempotency-Key always ends in after."""

import asyncio
import os
import random
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio

from app.core.db import Database
from app.main import create_public_app
from tests.collections.shelves import isbn
from tests.conftest import settings_for
from tests.reliability.serving import Serving, serving
from tests.world import Client, World

PATIENCE = 60.0
COMMIT_LOCK = 1_602
MOST = 95_000  # a mixed change of so many books has 99,750 rows, and 100,000 are allowed

# What a test holds back, in a database of its own, so that a request stops at a known place; and what must be there
# after the server was killed at that place and the rest let go.
MOMENTS = {
    "before the collection is locked": ("SELECT FROM collections FOR UPDATE", "before"),
    "among the new editions": ("INSERT INTO editions (isbn) VALUES ({new})", "before"),
    "among the holdings": ("SELECT FROM collection_items WHERE edition_isbn = {kept} FOR UPDATE", "before"),
    "before the collection is counted": ("LOCK TABLE events IN SHARE MODE", "before"),
    "before the answer is kept": ("LOCK TABLE idempotency_records IN SHARE MODE", "before"),
    "while it commits": (f"SELECT pg_advisory_xact_lock({COMMIT_LOCK})", "after"),
}
WAIT_IN_COMMIT = f"""
CREATE FUNCTION wait_in_commit() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_advisory_xact_lock_shared({COMMIT_LOCK}); RETURN NULL; END';
CREATE CONSTRAINT TRIGGER wait_in_commit AFTER INSERT ON idempotency_records
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait_in_commit();
"""
STATE = """
SELECT c.version, c.item_count, count(i.id) FILTER (WHERE i.withdrawn_at IS NULL),
       (SELECT count(*) FROM events), (SELECT count(*) FROM idempotency_records), (SELECT count(*) FROM editions),
       jsonb_object_agg(i.edition_isbn, i.copies_total) FILTER (WHERE i.withdrawn_at IS NULL),
       jsonb_object_agg(i.edition_isbn, i.copies_total) FILTER (WHERE i.withdrawn_at IS NOT NULL)
  FROM collections c LEFT JOIN collection_items i ON i.collection_id = c.id
 WHERE c.id = %s GROUP BY c.id
"""


@dataclass(frozen=True)
class State:
    """All that a bulk change may touch, of a database with one collection."""

    version: int
    item_count: int
    visible: int
    events: int
    answers: int
    editions: int
    shelf: dict[str, int]
    withdrawn: dict[str, int]

    def after(self, shelf: dict[str, int]) -> "State":
        """What a change that leaves this shelf makes of it."""
        known = self.shelf | self.withdrawn
        return State(
            version=self.version + 1,
            item_count=len(shelf),
            visible=len(shelf),
            events=self.events + 1,
            answers=self.answers + 1,
            editions=self.editions + len(shelf.keys() - known.keys()),
            shelf=shelf,
            withdrawn={book: copies for book, copies in known.items() if book not in shelf},
        )


def shelf(step: int, size: int) -> dict[str, int]:
    """What the collection holds after so many changes: each adds and withdraws a twentieth, and recounts the rest."""
    first = step * (size // 20)
    return {isbn(number): 1 + (number + step) % 5 for number in range(first, first + size)}


def request_for(step: int, size: int) -> tuple[str, list[dict[str, Any]]]:
    """The request that leads to that shelf from the one before: in turn a replacement, and a mixed change."""
    wanted = shelf(step, size)
    if step % 2 == 0:
        return "POST", [{"isbn": book, "copies_total": copies} for book, copies in wanted.items()]
    held = shelf(step - 1, size)
    rows: list[dict[str, Any]] = [{"isbn": book, "action": "remove"} for book in held if book not in wanted]
    for book, copies in wanted.items():
        rows.append({"isbn": book, "copies_total": copies, "action": "update" if book in held else "add"})
    return "PATCH", rows


@dataclass
class Stage:
    """A library system and its collection, in a database of their own."""

    database: Database
    lms: Client
    path: str
    collection: UUID
    size: int
    step: int = 0

    async def state(self) -> State:
        """The committed state, once nobody is changing it any more."""
        async with self.database.transaction() as transaction:
            await transaction.allow_bulk()
            await transaction.driver.execute("SELECT FROM collections WHERE id = %s FOR UPDATE", [self.collection])
            row = await (await transaction.driver.execute(STATE, [self.collection])).fetchone()
        assert row is not None
        version, item_count, visible, events, answers, editions, held, withdrawn = row
        return State(version, item_count, visible, events, answers, editions, held or {}, withdrawn or {})

    async def ask(self, lms: Client, key: str) -> httpx.Response | None:
        """Send the request of this step; None if the connection broke before there was an answer."""
        method, rows = request_for(self.step, self.size)
        try:
            return await lms.request(method, self.path, json=rows, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            return None

    async def kill(self, victim: Serving, key: str, moment: Awaitable[None]) -> httpx.Response | None:
        """Send the request of this step to a server, and kill that at the moment."""
        async with httpx.AsyncClient(base_url=victim.url, timeout=PATIENCE) as http:
            asking = asyncio.create_task(self.ask(replace(self.lms, http=http), key))
            await moment
            victim.kill()
            return await asking

    async def retry(self, key: str, found: State, before: State) -> None:
        """Send it again to another server: that has to end in after, and with one effect."""
        after = before.after(shelf(self.step, self.size))
        again = await self.ask(self.lms, key)
        assert again is not None
        assert again.status_code == 200, again.text
        assert ("idempotent-replayed" in again.headers) is (found == after)
        assert again.json()["collection_size"] == self.size
        assert await self.state() == after


@asynccontextmanager
async def staged(url: str, size: int) -> AsyncIterator[Stage]:
    """A collection that was filled once, and a second server (this process) that outlives the ones to be killed."""
    database = Database(settings_for(url, WRIVETED_LOG_LEVEL="ERROR"))
    app = create_public_app(database.settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
            yield await _filled(World(database, http), size)
    finally:
        await database.dispose()


async def _filled(world: World, size: int) -> Stage:
    school = await world.school()
    collection = await world.collection(school)
    lms = await world.lms(school)
    async with world.database.transaction() as transaction:
        await transaction.driver.execute(WAIT_IN_COMMIT)
    stage = Stage(world.database, lms, f"/school/{school.wriveted_identifier}/collection", collection.id, size)
    filled = await stage.ask(lms, "first")
    assert filled is not None
    assert filled.status_code == 200, filled.text
    return stage


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stage(make_database: Callable[[], str]) -> AsyncIterator[Stage]:
    async with staged(make_database(), 3_000) as stage:
        yield stage


@pytest.fixture
def victim(stage: Stage) -> Iterator[Serving]:
    with serving(stage.database.settings) as victim:
        yield victim


@pytest.mark.parametrize("moment", MOMENTS)
async def test_server_killed_at_a_known_place_leaves_before_or_after(
    stage: Stage, victim: Serving, moment: str
) -> None:
    hold, expected = MOMENTS[moment]
    stage.step += 1
    before = await stage.state()
    after = before.after(shelf(stage.step, stage.size))
    new = sorted(after.shelf.keys() - before.shelf.keys())
    kept = sorted(after.shelf.keys() & before.shelf.keys())
    async with await psycopg.AsyncConnection.connect(stage.database.settings.dsn) as holder:
        await holder.execute(hold.format(new=new[len(new) // 2], kept=kept[len(kept) // 2]).encode())
        answer = await stage.kill(victim, moment.replace(" ", "-"), someone_waits_for(holder))
        await holder.rollback()
    assert answer is None
    found = await stage.state()
    assert found == (before if expected == "before" else after)
    await stage.retry(moment.replace(" ", "-"), found, before)


async def someone_waits_for(holder: psycopg.AsyncConnection[Any]) -> None:
    """Until another connection waits for what the holder's transaction has locked."""
    question = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))"
    async with asyncio.timeout(PATIENCE):
        while await (await holder.execute(question, [holder.info.backend_pid])).fetchone() != (True,):
            await holder.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("kills", "size"), [(5, 10_000), pytest.param(50, MOST, marks=pytest.mark.nightly)], ids=["gate", "nightly"]
)
async def test_server_killed_at_any_time_leaves_before_or_after(
    make_database: Callable[[], str], kills: int, size: int
) -> None:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    sys.stdout.write(f"replay with TEST_SEED={seed}\n")
    chance = random.Random(seed)
    async with staged(make_database(), size) as stage:
        usual = await seconds_of_a_change(stage)
        outcomes = [
            await one_random_kill(stage, chance.uniform(0, 1.1 * usual), f"kill-{number}") for number in range(kills)
        ]
    sys.stdout.write(f"{kills} kills within {usual:.2f} s: {outcomes.count('after')} after the commit\n")


async def seconds_of_a_change(stage: Stage) -> float:
    """How long a server that was just started takes for a change."""
    stage.step += 1
    with serving(stage.database.settings) as unhurt:
        async with httpx.AsyncClient(base_url=unhurt.url, timeout=PATIENCE) as http:
            started = time.monotonic()
            answer = await stage.ask(replace(stage.lms, http=http), "measured")
    assert answer is not None
    assert answer.status_code == 200, answer.text
    return time.monotonic() - started


async def one_random_kill(stage: Stage, delay: float, key: str) -> str:
    stage.step += 1
    before = await stage.state()
    after = before.after(shelf(stage.step, stage.size))
    with serving(stage.database.settings) as victim:
        answer = await stage.kill(victim, key, asyncio.sleep(delay))
    found = await stage.state()
    assert found in (before, after), f"neither before nor after a kill at {delay:.3f} s"
    assert answer is None or (answer.status_code == 200 and found == after), "an answered change was lost"
    await stage.retry(key, found, before)
    return "after" if found == after else "before"
