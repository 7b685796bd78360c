"""Row R3 for what happens after the answer: PostgreSQL ends amid the work, and each effect is there once."""

import asyncio
import time
from collections.abc import Callable, Iterator
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.adapters.local_deliverer import Deliverer
from app.adapters.queue_callers import LocalCallers
from app.collections.models import ReadingActivity
from app.core.db import Database
from app.core.outbox import TaskRow, TaskState
from app.events.schemas import ProcessEvent
from tests.conftest import settings_for
from tests.reliability.restarting import Postgres, restartable
from tests.tasks.readings import holding, post_readings, unfinished
from tests.tasks.workers import workers
from tests.world import World

NUMBER = 300
BACK_WITHIN = 5.0
LAG = 60.0
"""A claim that the restart cut off runs out within fifteen seconds; the deliverer calls 150 times a second."""


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    with restartable() as server:
        yield server


@pytest.mark.parametrize("end", [Postgres.stop, Postgres.kill], ids=["stopped", "killed"])
async def test_no_task_is_lost_or_done_twice_while_the_database_restarts(
    postgres: Postgres, end: Callable[[Postgres], None]
) -> None:
    settings = settings_for(postgres.url)
    database = Database(settings)
    world = World(database)
    async with workers(settings) as pool, httpx.AsyncClient(base_url=pool.url, trust_env=False) as queue:
        delivering = asyncio.create_task(Deliverer(settings, pool.url, looks_for_jobs_every=3600).run())
        reader, item = await holding(world)
        await post_readings(world, reader, item, NUMBER)
        while await unfinished(world) > NUMBER * 3 // 4:  # noqa: ASYNC110  rows that others write
            await asyncio.sleep(0.02)
        end(postgres)
        signed = {"Authorization": f"Bearer {LocalCallers(settings).sign()}"}
        for _ in range(4):
            answer = await queue.post(f"/v1/tasks/{ProcessEvent.kind}", json={"id": str(uuid4())}, headers=signed)
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
            assert int(answer.headers["retry-after"]) >= 1
        assert (await queue.get("/livez")).status_code == 200
        assert (await queue.get("/readyz")).status_code == 503
        postgres.start()
        began = time.monotonic()
        while (await queue.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.1)
            assert time.monotonic() - began < BACK_WITHIN
        while await unfinished(world):
            await asyncio.sleep(0.1)
            assert time.monotonic() - began < LAG
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)
        assert pool.ended == 0, "no worker had to be started again"
    async with world.session() as session:
        effects = await session.scalar(select(func.count()).select_from(ReadingActivity))
        moments = await session.scalar(select(func.count(ReadingActivity.timestamp.distinct())))
        done = await session.scalar(
            select(func.count()).where(TaskRow.kind == ProcessEvent.kind, TaskRow.state == TaskState.DONE)
        )
        assert (effects, moments, done) == (NUMBER, NUMBER, NUMBER)
    await database.dispose()
