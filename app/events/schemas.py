"""Shapes of events."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.core.include import WithPermissions
from app.core.outbox import Task
from app.core.schemas import Input, JsonObject, Page, Schema
from app.events.models import EventLevel

UserType = Literal["wriveted", "student", "public", "educator", "school_admin", "parent", "supporter"]
ServiceAccountType = Literal["backend", "lms", "school", "kiosk"]
Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=256)]


class EventSlackChannel(enum.StrEnum):
    API_ALERTS = "#api-alerts"
    MEMBERSHIPS = "#memberships"
    EDITORIAL = "#editorial-adjustments"


class EventCreateIn(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "title": "Huey: Book reviewed",
                    "level": "normal",
                    "info": {"isbn": "9780439023481", "liked": True},
                }
            ]
        }
    )

    title: Title = Field(description="What happened. Titles that the system itself emits are reserved.")
    description: str | None = None
    level: EventLevel = Field(description="`warning` and `error` are reserved for administrators.")
    school_id: UUID | None = Field(default=None, description="The school it happened at: your own.")
    user_id: UUID | None = Field(default=None, description="Whom it is about: yourself or your child.")
    info: JsonObject | None = None
    slack_channel: EventSlackChannel | None = Field(
        default=None,
        description="Administrators only. Staff are told there: title, level, ids and numbers, no other words.",
    )


class EventBrief(Schema):
    title: str
    description: str
    level: EventLevel
    timestamp: datetime
    info: JsonObject | None


class EventSchool(Schema):
    wriveted_identifier: UUID
    name: str


class EventUser(Schema):
    id: UUID
    type: UserType
    name: str


class EventServiceAccount(Schema):
    id: UUID
    name: str
    type: ServiceAccountType
    is_active: bool


class EventDetail(EventBrief, WithPermissions):
    id: UUID
    school: EventSchool | None
    user: EventUser | None
    service_account: EventServiceAccount | None


class EventListsResponse(Page[EventDetail]):
    """Events that you may read, the newest first."""


class EventTypesResponse(Page[str]):
    """The different titles of the events that you may read, in alphabetical order."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are asked for; an event passes every filter that is given."""

    titles: tuple[str, ...] = ()
    """Any of these in the title, or at its start where ``match_prefix``."""
    match_prefix: bool = False
    level: EventLevel | None = None
    """At least so loud."""
    school_id: UUID | None = None
    user_id: UUID | None = None
    service_account_id: UUID | None = None
    since: datetime | None = None
    info_path: str | None = None
    """An SQL/JSON path predicate that holds for ``info``."""


class ProcessEvent(Task, kind="process-event"):
    """Let follow from an event what does: see ``titles.PROCESSED_TITLES``."""

    deadline = timedelta(seconds=10)

    event_id: UUID
