"""The internal application, and the queue that calls it."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.core.config import Settings
from app.core.db import Database
from app.internal_api import create_internal_app
from tests.tasks.doing import calling


@pytest.fixture(scope="session")
def internal(settings: Settings, database: Database) -> FastAPI:
    return create_internal_app(settings, database=database)


@pytest_asyncio.fixture
async def queue(internal: FastAPI, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(internal, settings) as client:
        yield client
