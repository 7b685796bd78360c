"""Which events staff are told of, and the task that tells them."""

from collections.abc import Mapping
from uuid import UUID

from app.core.outbox import Task
from app.events.schemas import EventSlackChannel

ALERTED: Mapping[str, EventSlackChannel] = {
    "User created": EventSlackChannel.API_ALERTS,
    "Work referenced by a booklist has no editions": EventSlackChannel.EDITORIAL,
    "Subscription started": EventSlackChannel.MEMBERSHIPS,
    "Subscription cancelled": EventSlackChannel.MEMBERSHIPS,
    "Webhook switched off": EventSlackChannel.API_ALERTS,
}
"""Titles of the system's own events that staff are told of, and where."""


class SendAlert(Task, kind="send-alert"):
    """Tell staff of an event."""

    event_id: UUID
    channel: EventSlackChannel


class TellSupporters(Task, kind="tell-supporters"):
    """Write to the supporters of the reader whose reading an event is about."""

    event_id: UUID
