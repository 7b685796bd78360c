"""What is sent to a receiver, and what comes of it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from app.core.outbox import Task

SCHEDULE = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""How long after each failed attempt comes the next (Standard Webhooks 1.0); after the last one it has failed."""
SPREAD = 0.2
"""By how much of itself a pause is longer at most, so that what failed together does not come again together."""
MOST_FAILURES = 20
FAILING_FOR = timedelta(days=5)
"""A webhook is switched off once so many attempts in a row have failed, over so long."""
GONE = 410
THROTTLED = frozenset({429, 502, 504})


class DeliverWebhook(Task, kind="deliver-webhook"):
    """Make one attempt at a delivery."""

    delivery_id: UUID
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class Call:
    """One attempt: the bytes, and the secrets that sign them."""

    url: str
    id: str
    at: datetime
    body: bytes
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: a status, or else the kind of what went wrong."""

    status: int | None
    failure: str | None
    milliseconds: int

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender(Protocol):
    """Calls receivers. Never raises: what goes wrong is an ``Answer``."""

    async def send(self, call: Call) -> Answer: ...
