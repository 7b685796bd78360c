"""What is taken from a program is gone with the next request, on every instance; and nobody waits for a long push."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace

import httpx
import pytest
import pytest_asyncio

from app.core import ratelimit
from app.core.api_keys import ApiKeys
from app.core.config import Settings
from app.core.db import Database
from app.core.leases import Lease, Leases
from app.main import create_public_app
from tests.collections.shelves import isbn
from tests.conftest import settings_for
from tests.world import Client, World

CALLERS = 8
AT_ONCE = 1.5
"""Seconds: far below the time that a lock or a long push would be waited for."""


@asynccontextmanager
async def world_of(settings: Settings, **changes: str) -> AsyncIterator[World]:
    """One more process of the public API, as far as memory goes: nothing is shared but the database."""
    settings = settings_for(settings.dsn, **changes)
    database = Database(settings)
    transport = httpx.ASGITransport(create_public_app(settings, database=database), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        yield World(database, http)
    await database.dispose()


@pytest_asyncio.fixture(loop_scope="session")
async def instances(settings: Settings) -> AsyncIterator[list[httpx.AsyncClient]]:
    async with world_of(settings) as one, world_of(settings) as other:
        yield [one.http, other.http]


def at(http: httpx.AsyncClient, client: Client) -> Client:
    """The same credential at another instance."""
    return Client(http, client.id, client.token)


async def _revoke(admin: Client, lms: Client, key: str) -> None:
    assert (await admin.delete(f"/service-account/{lms.id}/key/{key}")).status_code == 200


async def _rotate_key(admin: Client, lms: Client, key: str) -> None:
    path = f"/service-account/{lms.id}/key/{key}/rotate"
    assert (await admin.post(path, json={"overlap_hours": 0})).status_code == 200


async def _rotate(admin: Client, lms: Client, _: str) -> None:
    assert (await admin.post(f"/service-account/{lms.id}/rotate", json={"overlap_hours": 0})).status_code == 200


async def _deactivate(admin: Client, lms: Client, _: str) -> None:
    assert (await admin.delete(f"/service-account/{lms.id}")).status_code == 200


Deed = Callable[[Client, Client, str], Awaitable[None]]
DEEDS: list[tuple[Deed, str]] = [
    (_revoke, "key"),
    (_rotate_key, "key"),
    (_deactivate, "key"),
    (_rotate, "token"),
    (_deactivate, "token"),
]


@pytest.mark.parametrize(("deed", "by"), DEEDS, ids=lambda each: getattr(each, "__name__", each))
async def test_no_request_that_begins_after_the_answer_is_let_in(
    world: World, instances: list[httpx.AsyncClient], deed: Deed, by: str
) -> None:
    """Several callers at two instances never pause; each of their requests is judged by when it began."""
    admin, lms = await world.admin(), await world.lms()
    made = await admin.post(f"/service-account/{lms.id}/keys", json={"name": "K", "scopes": ["schools:read"]})
    shown = Client(lms.http, lms.id, made.json()["key"]) if by == "key" else lms
    began: list[tuple[float, int]] = []
    stop = asyncio.Event()

    async def calling(http: httpx.AsyncClient) -> None:
        client = at(http, shown)
        while not stop.is_set():
            start = time.monotonic()
            began.append((start, (await client.get("/auth/me")).status_code))

    callers = [asyncio.create_task(calling(instances[number % 2])) for number in range(CALLERS)]
    await asyncio.sleep(0.3)
    await deed(at(instances[0], admin), lms, made.json()["id"])
    answered = time.monotonic()
    await asyncio.sleep(0.3)
    stop.set()
    await asyncio.gather(*callers)
    before = [status for start, status in began if start <= answered]
    after = [status for start, status in began if start > answered]
    assert len(before) > CALLERS
    assert before.count(200) > CALLERS
    assert len(after) > CALLERS
    assert set(after) == {401}


@pytest.mark.parametrize("by", ["key", "token"])
async def test_a_long_push_holds_nobody_up(world: World, instances: list[httpx.AsyncClient], by: str) -> None:
    """It waits for its collection within its transaction; others use its credential meanwhile, or take it away."""
    admin, school = await world.admin(), await world.school()
    lms, collection = await world.lms(school), await world.collection(school)
    made = await admin.post(
        f"/service-account/{lms.id}/keys", json={"name": "K", "scopes": ["collections:write", "schools:read"]}
    )
    shown = Client(lms.http, lms.id, made.json()["key"]) if by == "key" else lms
    key, path = made.json()["id"], f"/school/{school.wriveted_identifier}/collection"

    async def quickly(request: Awaitable[httpx.Response]) -> int:
        return (await asyncio.wait_for(request, AT_ONCE)).status_code

    async with world.database.transaction() as transaction:
        await transaction.driver.execute("SELECT FROM collections WHERE id = %s FOR UPDATE", (collection.id,))
        push = asyncio.create_task(at(instances[0], shown).post(path, json=[{"isbn": isbn(1)}]))
        await asyncio.sleep(0.5)
        assert not push.done()
        assert await quickly(at(instances[0], shown).get("/auth/me")) == 200
        assert await quickly(at(instances[1], shown).get("/auth/me")) == 200, "here its use is noted anew"
        account = f"/service-account/{lms.id}"
        for request in (
            admin.get(account),
            admin.get(f"{account}/keys"),
            admin.put(account, json={"name": "Renamed"}),
            admin.post(f"{account}/key/{key}/rotate", json={"overlap_hours": 1}),
            admin.post(f"{account}/rotate", json={"overlap_hours": 1}),
            admin.delete(f"{account}/key/{key}"),
            admin.delete(account),
        ):
            assert await quickly(request) == 200
        assert await quickly(at(instances[1], shown).get("/auth/me")) == 401
        assert not push.done()
    assert (await push).status_code == 200, "it was let in when it began"


# How often


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No minute ends while the limiter counts."""
    monkeypatch.setattr(ratelimit, "time", SimpleNamespace(time=lambda: 1_800_000_000.0))


