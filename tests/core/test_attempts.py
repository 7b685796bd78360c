"""Failures are counted exactly, over all processes and within any stretch of time; successes cost nothing."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
import pytest_asyncio

from app.core import attempts
from app.core.attempts import SLOT, Attempts, Bucket, Limit
from app.core.db import Database
from app.core.errors import TooManyRequests, Unavailable
from tests.conftest import settings_for
from tests.core.apps import NOWHERE
from tests.core.test_ratelimit import START, Clock


class Wrong(Exception):
    """A guess that was judged and is wrong."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(attempts, "time", clock)
    return clock


def bucket(*limits: tuple[int, int]) -> Bucket:
    return Bucket(f"test:{uuid4()}", [Limit(*limit) for limit in limits])


async def attempt(process: Attempts, *buckets: Bucket, right: bool = False) -> str:
    """What became of an attempt: right, wrong, or the seconds to wait."""
    try:
        async with process.counted(buckets):
            if not right:
                raise Wrong
    except Wrong:
        return "wrong"
    except TooManyRequests as refused:
        return str(refused.extra["retry_after"])
    return "right"


@pytest_asyncio.fixture(loop_scope="session")
async def processes(database: Database) -> AsyncIterator[list[Attempts]]:
    """Several, on one database."""
    yield [Attempts(database, database.settings) for _ in range(4)]


async def test_as_many_failures_as_the_limit_are_judged(processes: list[Attempts], clock: Clock) -> None:
    one = bucket((5, 300))
    found = [await attempt(processes[n % 4], one) for n in range(9)]
    assert found[:5] == ["wrong"] * 5
    assert found[5:] == [str(300 + SLOT)] * 4


async def test_successes_are_not_counted(processes: list[Attempts], clock: Clock) -> None:
    one = bucket((3, 300))
    assert {await attempt(processes[n % 4], one, right=True) for n in range(20)} == {"right"}
    assert [await attempt(processes[0], one) for _ in range(3)] == ["wrong"] * 3
    assert await attempt(processes[1], one, right=True) == str(300 + SLOT), "refused unjudged, although it is right"


async def test_attempts_at_once_do_not_exceed_the_limit(processes: list[Attempts], clock: Clock) -> None:
    one, other = bucket((20, 300)), bucket((1_000, 300))
    found = await asyncio.gather(*(attempt(processes[n % 4], one, other) for n in range(200)))
    assert found.count("wrong") <= 20
    clock.now += 2
    rest = [await attempt(processes[0], one, other) for _ in range(25)]
    assert found.count("wrong") + rest.count("wrong") == 20, "what was refused took no token"


async def test_an_attempt_that_one_bucket_refuses_takes_nothing_of_the_others(
    processes: list[Attempts], clock: Clock
) -> None:
    small, large = bucket((1, 300)), bucket((2, 300))
    assert [await attempt(processes[n], small, large) for n in range(3)] == ["wrong", "315", "315"]
    assert [await attempt(processes[n], large) for n in range(2)] == ["wrong", "315"]


async def test_no_stretch_of_time_has_more_than_the_limit(processes: list[Attempts], clock: Clock) -> None:
    one, chance, judged = bucket((7, 60)), random.Random(7), list[float]()
    for _ in range(400):
        clock.now += chance.choice([0.2, 1.5, 4.0])
        if await attempt(processes[chance.randrange(4)], one) == "wrong":
            judged.append(clock.now)
    assert len(judged) > 30
    for first, eighth in zip(judged, judged[7:], strict=False):
        assert eighth - first > 60


async def test_after_the_wait_that_it_was_told_an_attempt_is_judged(processes: list[Attempts], clock: Clock) -> None:
    one = bucket((2, 30), (3, 60))
    for expected in ("wrong", "wrong"):
        assert await attempt(processes[0], one) == expected
    pauses = []
    for _ in range(3):
        told = await attempt(processes[0], one)
        clock.now += int(told)
        pauses.append(int(told))
        assert await attempt(processes[0], one) == "wrong"
    assert pauses[0] == 30 + SLOT


async def test_pauses_grow_with_each_failure(processes: list[Attempts], clock: Clock) -> None:
    one = bucket((6, 15), (7, 30), (8, 60), (9, 120), (10, 300))
    pauses: list[int] = []
    while len(pauses) < 5:
        found = await attempt(processes[0], one)
        if found != "wrong":
            pauses.append(int(found))
            clock.now += int(found)
    assert pauses[0] <= 15 + SLOT
    assert pauses[1:] == sorted(pauses[1:])
    assert pauses[1] < pauses[2] < pauses[3] < pauses[4]
    assert sum(pauses) >= 300


async def test_without_a_database_nothing_is_judged() -> None:
    away = Database(settings_for(NOWHERE))
    with pytest.raises(Unavailable):
        await attempt(Attempts(away, away.settings), bucket((5, 300)))
    await away.dispose()


def test_time_starts_at_a_slot() -> None:
    assert START % SLOT == 0
