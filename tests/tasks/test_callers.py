"""Row S9: nobody but the queue's own service account opens an internal door."""

import time
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from app.adapters.certificates import Certificates
from app.adapters.queue_callers import LOCAL_LIFETIME, GoogleCallers, LocalCallers, queue_callers
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import Unauthenticated, Unavailable
from app.core.requests import Door
from app.internal_api import ROUTERS, create_internal_app
from tests.conftest import settings_for
from tests.sign_in.fake_google import HOUR, Google, Key, google, segment
from tests.world import World

AUDIENCE = "https://internal.hueybooks.com"
EMAIL = "tasks@huey-books-test.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def issuer() -> Iterator[Google]:
    with google() as found:
        yield found


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    found = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "azp": "104029292853099978293",
        "sub": "104029292853099978293",
        "email": EMAIL,
        "email_verified": True,
        "iat": now,
        "exp": now + HOUR,
    }
    return {name: value for name, value in (found | changes).items() if value is not None}


def token(issuer: Google, **changes: Any) -> str:
    return issuer.signed(claims(**changes))


@pytest.fixture(scope="module")
def googles_settings(settings: Settings, issuer: Google) -> Settings:
    return settings_for(
        settings.dsn,
        WRIVETED_INTERNAL_AUDIENCE=AUDIENCE,
        WRIVETED_INTERNAL_SERVICE_ACCOUNT=EMAIL,
        WRIVETED_INTERNAL_CERTIFICATES_URL=f"{issuer.address}/certificates",
    )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(googles_settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = create_internal_app(googles_settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
        yield client
    await app.state.queue_callers.close()


PATHS = sorted(
    (next(iter(route.methods)), route.path) for router in ROUTERS for route in router.routes if isinstance(route, Door)
)


def forged(issuer: Google) -> dict[str, str]:
    stranger, now = Key(), int(time.time())
    good = token(issuer)
    head, body, mark = good.split(".")
    return {
        "another audience": token(issuer, aud="https://elsewhere.example.com"),
        "an audience of many": token(issuer, aud=[AUDIENCE, "https://elsewhere.example.com"]),
        "no audience": token(issuer, aud=None),
        "an http issuer": token(issuer, iss="http://accounts.google.com"),
        "another issuer": token(issuer, iss="https://securetoken.google.com/huey-books-test"),
        "no issuer": token(issuer, iss=None),
        "no subject": token(issuer, sub=None),
        "expired": token(issuer, iat=now - 2 * HOUR, exp=now - HOUR),
        "of tomorrow": token(issuer, iat=now + HOUR, exp=now + 2 * HOUR),
        "good for a day": token(issuer, exp=now + 24 * HOUR),
        "no end": token(issuer, exp=None),
        "an unknown key": stranger.sign({"alg": "RS256", "kid": stranger.id}, claims()),
        "self-signed under a known key's name": stranger.sign({"alg": "RS256", "kid": issuer.keys[0].id}, claims()),
        "no key": stranger.sign({"alg": "RS256"}, claims()),
        "no algorithm": f"{segment({'alg': 'none', 'kid': issuer.keys[0].id})}.{body}.",
        "HS256": f"{segment({'alg': 'HS256', 'kid': issuer.keys[0].id})}.{body}.{mark}",
        "a changed body": f"{head}.{segment(claims(email='x@example.com'))}.{mark}",
        "a header that changes the rules": issuer.signed(claims(), header={"jku": "https://example.com"}),
        "two segments": f"{head}.{body}",
        "garbage": "garbage",
        "nothing": "",
        "not ASCII": good[:-1] + "é",
        "a list": f"{segment([])}.{segment([])}.{mark}",
        "deep": f"{segment('x' * 600)}.{body}.{mark}",
    }


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_no_forged_token_opens_a_door(
    doors: httpx.AsyncClient, issuer: Google, world: World, settings: Settings, method: str, path: str
) -> None:
    admin, lms = await world.admin(), await world.service("lms")
    others = {"a user": admin.token, "a service": lms.token, "the deliverer": LocalCallers(settings).sign()}
    for what, text in (forged(issuer) | others).items():
        headers = {"Authorization": f"Bearer {text}".encode()}
        answer = await doors.request(method, path, json={"id": str(uuid4())}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), what
    for bare in ({}, {"Authorization": "Basic eDp5"}, {"X-CloudTasks-QueueName": "default"}):
        assert (await doors.request(method, path, json={}, headers=bare)).status_code == 401


@pytest.mark.parametrize(("method", "path"), PATHS)
async def test_another_account_of_google_may_not(
    doors: httpx.AsyncClient, issuer: Google, method: str, path: str
) -> None:
    for changes in ({"email": "mine@my-project.iam.gserviceaccount.com"}, {"email_verified": False}, {"email": None}):
        headers = {"Authorization": f"Bearer {token(issuer, **changes)}"}
        answer = await doors.request(method, path, json={"id": str(uuid4())}, headers=headers)
        assert (answer.status_code, answer.json()["permission"]) == (403, "deliver"), changes


async def test_the_queues_own_account_is_let_in(doors: httpx.AsyncClient, issuer: Google) -> None:
    for name in ("accounts.google.com", "https://accounts.google.com"):
        headers = {"Authorization": f"Bearer {token(issuer, iss=name)}"}
        answer = await doors.post("/v1/tasks/process-event", json={"id": str(uuid4())}, headers=headers)
        assert answer.status_code == 204


async def test_google_is_away_and_known_keys_go_on(issuer: Google) -> None:
    callers = GoogleCallers(AUDIENCE, EMAIL, Certificates(f"{issuer.address}/certificates"))
    try:
        await callers.verify(token(issuer))
        issuer.trouble["certificates"] = "error"
        await callers.verify(token(issuer))
    finally:
        issuer.trouble.clear()
        await callers.close()


async def test_keys_that_cannot_be_fetched_are_no_refusal(issuer: Google) -> None:
    callers = GoogleCallers(AUDIENCE, EMAIL, Certificates("http://127.0.0.1:1/nobody-is-there"))
    with pytest.raises(Unavailable):
        await callers.verify(token(issuer))
    await callers.close()


async def test_local_deliverer_signs_for_a_minute(settings: Settings) -> None:
    now = 1_000_000.0
    callers = LocalCallers(settings, clock=lambda: now)
    signed = callers.sign()
    await callers.verify(signed)
    now += LOCAL_LIFETIME + 1
    for bad in (signed, signed[:-1] + "x", "", "..", f"local-deliverer.{10**12}.{'0' * 64}", "é"):
        with pytest.raises(Unauthenticated):
            await callers.verify(bad)


async def test_where_google_calls_nobody_local_does(googles_settings: Settings) -> None:
    callers = queue_callers(googles_settings)
    assert isinstance(callers, GoogleCallers)
    with pytest.raises(Unauthenticated):
        await callers.verify(LocalCallers(googles_settings).sign())


def test_production_never_takes_the_local_deliverer(settings: Settings) -> None:
    production = settings.model_copy(update={"environment": "production"})
    with pytest.raises(ValueError, match="service account"):
        queue_callers(production)


async def test_unverified_callers_learn_nothing_of_the_body(doors: httpx.AsyncClient) -> None:
    assert (await doors.post("/v1/tasks/process-event", json={"id": 1})).status_code == 401
