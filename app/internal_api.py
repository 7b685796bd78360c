"""The internal API: what happens after the answer. ``uvicorn app.internal_api:app`` serves it.

Only the queue and the scheduler may call its doors, see ``core/task_doors``. Its documentation is not served.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app.accounts.authenticate import restore
from app.adapters.egress import Egress
from app.adapters.local_queue import LocalQueue
from app.adapters.openai_labeller import OpenAiLabeller
from app.adapters.queue_callers import queue_callers
from app.core.config import Settings, internal_settings
from app.core.db import Database
from app.core.http import create_app
from app.core.outside import Outside
from app.labelling import tasks as labelling
from app.labelling.labellers import Labellers
from app.labelling.local import Local
from app.reactions import tasks as reactions

ROUTERS = (labelling.router, reactions.router)


def create_internal_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The internal application on these settings. A database that is handed in stays open when the application ends."""
    own = Database(settings) if database is None else database
    callers = queue_callers(settings)
    egress = Egress(settings)
    if database is None:
        own.queue = LocalQueue(own)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await callers.close()
        await egress.close()
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
    app.state.labellers = labellers(settings, egress)
    return app


def labellers(settings: Settings, outside: Outside) -> Labellers:
    """Who labels books: rules alone, or a language model while there is money, and rules where it cannot say."""
    if settings.labeller == "local":
        return Labellers(Local(), Local())
    return Labellers(OpenAiLabeller(settings, outside), Local(), settings.labeller_daily_budget)


def __getattr__(name: str) -> FastAPI:
    """``app`` is made when a server asks for it, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    return create_internal_app(internal_settings())
