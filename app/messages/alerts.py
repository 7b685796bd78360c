"""What staff are told of an event: its title, ids and numbers. Words that somebody wrote stay here."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from app.events.models import Event
from app.messages.schemas import Alert

MOST_FIELDS = 10
"""As many as one section of a Slack message takes."""
LONGEST = 200


def alert_about(event: Event, channel: str) -> Alert:
    fields = dict(_fields(event))
    return Alert(channel, event.title, dict(list(fields.items())[:MOST_FIELDS]))


def _fields(event: Event) -> Iterator[tuple[str, str]]:
    yield "level", event.level.value
    yield "at", event.timestamp.isoformat(timespec="seconds")
    yield "event", str(event.id)
    for name in ("school_id", "user_id", "service_account_id"):
        value = getattr(event, name)
        if value is not None:
            yield name, str(value)
    for name, value in sorted(event.info.items()):
        if _is_impersonal(value):
            yield name[:LONGEST], str(value)


def _is_impersonal(value: Any) -> bool:
    """Whether a value is a number, a truth or an id of ours: nothing that names a person."""
    if isinstance(value, bool | int | float):
        return True
    try:
        return isinstance(value, str) and str(UUID(value)) == value
    except ValueError:
        return False
