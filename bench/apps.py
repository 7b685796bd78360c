"""The applications that are served side by side: the product, parts of it, and the bare FastAPI that they are held to.

``python -m bench.apps NAME FD`` serves one on a bound socket, with the flags of ``wriveted run``.
"""

import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any, cast

import uvicorn
from fastapi import APIRouter, FastAPI

from app.accounts.models import ServiceAccountType
from app.accounts.principals import of_service_account
from app.core.account import Account
from app.core.acl import All, Allow
from app.core.acquaintances import Credential
from app.core.db import Database, Transaction
from app.core.environment import settings
from app.core.guards import Permission
from app.core.http import create_app
from app.core.requests import Door
from app.core.security import Claims, Tokens

ACL = [
    (Allow, "role:admin", All),
    (Allow, "role:kiosk", ("read",)),
    (Allow, "role:library", ("read", "update")),
    (Allow, "role:lms", ("read", "update", "batch")),
]
PRINCIPALS = of_service_account(ServiceAccountType.LMS, ())
APPLICATIONS = {
    "hello": "bench.apps:hello",
    "stack": "bench.apps:stack",
    "guarded": "bench.apps:guarded",
    "product": "app.main:app",
}


class Nothing:
    """A database that is not there: it grants every token, and does nothing else."""

    @asynccontextmanager
    async def transaction(self, *, reading: bool = False) -> AsyncIterator["Nothing"]:
        yield self

    @property
    def driver(self) -> "Nothing":
        return self

    async def execute(self, statement: str, parameters: object = None) -> "Nothing":
        return self

    async def fetchall(self) -> list[tuple[int]]:
        return [(1,)]


async def greet() -> dict[str, str]:
    return {"hello": "world"}


async def greet_caller(caller: Annotated[Account, Permission("read", ACL)]) -> dict[str, str]:
    return {"hello": "world"}


async def authenticate(transaction: Transaction, credential: Credential, *, noting_use: bool = False) -> Account:
    """An account without asking a database."""
    claims = cast(Claims, credential)
    return Account("service_account", claims.id, "lms", "Library system", PRINCIPALS, claims)


def hello() -> FastAPI:
    """FastAPI and nothing else."""
    app = FastAPI()
    app.get("/hello")(greet)
    return app


def stack() -> FastAPI:
    """The same route within everything that surrounds a request of ours."""
    return _ours(greet)


def guarded() -> FastAPI:
    """The same, guarded: token, account and access list, but no database."""
    nothing = cast(Database, Nothing())
    app = _ours(greet_caller, database=nothing, authenticate=authenticate)
    app.state.tokens = Tokens.of(settings())
    return app


def _ours(endpoint: Any, **options: Any) -> FastAPI:
    router = APIRouter(tags=["bench"], route_class=Door)
    router.get("/hello")(endpoint)
    own = settings()
    return create_app(title="b", version="0", description="", routers=[router], settings=own, docs=False, **options)


def serve(name: str, listener: socket.socket) -> None:
    config = uvicorn.Config(
        APPLICATIONS[name],
        factory=name != "product",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=8,
    )
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: sys.exit(0))
    uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    serve(sys.argv[1], socket.socket(fileno=int(sys.argv[2])))
