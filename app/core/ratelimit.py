"""How often one may ask: tokens per fixed window and bucket, counted in PostgreSQL, leased by each process.

A process takes a tenth of a bucket's limit with one statement and serves from that lease: most requests cost
no statement. Over all processes never more than the limit is granted; what a process leased and did not spend
in the window lapses. With one process the limit is exact.
"""

import asyncio
import ipaddress
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple, TypeAlias

import psycopg
from sqlalchemy import DateTime, Text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapped, mapped_column
from starlette.types import Scope

from app.core.config import Settings
from app.core.db import Base, Database
from app.core.errors import TooManyRequests, Unavailable
from app.core.log import get_logger

MINUTE = 60
DAY = 86_400
PATIENCE_SECONDS = 1.0
LEASES_AT_ONCE = 10
MOST_BUCKETS = 100_000

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

LEASE = """
INSERT INTO rate_limits (window_start, bucket, used) VALUES (%(start)s, %(bucket)s, %(count)s)
ON CONFLICT (window_start, bucket) DO UPDATE SET used = rate_limits.used + excluded.used
RETURNING used
"""
PURGE = "DELETE FROM rate_limits WHERE window_start < %(before)s"


class RateLimit(Base):
    """What was leased of a bucket in a window. Unlogged: after a crash of the server counting starts anew."""

    __tablename__ = "rate_limits"
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    window_start: Mapped[datetime] = mapped_column(DateTime(timezone=True), primary_key=True)
    bucket: Mapped[str] = mapped_column(Text, primary_key=True)
    used: Mapped[int]


class Allowance(NamedTuple):
    """What a caller may still do. `headers` are those of draft-ietf-httpapi-ratelimit-headers."""

    policy: str
    limit: int
    window: int
    remaining: int
    reset: int

    @property
    def headers(self) -> Mapping[str, str]:
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={self.window}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


class _Lease:
    """The tokens of one bucket that this process holds in one window."""

    __slots__ = ("end", "exhausted", "left", "limit", "lock", "start", "used")

    def __init__(self, start: int, end: int, limit: int) -> None:
        self.start = start
        self.end = end
        self.limit = limit
        self.left = 0
        self.used = 0
        self.exhausted = False
        self.lock = asyncio.Lock()


