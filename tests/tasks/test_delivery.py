"""The local deliverer calls the internal API over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest_asyncio
import uvicorn
from sqlalchemy import select

from app.adapters.local_deliverer import Deliverer
from app.adapters.local_queue import LocalQueue
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import TaskRow, TaskState, enqueue
from app.events.schemas import ProcessEvent
from app.internal_api import create_internal_app
from tests.tasks.serving import served
from tests.world import World


@pytest_asyncio.fixture
async def own(fresh_settings: Settings) -> AsyncIterator[World]:
    """A world whose tasks nobody else delivers."""
    database = Database(fresh_settings)
    database.queue = LocalQueue(database)
    yield World(database)
    await database.dispose()


async def enqueued(world: World, number: int) -> list[Any]:
    async with world.session() as session:
        tasks = [ProcessEvent(event_id=uuid4()) for _ in range(number)]
        return await enqueue(session, *tasks, account=None)


async def states(world: World) -> set[TaskState]:
    async with world.session() as session:
        return set(await session.scalars(select(TaskRow.state)))


async def all_done(world: World, *, within: float) -> None:
    async with asyncio.timeout(within):
        while await states(world) != {TaskState.DONE}:  # noqa: ASYNC110  another process's rows
            await asyncio.sleep(0.02)


async def test_tasks_are_delivered_soon_after_their_commit(own: World, settings: Settings) -> None:
    app = create_internal_app(own.database.settings, database=own.database)
    async with served(app) as url:
        delivering = asyncio.create_task(Deliverer(own.database.settings, url).run())
        await asyncio.sleep(0.3)
        await enqueued(own, 1)
        await all_done(own, within=0.7)  # before it would look by itself
        await enqueued(own, 100)
        await all_done(own, within=10)
        delivering.cancel()
        await asyncio.gather(delivering, return_exceptions=True)


async def test_internal_api_that_is_away_is_waited_for(own: World) -> None:
    await enqueued(own, 5)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    listener.close()
    delivering = asyncio.create_task(Deliverer(own.database.settings, f"http://127.0.0.1:{port}").run())
    await asyncio.sleep(1)
    assert not delivering.done()
    assert await states(own) == {TaskState.PENDING}
    app = create_internal_app(own.database.settings, database=own.database)
    server = uvicorn.Server(uvicorn.Config(app, port=port, lifespan="off", log_config=None, access_log=False))
    serving = asyncio.create_task(server.serve())
    await all_done(own, within=15)
    delivering.cancel()
    server.should_exit = True
    await asyncio.gather(delivering, serving, return_exceptions=True)
