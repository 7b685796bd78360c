"""The internal application with a labeller of the test's choice, and works to label."""

from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from app.core.config import Settings
from app.core.db import Database
from app.core.outbox import TaskRow, TaskState, enqueue
from app.internal_api import create_internal_app
from app.labelling.labellers import Labellers
from app.labels.schemas import GenerateLabels
from tests.labelling.labelling import Deliver
from tests.tasks.doing import calling
from tests.world import World


@pytest_asyncio.fixture
async def deliver(settings: Settings, database: Database, world: World) -> AsyncIterator[Deliver]:
    """Deliver tasks to the application as it is set up by default."""
    app = create_internal_app(settings, database=database)
    async with calling(app, settings) as queue:

        async def deliver(*work_ids: Any, again: bool = False, labellers: Labellers | None = None) -> TaskRow:
            """Cause a task, deliver it once, and what became of it."""
            if labellers is not None:
                app.state.labellers = labellers
            task = GenerateLabels(work_ids=[int(id_) for id_ in work_ids], again=again)
            async with world.session() as session:
                (id_,) = await enqueue(session, task, account=None)
            answer = await queue.post("/v1/tasks/generate-labels", json={"id": str(id_)})
            async with world.session() as session:
                row = await session.get_one(TaskRow, id_)
            assert answer.status_code == (204 if row.state is TaskState.DONE else 503), answer.text
            return row

        yield deliver
