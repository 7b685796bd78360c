"""Is it alive, is it ready, which release is it."""

import asyncio
import os
import platform
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from app.core.db import Database, RequestTransaction, current_revision
from app.core.errors import Unavailable
from app.core.guards import public
from app.core.http.switchboard import Page
from app.core.requests import Door
from app.core.schemas import Message, Schema

PROBE_SECONDS = 1.0

router = APIRouter(prefix="/v1", tags=["service"], route_class=Door)


class Version(Schema):
    """Which release answers, and what it stands on."""

    version: str
    python_version: str
    database_revision: str = Field(description="Empty where no migration has run.")
    cloud_run_revision: str = Field(description="Empty where it does not run there.")


@router.get("/version", dependencies=[public])
async def version(request: Request, transaction: RequestTransaction) -> Version:
    """The release that answers, its Python, the database's migration and the revision of the deployment."""
    return Version(
        version=request.app.version,
        python_version=platform.python_version(),
        database_revision=await current_revision(transaction.driver) or "",
        cloud_run_revision=os.environ.get("K_REVISION", ""),
    )


@router.get("/healthcheck/db", dependencies=[public])
async def database(transaction: RequestTransaction) -> Message:
    """Whether the database answers; 503 if it does not."""
    await transaction.driver.execute("SELECT 1")
    return Message(msg="ok")


class Readiness:
    """What keeps this process from serving; the database is asked at most once a second."""

    def __init__(self, database: Database | None) -> None:
        self.draining = False
        self._database = database
        self._lock = asyncio.Lock()
        self._known: list[str] = []
        self._asked_at = float("-inf")

    async def objections(self) -> list[str]:
        if self.draining:
            return ["this process is shutting down"]
        if self._database is None:
            return []
        async with self._lock:
            if time.monotonic() - self._asked_at >= PROBE_SECONDS:
                self._known = await self._database.objections()
                self._asked_at = time.monotonic()
        return self._known


async def livez(_: Request) -> Response:
    """Alive: this process answers. It asks nobody else, so a database that is away restarts no process."""
    return PlainTextResponse("ok")


async def readyz(request: Request) -> Response:
    """Ready: the database answers, its migrations are those of this release, and no shutdown has begun."""
    readiness: Readiness = request.app.state.readiness
    if objections := await readiness.objections():
        raise Unavailable(f"Not ready: {'; '.join(objections)}.")
    return PlainTextResponse("ok")


def probes() -> list[Page]:
    return [Page("/livez", livez), Page("/readyz", readyz)]


@asynccontextmanager
async def draining_on_sigterm(app: FastAPI) -> AsyncIterator[None]:
    """While serving, let SIGTERM first turn `/readyz` to 503, then do what the server means it to do."""
    server: Any = signal.getsignal(signal.SIGTERM)
    if not callable(server) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def drain(number: int, frame: Any) -> None:
        app.state.readiness.draining = True
        server(number, frame)

    signal.signal(signal.SIGTERM, drain)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, server)
