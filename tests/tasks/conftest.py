"""The internal application, as it is served, behind a real socket."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.adapters.queue_callers import LocalCallers
from app.core.config import Settings
from app.core.db import Database
from app.internal_api import create_internal_app


@pytest.fixture(scope="session")
def internal(settings: Settings, database: Database) -> FastAPI:
    return create_internal_app(settings, database=database)


@pytest_asyncio.fixture
async def queue(internal: FastAPI, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The queue's client: signs as the local deliverer does."""
    headers = {"Authorization": f"Bearer {LocalCallers(settings).sign()}"}
    transport = httpx.ASGITransport(app=internal, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal", headers=headers) as client:
        yield client
