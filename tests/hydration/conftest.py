"""A product of a test's own, whose providers are twins and whose tasks only the test delivers."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import text

from app.adapters.queue_callers import LocalCallers
from app.core.db import Database
from app.hydration.providers import Budget
from app.internal_api import create_internal_app
from app.main import create_public_app
from tests.conftest import settings_for
from tests.hydration.twins import Twins, serving_twins
from tests.world import World


@dataclass
class Lab:
    world: World
    twins: Twins
    queue: httpx.AsyncClient
    told: list[Any]
    """All that was told to other hosts."""
    apps: tuple[FastAPI, FastAPI]

    def allow(self, requests: int) -> None:
        """Let Nielsen be asked so often, and for an hour no more."""
        for app in self.apps:
            app.state.providers[0].budget = Budget(1, timedelta(hours=1), burst=requests)

    def allow_all(self, requests: int) -> None:
        """Let everybody be asked so often, and for an hour no more."""
        for app in self.apps:
            for provider in app.state.providers:
                provider.budget = Budget(1, timedelta(hours=1), burst=requests)

    async def sql(self, statement: str, **values: Any) -> list[Any]:
        async with self.world.session() as session:
            found = await session.execute(text(statement), values)
            return list(found.all()) if found.returns_rows else []

    async def tasks(self, kind: str = "hydrate") -> list[Any]:
        """The tasks of a kind: id, state, payload, failure, and whether they are due."""
        return await self.sql(
            "SELECT id, state, payload, failure, due_at <= now() AS is_due FROM tasks WHERE kind = :kind"
            " ORDER BY created_at, id",
            kind=kind,
        )

    async def deliver(self) -> list[int]:
        """Deliver every task of hydration that is due, once; what the internal API answers."""
        due = [each for each in await self.tasks() if each.state == "pending" and each.is_due]
        answers = [await self.queue.post("/v1/tasks/hydrate", json={"id": str(each.id)}) for each in due]
        return [answer.status_code for answer in answers]

    async def ripen(self) -> None:
        """Let what was postponed be due."""
        await self.sql("UPDATE tasks SET due_at = now() WHERE state = 'pending'")


@pytest_asyncio.fixture
async def twins() -> AsyncIterator[Twins]:
    async with serving_twins() as twins:
        yield twins


@pytest_asyncio.fixture
async def lab(make_database: Callable[[], str], twins: Twins) -> AsyncIterator[Lab]:
    settings = settings_for(make_database(), **twins.settings)
    database = Database(settings)
    public = create_public_app(settings, database=database)
    internal = create_internal_app(settings, database=database)
    told: list[Any] = []
    headers = {"Authorization": f"Bearer {LocalCallers(settings).sign()}"}
    async with (
        httpx.AsyncClient(
            transport=httpx.ASGITransport(public, raise_app_exceptions=False), base_url="http://testserver"
        ) as http,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(internal, raise_app_exceptions=False),
            base_url="http://internal",
            headers=headers,
        ) as queue,
    ):
        for app in (public, internal):
            app.state.egress.recorder = told.append
        yield Lab(World(database, http), twins, queue, told, (public, internal))
    for app in (public, internal):
        await app.state.egress.close()
    await database.dispose()
