"""Row R6 for the internal API: told to end, it finishes what it has in hand, and nothing is lost."""

import asyncio
import signal
import time
from uuid import uuid4

from sqlalchemy import func, select

from app.adapters.local_deliverer import Deliverer
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import TaskRow, TaskState, enqueue
from app.events.schemas import ProcessEvent
from tests.tasks.workers import workers
from tests.world import World

LONGEST = 8.0


async def test_worker_that_is_told_to_end_finishes_what_it_has_in_hand(fresh_settings: Settings) -> None:
    database = Database(fresh_settings)
    world = World(database)
    async with workers(fresh_settings, number=1) as pool:
        delivering = asyncio.create_task(Deliverer(fresh_settings, pool.url, looks_for_jobs_every=3600).run())
        async with world.session() as session:
            await enqueue(session, *(ProcessEvent(event_id=uuid4()) for _ in range(600)), account=None)
        while not await number(world, TaskState.DONE):  # noqa: ASYNC110  rows that others write
            await asyncio.sleep(0.02)
        (worker,) = pool.processes
        began = time.monotonic()
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(worker.wait, LONGEST) == 0
        assert time.monotonic() - began < LONGEST
        async with asyncio.timeout(60):
            while await number(world, TaskState.PENDING):  # noqa: ASYNC110  rows that others write
                await asyncio.sleep(0.05)
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
    async with world.session() as session:
        assert list(await session.scalars(select(TaskRow.attempts).distinct())) == [1], "no attempt was cut off"
    await database.dispose()


async def number(world: World, state: TaskState) -> int:
    async with world.session() as session:
        return await session.scalar(select(func.count()).where(TaskRow.state == state)) or 0
