"""Shapes of messages: the task of an e-mail, what the doors take and what they answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from pydantic import ConfigDict, EmailStr, Field, StringConstraints

from app.core.outbox import Task
from app.core.schemas import Input, Page, Schema
from app.messages.models import Category, SuppressionReason

MOST_RECIPIENTS = 50
OneLine = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=150, pattern=r"^[^\x00-\x1f\x7f]+$")
]
Address = Annotated[EmailStr, Field(max_length=254)]


class SendEmail(Task, kind="send-email"):
    """Send an e-mail to a person, or to an address. Whatever it says, and the address, is sealed."""

    template: str
    user_id: UUID | None = None
    sealed: str = Field(max_length=100_000)


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail, ready to be sent. ``id`` is the same however often it is tried."""

    id: UUID
    sender: str
    sender_name: str
    to: str
    subject: str
    text: str
    html: str
    unsubscribe: str | None = None
    """Where one POST unsubscribes the recipient (RFC 8058)."""
    vendor_template: str | None = None
    """The id of a template that the provider keeps, to be filled with ``data`` instead."""
    data: Mapping[str, str] | None = None


class Undeliverable(Exception):
    """The recipient's mail server says that there is no such mailbox: no use trying again."""


class Mailer(Protocol):
    """Sends e-mails, at least once each. Raises ``Undeliverable``, and anything at all when it may be tried again."""

    name: str

    async def send(self, letter: Letter) -> None: ...


@dataclass(frozen=True, slots=True)
class Alert:
    """A message to staff: ids, numbers and the system's own words."""

    channel: str
    title: str
    fields: Mapping[str, str]


class Alerter(Protocol):
    """Tells staff. Raises anything at all when it may be tried again."""

    async def tell(self, alert: Alert) -> None: ...


class EmailIn(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from_email": "hello@hueybooks.com",
                    "from_name": "Huey Books",
                    "to_emails": ["sam@school.example"],
                    "subject": "Your library is connected",
                    "template_data": {"text": "Hello Sam,\n\nyour library is connected."},
                }
            ]
        }
    )

    from_email: Address = Field(description="An address of the domain that this service writes from.")
    from_name: OneLine | None = None
    to_emails: list[Address] = Field(
        min_length=1, max_length=MOST_RECIPIENTS, description="Each gets an e-mail of its own."
    )
    subject: OneLine | None = Field(default=None, description="Needed unless a template of SendGrid's has one.")
    template_id: str | None = Field(
        default=None,
        pattern=r"^d-[0-9a-f]{32}$",
        description="A dynamic template that is kept at SendGrid. Without one, `template_data.text` is the message.",
    )
    template_data: dict[
        Annotated[str, StringConstraints(min_length=1, max_length=60)],
        Annotated[str, StringConstraints(max_length=5_000)],
    ] = Field(default_factory=dict, max_length=30)


class EmailQueued(Schema):
    msg: str


class SuppressionIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"email": "sam@school.example", "category": "news"}]})

    email: Address
    category: Category | None = Field(default=None, description="Of e-mail that is not to be sent; null: of any kind.")


class SuppressionDetail(Schema):
    id: UUID
    category: Category | None
    reason: SuppressionReason
    created_at: datetime


class SuppressionListsResponse(Page[SuppressionDetail]):
    """What is not to be sent, the newest first. Addresses are not kept, so look one up by asking for it."""
