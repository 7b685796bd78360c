"""How often one may ask: exact for one process, never more than the limit over several, cheap, and fair to proxies."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from app.core import ratelimit
from app.core.config import Settings
from app.core.db import Database
from app.core.errors import TooManyRequests, Unavailable
from app.core.ratelimit import Allowance, RateLimiter, client_address
from tests.conftest import settings_for
from tests.core.apps import NOWHERE

START = 1_800_000_000


class Clock:
    """The time, as the limiter sees it."""

    def __init__(self) -> None:
        self.now: float = START

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    clock = Clock()
    monkeypatch.setattr(ratelimit, "time", clock)
    return clock


@pytest.fixture
def bucket() -> str:
    return f"test:{uuid4()}"


@pytest.fixture
def limiter(database: Database, settings: Settings, clock: Clock) -> RateLimiter:
    return RateLimiter(database, settings)


@pytest_asyncio.fixture(loop_scope="session")
async def away() -> AsyncIterator[Database]:
    """A database that does not answer."""
    database = Database(settings_for(NOWHERE))
    yield database
    await database.dispose()


async def granted(limiter: RateLimiter, bucket: str, limit: int, tries: int, **options: Any) -> int:
    count = 0
    for _ in range(tries):
        try:
            await limiter.take(bucket, limit, **options)
        except TooManyRequests:
            continue
        count += 1
    return count


async def used(database: Database, bucket: str) -> list[int]:
    async with database.transaction(reading=True) as transaction:
        rows = await transaction.driver.execute(
            "SELECT used FROM rate_limits WHERE bucket = %s ORDER BY window_start", (bucket,)
        )
        return [row[0] for row in await rows.fetchall()]


@pytest.mark.parametrize("limit", [1, 2, 9, 10, 11, 60, 95])
async def test_one_process_grants_exactly_the_limit(limiter: RateLimiter, bucket: str, limit: int) -> None:
    for _ in range(limit):
        await limiter.take(bucket, limit)
    for _ in range(3):
        with pytest.raises(TooManyRequests):
            await limiter.take(bucket, limit)


async def test_what_is_left_is_told(limiter: RateLimiter, bucket: str, clock: Clock) -> None:
    clock.now = START + 17.5
    left = [(await limiter.take(bucket, 25)).remaining for _ in range(25)]
    assert left == list(range(24, -1, -1))
    with pytest.raises(TooManyRequests) as caught:
        await limiter.take(bucket, 25)
    assert caught.value.headers == {
        "Retry-After": "43",
        "RateLimit-Policy": '"default";q=25;w=60',
        "RateLimit": '"default";r=0;t=43',
    }


async def test_the_next_window_starts_anew(limiter: RateLimiter, bucket: str, clock: Clock) -> None:
    assert await granted(limiter, bucket, 5, 7) == 5
    clock.now = START + 59.999
    assert await granted(limiter, bucket, 5, 2) == 0
    clock.now = START + 60
    assert await granted(limiter, bucket, 5, 7) == 5


async def test_most_requests_cost_no_statement(limiter: RateLimiter, database: Database, bucket: str) -> None:
    taken = 0
    for count, leased in ((1, 60), (60, 60), (61, 120), (600, 600)):
        taken += await granted(limiter, bucket, 600, count - taken)
        assert (taken, await used(database, bucket)) == (count, [leased])
    assert await granted(limiter, bucket, 600, 50) == 0
    assert await used(database, bucket) == [660]


async def test_two_processes_share_a_limit(database: Database, settings: Settings, bucket: str, clock: Clock) -> None:
    processes = [RateLimiter(database, settings) for _ in range(2)]
    counts = [0, 0]
    for turn in range(300):
        counts[turn % 2] += await granted(processes[turn % 2], bucket, 100, 1)
    assert sum(counts) == 100
    assert min(counts) >= 40


async def test_many_processes_never_grant_more(database: Database, settings: Settings, bucket: str) -> None:
    processes = [RateLimiter(database, settings) for _ in range(8)]
    counts = await asyncio.gather(*(granted(process, bucket, 30, 30) for process in processes))
    assert sum(counts) == 30


async def test_requests_at_the_same_moment_are_counted_once_each(limiter: RateLimiter, bucket: str) -> None:
    counts = await asyncio.gather(*(granted(limiter, bucket, 50, 1) for _ in range(120)))
    assert sum(counts) == 50


async def test_a_dear_request_takes_several(limiter: RateLimiter, bucket: str) -> None:
    assert await granted(limiter, bucket, 10, 5, cost=4) == 2
    assert await granted(limiter, bucket, 10, 5) == 2


async def test_buckets_do_not_touch_each_other(limiter: RateLimiter, bucket: str) -> None:
    assert await granted(limiter, f"{bucket}:a", 3, 5) == 3
    assert await granted(limiter, f"{bucket}:b", 3, 5) == 3


async def test_an_attempt_that_succeeded_is_given_back(limiter: RateLimiter, bucket: str) -> None:
    for _ in range(30):
        await limiter.take(bucket, 3, 300)
        limiter.give_back(bucket)
    assert await granted(limiter, bucket, 3, 5, window=300) == 3


async def test_an_account_that_is_remembered_as_privileged_has_more(
    database: Database, clock: Clock, bucket: str
) -> None:
    settings = settings_for(NOWHERE, WRIVETED_RATE_LIMIT_ACCOUNT="3", WRIVETED_RATE_LIMIT_PRIVILEGED="6")
    limiter = RateLimiter(database, settings)

    async def until_refused() -> int:
        count = 0
        while True:
            try:
                await limiter.take_for_account(bucket)
            except TooManyRequests:
                return count
            count += 1

    assert await until_refused() == 3
    limiter.remember(bucket, privileged=True)
    assert await until_refused() == 2  # the refusal above was counted as well
    limiter.remember(bucket, privileged=False)
    clock.now += 60
    assert await until_refused() == 3


async def test_without_its_database_a_process_counts_by_itself(away: Database, clock: Clock, bucket: str) -> None:
    limiter = RateLimiter(away, settings_for(NOWHERE))
    assert await granted(limiter, bucket, 5, 8) == 5


async def test_without_its_database_a_sign_in_is_not_tried(away: Database, bucket: str) -> None:
    limiter = RateLimiter(away, settings_for(NOWHERE))
    with pytest.raises(Unavailable):
        await limiter.take(bucket, 5, fail_closed=True)


async def test_old_windows_are_forgotten(limiter: RateLimiter, database: Database, bucket: str, clock: Clock) -> None:
    await limiter.take(f"{bucket}:old", 5)
    await limiter.take(bucket, 5)
    clock.now += 2 * ratelimit.DAY
    await limiter.take(bucket, 5)
    assert await used(database, bucket) == [1]
    assert await used(database, f"{bucket}:old") == []
    assert f"{bucket}:old" not in limiter._leases


async def test_a_flood_of_addresses_does_not_fill_the_memory(
    limiter: RateLimiter, monkeypatch: pytest.MonkeyPatch, bucket: str
) -> None:
    monkeypatch.setattr(ratelimit, "MOST_BUCKETS", 20)
    for number in range(70):
        await limiter.take(f"{bucket}:{number}", 5)
        limiter.remember(f"{bucket}:{number}", privileged=True)
    assert len(limiter._leases) <= 20
    assert len(limiter._privileged) == 20


def test_the_headers_follow_the_draft() -> None:
    assert Allowance("anonymous", 60, 60, 12, 5).headers == {
        "RateLimit-Policy": '"anonymous";q=60;w=60',
        "RateLimit": '"anonymous";r=12;t=5',
    }


PROXIES = ("10.0.0.0/8", "2001:db8::1")


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", [], "203.0.113.9"),
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["198.51.100.1, 10.2.3.4"], "198.51.100.1"),
        ("10.0.0.1", ["10.2.3.4, 10.2.3.5"], "10.2.3.4"),
        ("10.0.0.1", ["198.51.100.1, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["nonsense, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["' OR 1=1"], "10.0.0.1"),
        ("2001:db8::1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::ffff:203.0.113.9", [], "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", [], "2001:db8:1:2::/64"),
        ("fe80::1%eth0", [], "fe80::/64"),
        (None, ["198.51.100.1"], "unknown"),
        ("/run/socket", ["198.51.100.1"], "unknown"),
    ],
)
def test_the_client_is_whom_a_trusted_proxy_saw(peer: str | None, forwarded: list[str], expected: str) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    scope = {"client": (peer, 1234) if peer else None, "headers": headers}
    assert client_address(scope, PROXIES) == expected
