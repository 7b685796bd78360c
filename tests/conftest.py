"""The real application on a real PostgreSQL: a database per worker, built by the migrations, gone afterwards.

Tests share the worker's database and each makes the schools and accounts that it needs, so nothing is cleaned between
them. A test that needs an empty database asks for ``fresh_database``.
"""

import os
import secrets
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import migrations
from app.core.config import Settings
from app.core.db import Database
from app.core.environment import load_settings
from app.core.local import cluster, create_database, drop_database
from app.main import create_public_app
from tests.world import World

TEMPLATE = "wriveted_test_template"


LONG = ("nightly", "emulator")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes minutes or fetches things, unless ``-m`` names one of its marks."""
    for item in items:
        marks = [mark for mark in LONG if item.get_closest_marker(mark)]
        if marks and not any(mark in config.option.markexpr for mark in marks):
            item.add_marker(pytest.mark.skip(reason=f"takes minutes: choose it with -m {marks[0]}"))


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """A server to make databases on: the one of DATABASE_URL, or one for this run."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with cluster(Path(tempfile.gettempdir()), throwaway=True) as url:
        yield url


@pytest.fixture(scope="session")
def make_database(server: str) -> Iterator[Callable[[], str]]:
    """Make databases that the migrations have built; copies of one, which take a moment each."""
    with ExitStack() as stack:
        template = f"{TEMPLATE}_{secrets.token_hex(4)}"
        url = create_database(server, template)
        stack.callback(drop_database, server, template)
        _migrate(url)

        def make() -> str:
            name = f"wriveted_test_{secrets.token_hex(4)}"
            made = create_database(server, name, template=template)
            stack.callback(drop_database, server, name)
            return made

        yield make


def _migrate(url: str) -> None:
    before = os.environ.get("DATABASE_URL")
    os.environ["DATABASE_URL"] = url
    try:
        migrations.upgrade()
    finally:
        if before is None:
            del os.environ["DATABASE_URL"]
        else:
            os.environ["DATABASE_URL"] = before


def settings_for(url: str, **changes: str) -> Settings:
    """Settings for tests: generous limits, everything else as in production."""
    return load_settings(
        {
            "DATABASE_URL": url,
            "WRIVETED_ENVIRONMENT": "test",
            "WRIVETED_PUBLIC_URL": "http://testserver",
            "WRIVETED_TOKEN_KEYS": "k3Jx9Qf2LmZ8vTqY5sWb7RcN4pHd6GaU",
            "WRIVETED_DATA_KEYS": "w8Zr2NfKq6TxVb4YhLm9Cd3GsPj7EuAa",
            "WRIVETED_TOKEN_ISSUER": "wriveted-test",
            "WRIVETED_TOKEN_AUDIENCE": "wriveted-test",
            "WRIVETED_MAIL_SENDER": "hello@localhost.example",
            "WRIVETED_FIREBASE_PROJECT_ID": "huey-books-test",
            "WRIVETED_FIREBASE_CERTIFICATES_URL": "http://127.0.0.1:1/nobody-is-there",
            "WRIVETED_FIREBASE_ACCOUNTS_URL": "http://127.0.0.1:1",
            "WRIVETED_RATE_LIMIT_ACCOUNT": "100000",
            "WRIVETED_RATE_LIMIT_PRIVILEGED": "100000",
            "WRIVETED_RATE_LIMIT_ANONYMOUS": "10000",
            "WRIVETED_RATE_LIMIT_CLASSROOM": "100000",
            "WRIVETED_RATE_LIMIT_BULK": "1000",
            "WRIVETED_HYDRATION_PROVIDERS": "[]",
            **changes,
        }
    )


@pytest.fixture(scope="session")
def settings(make_database: Callable[[], str]) -> Settings:
    return settings_for(make_database())


@pytest.fixture
def fresh_settings(make_database: Callable[[], str]) -> Settings:
    """Settings on a database that nobody has written to."""
    return settings_for(make_database())


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings)
    yield database
    await database.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def session(database: Database) -> AsyncIterator[AsyncSession]:
    """A session whose transaction is undone after the test."""
    async with database.transaction() as transaction:
        transaction.rollback_only = True
        yield transaction.session


@pytest.fixture(scope="session")
def app(settings: Settings, database: Database) -> FastAPI:
    """The public application as in production, on this worker's database."""
    return create_public_app(settings, database=database)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a credential. Failures of the application are answers, as they are for a real client."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client


@pytest.fixture
def world(database: Database, http: httpx.AsyncClient) -> World:
    """Makes schools, accounts and clients that speak as them."""
    return World(database, http)