class RateLimiter:
    """Grants tokens, from leases of this process."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._leases: dict[str, _Lease] = {}
        self._privileged: set[str] = set()
        self._purged_at = 0

    async def take(
        self,
        bucket: str,
        limit: int,
        window: int = MINUTE,
        cost: int = 1,
        *,
        policy: str = "default",
        fail_closed: bool = False,
    ) -> Allowance:
        """Take `cost` of the `limit` tokens that `bucket` has per `window` seconds (at most a day).

        None left: `TooManyRequests`. While the database is away this process counts by itself, or, if
        `fail_closed`, raises `Unavailable`.
        """
        now = time.time()
        lease = self._lease(bucket, limit, window, int(now))
        if lease.left < cost and not lease.exhausted:
            async with lease.lock:
                if lease.left < cost and not lease.exhausted:
                    await self._extend(lease, bucket, cost, fail_closed=fail_closed)
        reset = max(1, math.ceil(lease.end - now))
        granted = lease.left >= cost
        if granted:
            lease.left -= cost
        remaining = lease.left + max(0, limit - lease.used)
        allowance = Allowance(policy, limit, window, remaining if granted else 0, reset)
        if not granted:
            raise TooManyRequests(retry_after=reset, headers=allowance.headers)
        return allowance

    def give_back(self, bucket: str, cost: int = 1) -> None:
        """Return tokens in the same window: for a bucket that counts failures, when the attempt succeeded."""
        lease = self._leases.get(bucket)
        if lease is not None and time.time() < lease.end:
            lease.left += cost

    def refuse_spent(self, bucket: str) -> None:
        """`TooManyRequests` for a bucket that this process knows to have nothing left; takes none of it."""
        lease = self._leases.get(bucket)
        now = time.time()
        if lease is not None and lease.exhausted and lease.left < 1 and now < lease.end:
            raise TooManyRequests(retry_after=max(1, math.ceil(lease.end - now)))

    async def take_for_account(self, account: str) -> Allowance:
        """Count a request of an account, or of an API key, by its name; `remember` says which have more."""
        settings = self._settings
        privileged = account in self._privileged
        limit = settings.rate_limit_privileged if privileged else settings.rate_limit_account
        return await self.take(f"account:{account}", limit)

    async def take_for_address(self, address: str) -> Allowance:
        """Count an anonymous request by where it comes from."""
        return await self.take(f"address:{address}", self._settings.rate_limit_anonymous, policy="anonymous")

    async def take_for_classroom(self, address: str) -> Allowance:
        """Count an anonymous request where a class signs in: many pupils, one address."""
        return await self.take(f"classroom:{address}", self._settings.rate_limit_classroom, policy="classroom")

    def refuse_guesser(self, address: str) -> None:
        """Refuse an address that has shown too many keys that nobody has."""
        self.refuse_spent(f"unknown-keys:{address}")

    async def count_guess(self, address: str) -> None:
        """Count a key that nobody has against the address that it came from."""
        await self.take(f"unknown-keys:{address}", self._settings.rate_limit_anonymous, policy="anonymous")

    def remember(self, account: str, *, privileged: bool) -> None:
        """Note what the database said of an account, for its next request."""
        if not privileged:
            self._privileged.discard(account)
        elif len(self._privileged) < MOST_BUCKETS:
            self._privileged.add(account)

    def _lease(self, bucket: str, limit: int, window: int, now: int) -> _Lease:
        start = now - now % window
        lease = self._leases.get(bucket)
        if lease is None or lease.start != start or lease.end != start + window:
            if len(self._leases) >= MOST_BUCKETS:
                self._forget(now)
            lease = self._leases[bucket] = _Lease(start, start + window, limit)
        if lease.limit != limit:
            lease.limit, lease.exhausted = limit, False
        return lease

    def _forget(self, now: int) -> None:
        """Drop the leases of past windows; all of them when too many are of the present one."""
        self._leases = {bucket: lease for bucket, lease in self._leases.items() if lease.end > now}
        if len(self._leases) >= MOST_BUCKETS:
            self._leases.clear()

    async def _extend(self, lease: _Lease, bucket: str, cost: int, *, fail_closed: bool) -> None:
        count = max(cost, math.ceil(lease.limit / LEASES_AT_ONCE))
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                used = await self._count(lease, bucket, count)
        except (SQLAlchemyError, psycopg.Error, OSError) as error:
            get_logger().warning("ratelimit.unavailable", exc_info=error)
            if fail_closed:
                raise Unavailable from error
            lease.left, lease.used, lease.exhausted = lease.limit, lease.limit, True
            return
        granted = max(0, min(count, lease.limit - (used - count)))
        lease.left += granted
        lease.used = used
        lease.exhausted = granted < count

    async def _count(self, lease: _Lease, bucket: str, count: int) -> int:
        """Add to the bucket's row, by itself and at once; about once a minute also remove old rows."""
        moment = datetime.fromtimestamp(lease.start, UTC)
        async with self._database.transaction(reading=True) as transaction:
            cursor = await transaction.driver.execute(LEASE, {"start": moment, "bucket": bucket, "count": count})
            ((used,),) = await cursor.fetchall()
            if lease.start - self._purged_at >= MINUTE:
                self._purged_at = lease.start
                self._forget(lease.start)
                before = datetime.fromtimestamp(lease.start - DAY, UTC)
                await transaction.driver.execute(PURGE, {"before": before})
        return int(used)


@lru_cache(maxsize=8)
def _networks(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)


def client_address(scope: Scope, trusted_proxies: tuple[str, ...]) -> str:
    """Who is counted for an anonymous request: an IPv4 address, or the IPv6 /64 that one client has.

    X-Forwarded-For is believed only from `trusted_proxies`, and read from the right: the first address that
    is no trusted proxy is the client.
    """
    client = scope.get("client")
    address = _address(client[0]) if client else None
    if address is None:
        return "unknown"
    networks = _networks(trusted_proxies)
    if networks and _within(address, networks):
        forwarded = b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for")
        for hop in reversed(forwarded.decode("latin-1").split(",")):
            said = _address(hop.strip())
            if said is None:
                break
            address = said
            if not _within(address, networks):
                break
    if address.version == 6:
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def _within(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address in network for network in networks)
