"""The internal application with a labeller of the test's choice, and works to label."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import httpx
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select

from app.adapters.queue_callers import LocalCallers
from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import TaskRow, TaskState, enqueue
from app.internal_api import create_internal_app
from app.labelling.labellers import Labellers
from app.labels.schemas import GenerateLabels
from tests.labelling.labelling import Deliver
from tests.world import World


@asynccontextmanager
async def delivering(app: FastAPI, settings: Settings, world: World) -> AsyncIterator[Deliver]:
    """Deliver tasks as the queue does."""
    headers = {"Authorization": f"Bearer {LocalCallers(settings).sign()}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal", headers=headers) as queue:

        async def deliver(*work_ids: Any, again: bool = False, labellers: Labellers | None = None) -> TaskRow:
            """Cause a task, deliver it once, and what became of it."""
            if labellers is not None:
                app.state.labellers = labellers
            task = GenerateLabels(work_ids=[int(id_) for id_ in work_ids], again=again)
            async with world.session() as session:
                (id_,) = await enqueue(session, task, account=None)
            return await again_(id_)

        async def again_(id_: UUID) -> TaskRow:
            answer = await queue.post("/v1/tasks/generate-labels", json={"id": str(id_)})
            async with world.session() as session:
                row = await session.scalar(select(TaskRow).where(TaskRow.id == id_))
                assert row is not None
            assert answer.status_code == (204 if row.state is TaskState.DONE else 503), answer.text
            return row

        yield deliver


@pytest_asyncio.fixture
async def deliver(settings: Settings, database: Database, world: World) -> AsyncIterator[Deliver]:
    """Deliver tasks to the application as it is set up by default."""
    app = create_internal_app(settings, database=database)
    async with delivering(app, settings, world) as deliver:
        yield deliver
