"""Connections to the database, kept open and lent to one unit of work at a time; the one used last is lent first.

SQLAlchemy's engine opens and closes them. Lending them here costs a unit of work a few microseconds, where the engine's
own pool, made for threads, costs it as much as a statement.
"""

import asyncio
import math
import time
from typing import Any, TypeAlias, cast

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import greenlet_spawn

Driver: TypeAlias = psycopg.AsyncConnection[Any]

IDLE_SECONDS_BEFORE_A_PING = 1.0
PING = "SELECT 1"
OLDEST_SECONDS = 900.0


class Lease:
    """A connection that is lent: as the engine knows it, the driver under it, and a cursor that stays open."""

    __slots__ = ("connection", "cursor", "driver", "opened_at", "used_at")

    def __init__(self, connection: PoolProxiedConnection) -> None:
        self.connection = connection
        self.driver = cast(Driver, connection.driver_connection)
        self.cursor = self.driver.cursor()
        self.opened_at = self.used_at = time.monotonic()

    @property
    def is_alive(self) -> bool:
        return self.connection.is_valid and not self.driver.closed

    @property
    def is_at_rest(self) -> bool:
        """Whether its transaction has ended: that of a request which was cut off may not have."""
        return self.driver.pgconn.transaction_status == TransactionStatus.IDLE


class Leases:
    """At most ``most`` connections at once, of which ``kept`` stay open; who waits longer than ``patience`` seconds for
    one gets a ``TimeoutError``."""

    def __init__(self, engine: AsyncEngine, *, kept: int, most: int, patience: float) -> None:
        self._engine = engine
        self._kept = kept
        self._patience = patience
        self._places = asyncio.Semaphore(most)
        self._idle: list[Lease] = []
        self._doubted_at = -math.inf

    def doubt(self) -> None:
        """A connection has died in use: every other that was used before is asked before it is lent again."""
        self._doubted_at = time.monotonic()

    async def take(self) -> Lease:
        """A connection that answers: one that has been idle is asked first, a dead one replaced."""
        if self._places.locked():
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            return await self._answering() or Lease(await self._engine.raw_connection())
        except BaseException:
            self._places.release()
            raise

    async def give_back(self, lease: Lease) -> None:
        """Keep a connection for the next, or close it if it is dead, old or one too many."""
        try:
            lease.used_at = time.monotonic()
            is_young = lease.used_at - lease.opened_at < OLDEST_SECONDS
            if is_young and len(self._idle) < self._kept and lease.is_alive and lease.is_at_rest:
                self._idle.append(lease)
            else:
                await _close(lease)
        finally:
            self._places.release()

    async def dispose(self) -> None:
        """Close what is idle."""
        while self._idle:
            await _close(self._idle.pop())

    async def _answering(self) -> Lease | None:
        while self._idle:
            lease = self._idle.pop()
            if lease.used_at > max(self._doubted_at, time.monotonic() - IDLE_SECONDS_BEFORE_A_PING) and lease.is_alive:
                return lease
            try:
                await lease.driver.set_autocommit(True)
                await lease.driver.execute(PING)
            except psycopg.OperationalError:
                await _close(lease)
            else:
                return lease
        return None


async def _close(lease: Lease) -> None:
    """Give up a connection; one that SQLAlchemy has given up already, where the session met its end, is gone."""
    if lease.connection.is_valid:
        await greenlet_spawn(lease.connection.close if lease.is_alive else lease.connection.invalidate)
