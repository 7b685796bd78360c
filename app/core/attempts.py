"""Attempts that may fail, such as guesses of a code: how many may be made is counted in PostgreSQL.

An attempt takes a token of each bucket that it concerns before it is judged, and gives them back if it succeeds: what
stays taken are the failures. Where a bucket has no token left, the attempt is refused unjudged. Unlike the leases of
core/ratelimit this is exact over all processes, at two statements for each attempt; both use one table.

Tokens are counted by slots of 15 seconds, and a limit holds for every slot that its stretch touches: there is no moment
at which counting starts anew, so two bursts cannot meet around it.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import NamedTuple

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from app.core.config import Settings
from app.core.db import Database
from app.core.errors import TooManyRequests, Unavailable
from app.core.log import get_logger

SLOT = 15
BELIEVED = 1.0
MOST_BELIEVED = 10_000
PATIENCE = 10.0

# Rows are locked in the order of their buckets, whether tokens are taken or given back: no two statements deadlock.
COUNT = """
WITH counted AS (
    INSERT INTO rate_limits (window_start, bucket, used)
    SELECT %(slot)s, bucket, %(tokens)s FROM unnest(%(buckets)s::text[]) AS bucket ORDER BY bucket
    ON CONFLICT (window_start, bucket) DO UPDATE SET used = rate_limits.used + excluded.used
    RETURNING bucket, window_start, used
)
SELECT bucket, window_start, used FROM counted
UNION ALL
SELECT bucket, window_start, used FROM rate_limits
 WHERE window_start = ANY(%(earlier)s::timestamptz[]) AND bucket = ANY(%(buckets)s::text[])
"""


class Limit(NamedTuple):
    """That many failures in any stretch of that many seconds."""

    failures: int
    seconds: int


class Bucket(NamedTuple):
    """What is counted together, and the limits that all have to hold. Longer pauses after each failure are several."""

    name: str
    limits: Sequence[Limit]


class Attempts:
    """Counts attempts. A bucket that was found empty is taken for empty for a second: a flood costs little."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._empty: dict[str, tuple[float, float]] = {}
        self._places = asyncio.Semaphore(max(1, settings.database_pool_size // 2))

    @asynccontextmanager
    async def counted(self, buckets: Sequence[Bucket]) -> AsyncIterator[None]:
        """The block is an attempt: it has failed if it raises, whatever it raises.

        Raises `TooManyRequests` instead of running the block, or `Unavailable` where counting is not possible.
        """
        self._refuse_believed(buckets)
        async with self._place():
            slot = await self._take(buckets)
            yield
            await self._give_back(buckets, slot)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Attempts wait for each other rather than for connections, of which half stay for everybody else."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._places.acquire()
        except TimeoutError:
            raise Unavailable from None
        try:
            yield
        finally:
            self._places.release()

    async def _take(self, buckets: Sequence[Bucket]) -> int:
        """Take a token of each bucket, or of none: the slot of which they are."""
        self._refuse_believed(buckets)
        now = time.time()
        slot = int(now) // SLOT * SLOT
        earlier = range(slot - max(limit.seconds for each in buckets for limit in each.limits), slot, SLOT)
        try:
            used = await self._count(buckets, slot, tokens=1, earlier=earlier)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            get_logger().warning("attempts.unavailable", exc_info=error)
            raise Unavailable from error
        waits = {each.name: _wait(each, used.get(each.name, {}), now) for each in buckets}
        if any(waits.values()):
            await self._give_back(buckets, slot)
            self._believe(waits, now)
            raise TooManyRequests(retry_after=math.ceil(max(waits.values())))
        return slot

    def _refuse_believed(self, buckets: Sequence[Bucket]) -> None:
        now = time.time()
        for each in buckets:
            believed_until, room_at = self._empty.get(each.name, (0.0, 0.0))
            if now < believed_until:
                raise TooManyRequests(retry_after=math.ceil(room_at - now))

    def _believe(self, waits: Mapping[str, float], now: float) -> None:
        if len(self._empty) >= MOST_BELIEVED:
            self._empty.clear()
        self._empty |= {name: (now + min(wait, BELIEVED), now + wait) for name, wait in waits.items() if wait > 0}

    async def _give_back(self, buckets: Sequence[Bucket], slot: int) -> None:
        """Too many failures are on record where this does not succeed, which only makes the limits stricter."""
        try:
            await self._count(buckets, slot, tokens=-1)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            get_logger().warning("attempts.not_given_back", exc_info=error)

    async def _count(
        self, buckets: Sequence[Bucket], slot: int, *, tokens: int, earlier: Iterable[int] = ()
    ) -> dict[str, dict[int, int]]:
        """Add tokens to this slot of the buckets; what each has used in it and in the earlier ones."""
        values = {
            "slot": datetime.fromtimestamp(slot, UTC),
            "tokens": tokens,
            "buckets": [each.name for each in buckets],
            "earlier": [datetime.fromtimestamp(each, UTC) for each in earlier],
        }
        found: dict[str, dict[int, int]] = {}
        async with self._database.transaction(reading=True) as transaction:
            rows = await (await transaction.driver.execute(COUNT, values)).fetchall()
        for bucket, start, used in rows:
            found.setdefault(bucket, {})[int(start.timestamp())] = used
        return found


def _wait(bucket: Bucket, used: Mapping[int, int], now: float) -> float:
    """Seconds until a bucket has room for this attempt, whose own token is among those used: 0 if it has."""
    return max(_wait_for(limit, used, now) for limit in bucket.limits)


def _wait_for(limit: Limit, used: Mapping[int, int], now: float) -> float:
    touched = sorted((slot, number) for slot, number in used.items() if slot + SLOT > now - limit.seconds)
    excess = sum(number for _, number in touched) - limit.failures
    for slot, number in touched:
        if excess <= 0:
            break
        excess -= number
        if excess <= 0:
            return slot + SLOT + limit.seconds - now
    return 0.0
