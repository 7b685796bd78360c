"""The internal API: what happens after the answer. ``uvicorn app.internal_api:app`` serves it.

It has probes and its version; the doors of tasks come with the tasks. Its documentation is not served.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from app.core.config import Settings, internal_settings
from app.core.db import Database
from app.core.http import create_app


def create_internal_app(settings: Settings) -> FastAPI:
    """The internal application on these settings."""
    database = Database(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await database.dispose()

    return create_app(
        title="Huey Books, internal",
        version=version("wriveted-api"),
        description="Called by the task queue.",
        routers=(),
        settings=settings,
        database=database,
        docs=False,
        lifespan=lifespan,
    )


def __getattr__(name: str) -> FastAPI:
    """``app`` is made when a server asks for it, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    return create_internal_app(internal_settings())
