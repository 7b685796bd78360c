"""How an app is put together: `create_app` makes every app of this product, in production and in tests."""

import gc
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from app.core import log
from app.core.acquaintances import Acquaintances
from app.core.api_keys import ApiKeys
from app.core.attempts import Attempts
from app.core.config import Settings
from app.core.db import Database
from app.core.guards import Authenticate
from app.core.http import health
from app.core.http.docs import pages as documentation
from app.core.http.envelope import Envelope, Observe
from app.core.http.openapi import check_names, describe
from app.core.http.switchboard import Page, Switchboard
from app.core.ratelimit import RateLimiter
from app.core.requests import Door
from app.core.sealing import Vault

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Two layers, where FastAPI has six: the envelope answers whatever is raised, and counts the body."""
        return Envelope(AsyncExitStackMiddleware(self.router), self.state.settings, observe=self.state.observe)

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = describe(self)
        return self.openapi_schema


def create_app(
    *,
    title: str,
    version: str,
    description: str,
    routers: Sequence[APIRouter],
    settings: Settings,
    database: Database | None = None,
    authenticate: Authenticate | None = None,
    docs: bool,
    lifespan: Lifespan | None = None,
    pages: Sequence[Page] = (),
    observe: Observe | None = None,
) -> FastAPI:
    """An app of these routers, all of whose routes are `Door`s, within the limits that hold everywhere.

    `pages` are served beside the doors, `observe` is told of every request. With a `database` it also counts requests,
    tells its version and whether it is ready; with `docs` it shows its documentation to everybody. `app.state` holds
    what the guards need: settings, database, vault, limiter, attempts, API keys, acquaintances, authenticate,
    readiness; whoever calls this adds `tokens`.
    """
    log.configure(settings.log_level)
    app = _Application(
        title=title,
        version=version,
        description=description,
        openapi_url=None,
        telemetry={"tracing": False, "logs": False},  # spans carry queries and log records messages: personal data
    )
    _equip(app, settings, database)
    app.state.authenticate = authenticate
    app.state.observe = observe
    served = [*health.probes(), *pages, *(documentation(app) if docs else ())]
    if database is not None:
        routers = [*routers, health.router]
    served += [_door(route) for router in routers for route in router.routes]
    app.router = Switchboard(served, lifespan=_serving(lifespan))
    check_names(app)
    return app


def _equip(app: FastAPI, settings: Settings, database: Database | None) -> None:
    """Put on `app.state` what is made of the settings and the database alone."""
    app.state.settings = settings
    app.state.database = database
    app.state.vault = Vault.of(settings)
    app.state.readiness = health.Readiness(database)
    if database is not None:
        app.state.limiter = RateLimiter(database, settings)
        app.state.attempts = Attempts(database, settings)
        app.state.api_keys = ApiKeys(settings.environment)
        app.state.acquaintances = Acquaintances()


def _door(route: BaseRoute) -> Door:
    if not isinstance(route, Door):
        raise TypeError(f"{getattr(route, 'path', route)} is no Door: routers are flat, with route_class=Door")
    return route


def _serving(lifespan: Lifespan | None) -> Lifespan:
    @asynccontextmanager
    async def serving(app: FastAPI) -> AsyncIterator[None]:
        gc.collect()
        gc.freeze()  # what is loaded by now stays: no collection walks through it again, for 60 ms each time
        async with health.draining_on_sigterm(app):
            if lifespan is None:
                yield
            else:
                async with lifespan(app):
                    yield

    return serving
