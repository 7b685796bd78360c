from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.adapters.egress import Egress
from app.adapters.webhook_sender import WebhookSender
from app.core.config import Settings
from app.core.db import Database
from app.main import create_public_app
from tests.messages.conftest import mail
from tests.tasks.conftest import internal, queue
from tests.tasks.doing import Tasks
from tests.webhooks.receiver import Receiver, receiving
from tests.world import World

__all__ = ["internal", "mail", "queue"]


@pytest_asyncio.fixture
async def receiver(internal: FastAPI, settings: Settings) -> AsyncIterator[Receiver]:
    """A receiver on this machine, which this deployment is allowed to call."""
    before, egress = internal.state.webhook_sender, Egress(settings.model_copy(update={"egress_loopback": True}))
    internal.state.webhook_sender = WebhookSender(egress)
    async with receiving() as one:
        yield one
    internal.state.webhook_sender = before
    await egress.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def near(settings: Settings) -> AsyncIterator[World]:
    """The world of a deployment whose webhooks may be on this machine."""
    settings = settings.model_copy(update={"egress_loopback": True})
    database = Database(settings)
    transport = httpx.ASGITransport(app=create_public_app(settings, database=database), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield World(database, client)
    await database.dispose()


@pytest.fixture
def tasks(near: World, queue: httpx.AsyncClient) -> Tasks:
    return Tasks(near, queue)
