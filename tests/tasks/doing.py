"""Has tasks done as the queue does: each by its door."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from app.adapters.queue_callers import LocalCallers
from app.core.config import Settings
from app.core.outbox import TaskRow, TaskState
from tests.world import World


@asynccontextmanager
async def calling(app: FastAPI, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The queue's client of an application: signs as the local deliverer does."""
    headers = {"Authorization": f"Bearer {LocalCallers(settings).sign()}"}
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal", headers=headers) as client:
        yield client


class Tasks:
    """The tasks that were caused since this was made, in the order in which they were."""

    def __init__(self, world: World, queue: httpx.AsyncClient) -> None:
        self.world = world
        self.queue = queue
        self.since = datetime.now(UTC)

    async def rows(self, kind: str, *states: TaskState) -> list[TaskRow]:
        wanted = select(TaskRow).where(TaskRow.kind == kind, TaskRow.created_at >= self.since)
        if states:
            wanted = wanted.where(TaskRow.state.in_(states))
        async with self.world.session() as session:
            return list(await session.scalars(wanted.order_by(TaskRow.created_at, TaskRow.id)))

    async def knock(self, kind: str, ids: Iterable[UUID]) -> list[int]:
        """What the doors answer."""
        return [(await self.queue.post(f"/v1/tasks/{kind}", json={"id": str(id_)})).status_code for id_ in ids]

    async def do(self, kind: str) -> list[int]:
        """Have every pending one done; what the doors answer."""
        return await self.knock(kind, [row.id for row in await self.rows(kind, TaskState.PENDING)])
