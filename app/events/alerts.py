"""Which events staff are told of, and the task that tells them."""

from collections.abc import Mapping
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.outbox import Task, enqueue
from app.events.models import Event
from app.events.schemas import EventSlackChannel

ALERTED: Mapping[str, EventSlackChannel] = {
    "User created": EventSlackChannel.API_ALERTS,
    "Work referenced by a booklist has no editions": EventSlackChannel.EDITORIAL,
    "Subscription started": EventSlackChannel.MEMBERSHIPS,
    "Subscription cancelled": EventSlackChannel.MEMBERSHIPS,
    "Webhook switched off": EventSlackChannel.API_ALERTS,
}
"""Titles of the system's own events whose service calls ``alert`` beside ``record``, and where it is told."""


class SendAlert(Task, kind="send-alert"):
    """Tell staff of an event."""

    event_id: UUID
    channel: EventSlackChannel


class TellSupporters(Task, kind="tell-supporters"):
    """Write to the supporters of the reader whose reading an event is about."""

    event_id: UUID


async def alert(session: AsyncSession, *events: Event, account: Account | None) -> None:
    """Have staff told of events that were recorded in this transaction, where their titles are told."""
    await session.flush()
    tasks = [SendAlert(event_id=event.id, channel=ALERTED[event.title]) for event in events if event.title in ALERTED]
    if tasks:
        await enqueue(session, *tasks, account=account)
