"""Rows R4 and R5: what was accepted has its effect once, whoever dies; and poison harms nobody else."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select, text

from app.accounts.authenticate import restore
from app.adapters.cloud_tasks import CloudTasks
from app.adapters.local_deliverer import Deliverer
from app.collections.models import ReadingActivity
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import Task, TaskRow, TaskState, enqueue
from app.core.work import MOST_ATTEMPTS
from app.events.models import Event
from app.events.schemas import ProcessEvent
from app.events.service import record
from app.events.titles import READING_LOGGED
from tests.collections.shelves import isbn
from tests.conftest import settings_for
from tests.sign_in.fake_google import Google, google
from tests.tasks.poison import GOOD, HANGS, KILLS, RAISES, Good, Hangs, Kills, Raises
from tests.tasks.test_cloud_tasks import settings_of
from tests.tasks.twin import cloud_tasks
from tests.tasks.workers import Workers, answering, workers
from tests.world import World

LAG = 30.0
CHANCE = random.Random(20261127)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Google]:
    with google() as found:
        yield found


@pytest.mark.parametrize(("number", "kills"), [(1_000, 4), pytest.param(10_000, 1_000, marks=pytest.mark.nightly)])
async def test_every_accepted_task_has_its_effect_once(
    fresh_settings: Settings, issuer: Google, number: int, kills: int
) -> None:
    troubles = {"refuses": 0.03, "loses_answers": 0.03, "duplicates": 0.05, "shuffles": True, "longest": 5.0}
    async with cloud_tasks(issuer, **troubles) as twin, workers(settings_of(fresh_settings, issuer, twin)) as pool:
        settings = settings_of(fresh_settings, issuer, twin, pool.url)
        database = Database(settings)
        database.queue = CloudTasks(settings)
        world = World(database)
        reader, item = await holding(world)
        killing = asyncio.create_task(kill_now_and_then(pool, kills))
        undone = await post_readings(world, reader, item, number)
        while await unfinished(world) > number // 10 or pool.kills < 3:  # noqa: ASYNC110  rows that others write
            await asyncio.sleep(0.1)
        killing.cancel()
        began = time.monotonic()
        while await unfinished(world):
            await asyncio.sleep(0.1)
            assert time.monotonic() - began < LAG, "what the last kill interrupted is done soon"
        assert pool.kills >= 3
        await database.queue.close()
        async with world.session() as session:
            effects = await session.scalar(select(func.count()).select_from(ReadingActivity))
            moments = await session.scalar(select(func.count(ReadingActivity.timestamp.distinct())))
            told = select(func.count()).where(Event.title == "Collection item activity created")
            events = await session.scalar(told)
            tasks = await session.scalar(select(func.count()).where(TaskRow.kind == ProcessEvent.kind))
            assert (effects, moments, events, tasks) == (number, number, number, number)
            assert await session.scalar(select(func.count()).where(Event.id.in_(undone))) == 0
        await database.dispose()


async def holding(world: World) -> tuple[Any, int]:
    """A reader, and a book that the reader sees."""
    school = await world.school()
    reader = await world.student(await world.class_group(school))
    collection = await world.collection(school)
    async with world.session() as session:
        await session.execute(
            text("INSERT INTO editions (isbn, title, edition_title, sort_title) VALUES (:isbn, 'x', 'x', 'x')"),
            {"isbn": int(isbn(53_001))},
        )
        item = await session.scalar(
            text("""INSERT INTO collection_items
                           (collection_id, edition_isbn, sort_title, copies_total, copies_available)
                    VALUES (:id, :isbn, 'x', 1, 1) RETURNING id"""),
            {"id": collection.id, "isbn": int(isbn(53_001))},
        )
    assert isinstance(item, int)
    return reader, item


async def post_readings(world: World, reader: Any, item: int, number: int) -> list[Any]:
    """So many events in transactions of 25, of which each fifth is undone and made again; those that were undone."""
    async with world.database.transaction(reading=True) as transaction:
        account = await restore(transaction, f"user:{reader.id}", impersonator=None)
    undone = []
    for batch in range(number // 25):
        for rolls_back in (True, False) if batch % 5 == 0 else (False,):
            async with world.database.transaction() as transaction:
                transaction.rollback_only = rolls_back
                events = [
                    record(transaction.session, READING_LOGGED, account=account, info={"collection_item_id": item})
                    for _ in range(25)
                ]
                await transaction.session.flush()
                for place, event in enumerate(events):
                    event.timestamp = datetime.fromtimestamp(1_700_000_000 + batch * 25 + place).astimezone()
            if rolls_back:
                undone += [event.id for event in events]
        await asyncio.sleep(0)
    return undone


async def kill_now_and_then(pool: Workers, most: int) -> None:
    """Kill that worker which has worked for longest: a younger one may not have begun."""
    while pool.kills < most:
        await asyncio.sleep(CHANCE.uniform(1, 4))
        pool.kill_one()
        await answering(pool.url)  # on a busy machine it takes longer to start than to be killed


async def unfinished(world: World) -> int:
    """How many events are yet to be processed: what they cause in turn has a deadline, and a lag, of its own."""
    return await waiting(world, ProcessEvent.kind)


@asynccontextmanager
async def poisoned(settings: Settings) -> AsyncIterator[tuple[World, Workers]]:
    scaled = settings_for(settings.dsn, WRIVETED_TASK_FIRST_PAUSE="0.01")
    database = Database(scaled)
    async with workers(scaled, command=("-m", "tests.tasks.poison")) as pool:
        delivering = asyncio.create_task(Deliverer(scaled, pool.url, looks_for_jobs_every=3600).run())
        try:
            yield World(database), pool
        finally:
            delivering.cancel()
            await asyncio.gather(delivering, return_exceptions=True)
            await database.dispose()


async def good_deeds(world: World, number: int) -> list[float]:
    """The delays of so many tasks, one every few milliseconds, from commit to effect."""
    async with world.session() as session:
        before = set(await session.scalars(select(TaskRow.id).where(TaskRow.kind == GOOD)))
    for _ in range(number):
        await stored(world, Good(title=f"Good {uuid4()}"))
        await asyncio.sleep(0.01)
    async with asyncio.timeout(60):
        while await waiting(world, GOOD):  # noqa: ASYNC110  rows that others write
            await asyncio.sleep(0.05)
    async with world.session() as session:
        delay = func.extract("epoch", TaskRow.ended_at - TaskRow.created_at)
        rows = await session.execute(select(TaskRow.id, delay).where(TaskRow.kind == GOOD))
        return sorted(float(seconds) for id_, seconds in rows if id_ not in before)


async def stored(world: World, *tasks: Task) -> None:
    async with world.session() as session:
        await enqueue(session, *tasks, account=None)


async def waiting(world: World, *kinds: str) -> int:
    async with world.session() as session:
        query = select(func.count()).where(TaskRow.kind.in_(kinds), TaskRow.state == TaskState.PENDING)
        return await session.scalar(query) or 0


async def test_poison_is_set_aside_after_eight_attempts_and_delays_nobody(fresh_settings: Settings) -> None:
    async with poisoned(fresh_settings) as (world, pool):
        baseline = await good_deeds(world, 200)
        await stored(world, *(task() for task in (Raises, Hangs) for _ in range(3)))
        beside = await good_deeds(world, 200)
        async with asyncio.timeout(60):
            while await waiting(world, RAISES, HANGS):  # noqa: ASYNC110  rows that others write
                await asyncio.sleep(0.1)
        assert beside[197] <= 2 * baseline[197] + 0.05, "p99 beside poison"
        await stored(world, Kills())
        async with asyncio.timeout(90):
            while await waiting(world, KILLS):  # noqa: ASYNC110  rows that others write
                await asyncio.sleep(0.1)
        assert pool.ended >= MOST_ATTEMPTS
        assert len(await good_deeds(world, 20)) == 20
        async with world.session() as session:
            rows = await session.execute(
                select(TaskRow.kind, TaskRow.state, TaskRow.attempts, TaskRow.failure).where(TaskRow.kind != GOOD)
            )
            assert sorted(tuple(row) for row in rows) == [
                (HANGS, TaskState.SET_ASIDE, MOST_ATTEMPTS, "TimeoutError"),
                (HANGS, TaskState.SET_ASIDE, MOST_ATTEMPTS, "TimeoutError"),
                (HANGS, TaskState.SET_ASIDE, MOST_ATTEMPTS, "TimeoutError"),
                (KILLS, TaskState.SET_ASIDE, MOST_ATTEMPTS, "WorkerLost"),
                *[(RAISES, TaskState.SET_ASIDE, MOST_ATTEMPTS, "RuntimeError")] * 3,
            ]
            effects = await session.scalar(select(func.count()).where(Event.title.startswith("Good ")))
            assert effects == 420