@pytest.mark.usefixtures("still")
async def test_each_key_has_a_limit_of_its_own(fresh_settings: Settings) -> None:
    changes = {"WRIVETED_RATE_LIMIT_ACCOUNT": "3", "WRIVETED_RATE_LIMIT_PRIVILEGED": "5"}
    async with world_of(fresh_settings, **changes) as world:
        lms, backend = await world.lms(), await world.service("backend")
        limits = [(await world.key(lms), 3), (await world.key(lms), 3), (lms, 3), (await world.key(backend), 5)]
        for client, limit in limits:
            answers = [await client.get("/auth/me") for _ in range(12)]
            assert [answer.status_code for answer in answers] == [200] * limit + [429] * (12 - limit)
            assert answers[-1].headers["Retry-After"] == "60"
            assert answers[0].headers["RateLimit"].startswith('"default";r=2;')


@pytest.mark.usefixtures("still")
async def test_who_shows_keys_that_nobody_has_is_soon_refused_without_the_database(
    fresh_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    leases: list[None] = []
    take = Leases.take

    async def note(pool: Leases) -> Lease:
        leases.append(None)
        return await take(pool)

    async with world_of(fresh_settings, WRIVETED_RATE_LIMIT_ANONYMOUS="5") as world:
        good, late = await world.key(await world.lms()), await world.key(await world.lms())
        assert (await good.get("/auth/me")).status_code == 200
        made = [Client(world.http, good.id, ApiKeys("test").make().text) for _ in range(12)]
        statuses = [(await key.get("/auth/me")).status_code for key in made[:6]]
        assert statuses == [401] * 5 + [429]
        monkeypatch.setattr(Leases, "take", note)
        assert {(await key.get("/auth/me")).status_code for key in (*made[6:], late)} == {429}
        assert leases == []
        assert (await good.get("/auth/me")).status_code == 200, "a key that was let in is no guess"
        assert (await world.http.get("/v1/version")).status_code == 200, "who is nobody is counted apart"
