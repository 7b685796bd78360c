"""Throw-away applications, made as the real ones are, on a database that is not there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx
from fastapi import APIRouter, FastAPI

from app.core.db import Database
from app.core.http import create_app
from app.core.requests import Door
from tests.conftest import settings_for

NOWHERE = "postgresql://nobody:nothing@127.0.0.1:1/none"
ORIGIN = "https://app.hueybooks.com"


def doors(tag: str = "things") -> APIRouter:
    return APIRouter(prefix="/v1", tags=[tag], route_class=Door)


def make_app(*routers: APIRouter, database: object = None, docs: bool = True, **changes: str) -> FastAPI:
    settings = settings_for(NOWHERE, WRIVETED_CORS_ORIGINS=ORIGIN, **changes)
    return create_app(
        title="Test",
        version="1.2.3",
        description="For tests.",
        routers=routers,
        settings=settings,
        database=cast(Database | None, database),
        docs=docs,
    )


@asynccontextmanager
async def speaking_to(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app. What the app raises fails the test: it has to answer, whatever happens inside."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as client:
        yield client


async def call(app: FastAPI, method: str, path: str, **options: Any) -> httpx.Response:
    async with speaking_to(app) as client:
        return await client.request(method, path, **options)


def faults(response: httpx.Response) -> list[tuple[str, str]]:
    """The pointers and codes of a problem's errors."""
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]
