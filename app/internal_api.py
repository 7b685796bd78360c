"""The internal API: what happens after the answer. ``uvicorn app.internal_api:app`` serves it.

Only the queue and the scheduler may call its doors, see ``core/task_doors``. Its documentation is not served.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app.accounts.authenticate import restore
from app.adapters.egress import Egress
from app.adapters.mailers import mailer_of
from app.adapters.queue_callers import queue_callers
from app.adapters.queues import queue_of
from app.adapters.slack import slack_of
from app.adapters.webhook_sender import WebhookSender
from app.core.config import Settings, serving_settings
from app.core.db import Database
from app.core.http import create_app
from app.feedback import tasks as feedback
from app.messages import tasks as messages
from app.reactions import tasks as reactions
from app.webhooks import tasks as webhooks

ROUTERS = (reactions.router, feedback.router, webhooks.router, messages.router)


def create_internal_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The internal application on these settings. A database that is handed in stays open when the application ends."""
    own = Database(settings) if database is None else database
    callers, egress = queue_callers(settings), Egress(settings)
    queue = queue_of(settings, own)
    if database is None:
        own.queue = queue

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await callers.close()
        await egress.close()
        await queue.close()
        if database is None:
            await own.dispose()

    app = create_app(
        title="Huey Books, internal",
        version=version("wriveted-api"),
        description="Called by the task queue.",
        routers=ROUTERS,
        settings=settings,
        database=own,
        docs=False,
        lifespan=lifespan,
    )
    app.state.queue_callers = callers
    app.state.restore = restore
    app.state.mailer = mailer_of(settings, egress)
    app.state.alerter = slack_of(settings, egress)
    app.state.webhook_sender = WebhookSender(egress)
    return app


def __getattr__(name: str) -> FastAPI:
    """``app`` is made when a server asks for it, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    return create_internal_app(serving_settings())
