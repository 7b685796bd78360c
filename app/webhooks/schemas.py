"""Shapes of webhooks, and of what they are told."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.core.include import WithPermissions
from app.core.schemas import Input, Page, Schema
from app.webhooks.models import DeliveryState, WebhookEvent
from app.webhooks.urls import LONGEST

Address = Annotated[
    str,
    Field(
        max_length=LONGEST,
        description="An https:// URL at the usual port, whose host is a name in the public DNS. Redirects are not "
        "followed; where the name leads is looked at again at each delivery.",
    ),
]
Events = Annotated[list[WebhookEvent], Field(min_length=1, max_length=len(WebhookEvent))]
Description = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class WebhookCreateIn(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "school_id": "a6ed1bb5-6bd8-4ed7-9c38-5cd4ea5bd2c1",
                    "url": "https://library.example.com/huey-books",
                    "events": ["collection.updated", "edition.labelled"],
                }
            ]
        }
    )

    school_id: UUID = Field(description="The school whose events are told.")
    url: Address
    events: Events
    description: Description = ""


class WebhookUpdateIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"is_active": True}]})

    url: Address | None = None
    events: Events | None = None
    description: Description | None = None
    is_active: bool | None = Field(default=None, description="True also forgets the failures so far.")


class WebhookRotateIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"overlap_hours": 24}]})

    overlap_hours: int = Field(
        default=24, ge=0, le=168, description="For how long the present secret signs beside the new one."
    )


class WebhookDetail(WithPermissions):
    id: UUID
    school_id: UUID
    service_account_id: UUID | None
    url: str
    description: str
    events: list[WebhookEvent]
    is_active: bool
    switched_off_reason: str | None
    failures: int = Field(description="Attempts that failed since the last that succeeded.")
    failing_since: datetime | None
    previous_until: datetime | None = Field(description="Until then the secret before the last rotation signs too.")
    created_at: datetime
    updated_at: datetime


class WebhookCreatedResponse(WebhookDetail):
    secret: str = Field(description="What signs, `whsec_…`. It is shown this once.")


class WebhookListsResponse(Page[WebhookDetail]):
    """The webhooks that you may read, the newest first."""


class DeliveryDetail(Schema):
    id: UUID = Field(description="`webhook-id` of each attempt.")
    event: WebhookEvent
    data: dict[str, str | list[str]]
    state: DeliveryState
    attempts: int
    last_status: int | None
    last_failure: str | None = Field(description="The kind of the last failure, where there was no answer.")
    last_milliseconds: int | None
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    created_at: datetime


class DeliveryListsResponse(Page[DeliveryDetail]):
    """What a webhook was told in the last 30 days, the newest first."""


class CollectionUpdatedData(Schema):
    school_id: UUID
    collection_id: UUID


class EditionLabelledData(Schema):
    school_id: UUID
    isbns: list[str] = Field(description="Editions that the school holds and whose work has other labels now.")


class SchoolUpdatedData(Schema):
    school_id: UUID


class _Told(Schema):
    timestamp: datetime = Field(description="When it happened. Attempts say in `webhook-timestamp` when they are made.")


class CollectionUpdated(_Told):
    type: Literal["collection.updated"]
    data: CollectionUpdatedData


class EditionLabelled(_Told):
    type: Literal["edition.labelled"]
    data: EditionLabelledData


class SchoolUpdated(_Told):
    type: Literal["school.updated"]
    data: SchoolUpdatedData
