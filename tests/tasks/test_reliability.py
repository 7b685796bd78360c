"""Rows R4 and R5: what was accepted has its effect once, whoever dies; and poison harms nobody else."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.adapters.cloud_tasks import CloudTasks
from app.adapters.local_deliverer import Deliverer
from app.collections.models import ReadingActivity
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import Task, TaskRow, TaskState, enqueue
from app.core.work import MOST_ATTEMPTS
from app.events.models import Event
from app.events.schemas import ProcessEvent
from app.tasks.sweep import sweep
from tests.conftest import settings_for
from tests.sign_in.fake_google import Google, google
from tests.tasks.poison import GOOD, HANGS, KILLS, RAISES, Good, Hangs, Kills, Raises
from tests.tasks.readings import holding, post_readings, unfinished, waiting
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
        sweeping = asyncio.create_task(sweep_now_and_then(database))
        undone = await post_readings(world, reader, item, number)
        while await unfinished(world) > 100 or pool.kills < 3:  # noqa: ASYNC110  rows that others write
            await asyncio.sleep(0.1)
        killing.cancel()
        began = time.monotonic()
        while await unfinished(world):
            await asyncio.sleep(0.1)
            assert time.monotonic() - began < LAG, "what the last kill interrupted is done soon"
        assert pool.kills >= 3
        sweeping.cancel()
        await asyncio.gather(killing, sweeping, return_exceptions=True)
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


async def kill_now_and_then(pool: Workers, most: int) -> None:
    """Kill that worker which has worked for longest: a younger one may not have begun."""
    while pool.kills < most:
        await asyncio.sleep(CHANCE.uniform(1, 4))
        pool.kill_one()
        await answering(pool.url)  # on a busy machine it takes longer to start than to be killed


async def sweep_now_and_then(database: Database) -> None:
    """As Cloud Scheduler has it done, a little more often: who is killed between a commit and telling told nobody."""
    while True:
        await asyncio.sleep(10)
        await sweep(database)


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
