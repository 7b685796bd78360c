"""Shapes of the audit."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from pydantic import Field

from app.audit.models import Outcome
from app.core.schemas import JsonObject, Page, Schema


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which rows are asked for; None: whatever it is."""

    actor: str | None = None
    subject: str | None = None
    action: str | None = None
    outcome: Outcome | None = None
    school_id: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditEntry(Schema):
    id: int
    at: datetime
    action: str = Field(description="What was done, such as `token.minted`. New words may be added.")
    outcome: Outcome
    actor: str | None = Field(description="Who did it, by kind and id; null where nobody had signed in.")
    impersonator: str | None = Field(description="Who stood behind the actor, with a token minted for it.")
    subject: str | None = Field(description="Whom or what it concerns, by kind and id.")
    school_id: UUID | None
    request_id: str | None = Field(description="The `X-Request-ID` of the request; null for what was no request.")
    details: JsonObject = Field(description="Ids, and the names of fields and permissions.")


class AuditPage(Page[AuditEntry]):
    """What was done or refused, the newest first."""
