"""Guessing class codes: a class of clumsy pupils gets in, an attack gets nowhere (S10). With the limits of production,
each on a database of its own: the limits are everybody's."""

import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import event

from app.accounts.models import User
from app.classes.codes import ALPHABET
from app.classes.models import ClassGroup
from app.core.attempts import Limit
from app.core.config import Settings
from app.core.db import Database
from app.main import create_public_app
from app.sign_in import guesses
from tests.conftest import settings_for
from tests.world import World

PUPILS, TYPOS, GUESSES, AT_ONCE = 35, 5, 10_000, 16
MOST_JUDGED = 1_050


@dataclass
class Service:
    """The application as in production, and a class of it."""

    app: FastAPI
    world: World
    school: str
    code: str
    names: list[str]
    pupils: list[UUID]

    @asynccontextmanager
    async def at(self, address: str) -> AsyncIterator[httpx.AsyncClient]:
        """A client that comes from that address."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False, client=(address, 50_000))
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            yield client


@pytest_asyncio.fixture(loop_scope="session")
async def service(make_database: Callable[[], str]) -> AsyncIterator[Service]:
    defaults = Settings.model_fields
    limits = {
        f"WRIVETED_{name.upper()}": str(defaults[name].default)
        for name in ("rate_limit_classroom", "rate_limit_anonymous", "rate_limit_account")
    }
    settings = settings_for(make_database(), WRIVETED_LOG_LEVEL="ERROR", **limits)
    database = Database(settings)
    app = create_public_app(settings, database=database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as http:
        world = World(database, http)
        school = await world.school()
        educator = await world.educator(school)
        created = (await educator.post(f"/school/{school.wriveted_identifier}/class", json={"name": "3B"})).json()
        async with world.session() as session:
            group = await session.get_one(ClassGroup, UUID(created["id"]))
        names = [f"MerryOtter{number}" for number in range(PUPILS)]
        pupils = [(await world.student(group, username=name)).id for name in names]
        yield Service(app, world, str(school.wriveted_identifier), created["join_code"], names, pupils)
    await database.dispose()


async def guess(http: httpx.AsyncClient, username: str, code: str) -> int:
    answer = await http.post("/v1/auth/class-code", json={"username": username, "class_joining_code": code})
    if answer.status_code == 429:
        assert int(answer.headers["retry-after"]) > 0
    return answer.status_code


def mistyped(text: str, chance: random.Random) -> str:
    """One character of it is another one, of the alphabet of codes."""
    place = chance.randrange(len(text))
    other = chance.choice([each for each in ALPHABET if each != text[place].upper()])
    return text[:place] + other + text[place + 1 :]


@pytest.mark.parametrize("wrong", ["code", "name", "the same name"])
async def test_a_class_behind_one_address_gets_in_after_five_mistypings_each(service: Service, wrong: str) -> None:
    async def pupil(http: httpx.AsyncClient, name: str, chance: random.Random) -> list[int]:
        found = []
        for _ in range(TYPOS):
            typed = {"code": name, "name": f"{mistyped(name, chance)}x", "the same name": f"x{name}"}[wrong]
            found.append(await guess(http, typed, mistyped(service.code, chance) if wrong == "code" else service.code))
        return [*found, await guess(http, name, service.code)]

    started = time.monotonic()
    async with service.at("203.0.113.7") as http:
        found = await asyncio.gather(*(pupil(http, name, random.Random(name)) for name in service.names))
    assert found == [[401] * TYPOS + [200]] * PUPILS
    assert time.monotonic() - started < 10


async def test_a_class_joins_from_one_address_at_once(service: Service) -> None:
    async with service.at("203.0.113.7") as http:
        given = {"school_id": service.school, "class_joining_code": service.code, "first_name": "Kim"}
        answers = await asyncio.gather(*(http.post("/v1/auth/register-student", json=given) for _ in range(PUPILS)))
    assert [answer.status_code for answer in answers] == [200] * PUPILS


@asynccontextmanager
async def judged(database: Database) -> AsyncIterator[list[str]]:
    """The statements that look a pupil up meanwhile."""
    found: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "join_code_hash = ANY" in statement:
            found.append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)


@pytest.mark.parametrize("addresses", [1, 100])
async def test_of_ten_thousand_guesses_hardly_any_are_judged(service: Service, addresses: int) -> None:
    """Half of them know a code and guess names, half know a name and guess codes."""
    chance, found = random.Random(addresses), Counter[int]()
    numbers = iter(range(GUESSES))

    async def attack(http: list[httpx.AsyncClient]) -> None:
        for number in numbers:
            code = "".join(chance.choices(ALPHABET, k=6))
            pair = (chance.choice(service.names), code) if number % 2 else (f"Kim{number}", service.code)
            found[await guess(http[number % addresses], *pair)] += 1

    started = time.monotonic()
    async with AsyncExitStack() as stack, judged(service.world.database) as looked_up:
        clients = [await stack.enter_async_context(service.at(f"198.51.100.{n}")) for n in range(addresses)]
        await asyncio.gather(*(attack(clients) for _ in range(AT_ONCE)))
        right = [await guess(http, service.names[0], service.code) for http in clients]
    assert found.total() == GUESSES
    assert found.keys() == {401, 429}
    assert set(right) == {429}, "what is right is not judged either"
    assert len(looked_up) == found[401] <= MOST_JUDGED
    assert found[401] >= (900 if addresses == 100 else 240), "the limits are no tighter than they say"
    assert time.monotonic() - started < 60


async def test_one_pair_is_judged_ten_times_with_longer_and_longer_pauses(service: Service) -> None:
    async with service.at("203.0.113.9") as http:
        found = [await guess(http, "nobody", service.code) for _ in range(12)]
        assert found == [401] * 6 + [429] * 6
        assert await guess(http, service.names[0], service.code) == 200


async def test_guesses_at_joining_are_limited_as_well(service: Service) -> None:
    async with service.at("203.0.113.11") as http:
        found = Counter[int]()
        for number in range(300):
            given = {"school_id": service.school, "class_joining_code": f"2222{number:04}"}
            found[(await http.post("/v1/auth/register-student", json=given)).status_code] += 1
        given = {"school_id": service.school, "class_joining_code": service.code}
        assert (await http.post("/v1/auth/register-student", json=given)).status_code == 429
    assert found == {401: 250, 429: 50}


@pytest.mark.nightly
async def test_refusals_take_the_same_time(
    service: Service,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """That they do the same work is a test of every day; how long it takes is measured where nothing else runs."""
    for name in ("OF_PUPIL", "OF_ADDRESS", "OF_ALL"):
        monkeypatch.setattr(guesses, name, (Limit(1_000_000, 300),))
    service.app.state.limiter._settings = service.app.state.settings.model_copy(
        update={"rate_limit_classroom": 1_000_000}
    )
    async with service.world.session() as session:
        (await session.get_one(User, service.pupils[0])).is_active = False
    kinds = {
        "code unknown": (service.names[1], "222222"),
        "name unknown": ("nobody", service.code),
        "both unknown": ("nobody", "222222"),
        "pupil not active": (service.names[0], service.code),
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    async with service.at("203.0.113.13") as http:
        for _ in range(500):
            for kind, pair in kinds.items():
                started = time.perf_counter()
                assert await guess(http, *pair) == 401
                times[kind].append((time.perf_counter() - started) * 1_000)
    medians = {kind: statistics.median(each) for kind, each in times.items()}
    with capsys.disabled():
        sys.stdout.write("\n" + "".join(f"{kind:<18} {median:.2f} ms\n" for kind, median in medians.items()))
    assert max(medians.values()) - min(medians.values()) < 2
