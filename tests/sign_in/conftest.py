"""The application with a Google of its own."""

import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from app.adapters.firebase import Firebase
from app.core.config import Settings
from app.core.db import Database
from app.main import create_public_app
from tests.conftest import settings_for
from tests.sign_in import fake_google
from tests.sign_in.fake_google import Google


@dataclass
class Door:
    """The application as who signs in finds it. ``ahead`` is by how many seconds the verifier's clock is ahead."""

    app: FastAPI
    http: httpx.AsyncClient
    google: Google
    ahead: float = 0.0
    verifiers: list[Firebase] = field(default_factory=list)

    def forget(self, **changes: object) -> Firebase:
        """Have the application begin as it does after a start, without any certificate; with changed settings."""
        settings = self.app.state.settings.model_copy(update=changes)
        self.app.state.identities = Firebase(settings, clock=lambda: time.monotonic() + self.ahead)
        self.verifiers.append(self.app.state.identities)
        return self.verifiers[-1]

    async def exchange(self, token: str, **query: object) -> httpx.Response:
        """As today's clients do."""
        headers = {"Authorization": f"Bearer {token}"}
        return await self.http.get("/v1/auth/firebase", headers=headers, params={"create": "true", **query})

    async def begin(self, token: str, **body: object) -> httpx.Response:
        return await self.http.post("/v1/auth/firebase", json={"id_token": token, **body})

    async def signed_in(self, subject: str | None = None, **claims: object) -> dict[str, str]:
        """The tokens of a new session with refresh tokens."""
        answer = await self.begin(self.google.token(subject, **claims), session="refresh")
        assert answer.status_code == 200, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    async def ask(self, method: str, path: str, token: str, **options: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return await self.http.request(method, f"/v1{path}", headers=headers, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def google_server() -> Iterator[Google]:
    with fake_google.google() as server:
        yield server


@pytest.fixture
def google(google_server: Google) -> Iterator[Google]:
    """Google in good order, and again afterwards."""
    yield google_server
    google_server.trouble.clear()
    google_server.accounts.clear()
    google_server.asked.clear()
    google_server.max_age = fake_google.HOUR


@pytest.fixture(scope="session")
def app_with_google(settings: Settings, database: Database, google_server: Google) -> FastAPI:
    return create_public_app(
        settings_for(settings.database_url.get_secret_value(), **google_server.settings), database=database
    )


@pytest_asyncio.fixture(loop_scope="session")
async def door(app_with_google: FastAPI, google: Google) -> AsyncIterator[Door]:
    transport = httpx.ASGITransport(app=app_with_google, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        made = Door(app_with_google, client, google)
        made.forget()
        yield made
        google.released.set()
        for verifier in made.verifiers:
            await verifier.close()
        google.released.clear()
