"""Webhooks: where schools and their library systems are told of events, and the log of what was delivered."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, LargeBinary, String, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.acl import Acl, All, Allow, Inherit
from app.core.db import Base
from app.core.types import text_enum


class WebhookEvent(enum.StrEnum):
    COLLECTION_UPDATED = "collection.updated"
    EDITION_LABELLED = "edition.labelled"
    SCHOOL_UPDATED = "school.updated"


class DeliveryState(enum.StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"
    """Tried as often as the schedule says, or its webhook was switched off."""


class Webhook(Base):
    """Where one school's events are sent, for a program or for the school's own staff."""

    __tablename__ = "webhooks"
    __table_args__ = (
        CheckConstraint("failures >= 0", name="failures_are_a_count"),
        CheckConstraint("(previous_secret_sealed IS NULL) = (previous_until IS NULL)", name="previous_secret_ends"),
        CheckConstraint("cardinality(events) > 0", name="has_events"),
        Index("ix_webhooks_school_id_created_at", "school_id", "created_at", "id"),
        Index("ix_webhooks_active", "school_id", postgresql_where=text("is_active")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="CASCADE"))
    service_account_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("service_accounts.id", ondelete="CASCADE"), index=True
    )
    """The program that registered it: while it works for the school no more, nothing is sent."""
    url: Mapped[str] = mapped_column(Text)
    description: Mapped[str] = mapped_column(String(200), default="")
    events: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    secret_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    previous_secret_sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_until: Mapped[datetime | None]
    """Until then the secret before the last rotation signs beside the present one."""
    is_active: Mapped[bool] = mapped_column(default=True)
    switched_off_reason: Mapped[str | None] = mapped_column(String(100))
    """Why it was switched off by the system; None otherwise."""
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Attempts that failed since the last that succeeded."""
    failing_since: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    @hybrid_property
    def is_programs(self) -> bool:
        return self.service_account_id is not None

    @is_programs.inplace.expression
    @classmethod
    def _is_programs(cls) -> ColumnElement[bool]:
        return cls.service_account_id.is_not(None)

    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "schooladmin:{school_id}", All),
        (Allow, "lms:{school_id}", All, "is_programs"),
        (Allow, "role:lms_vendor", All, "is_programs"),
        (Allow, "library:{school_id}", All, "is_programs"),
    )


class WebhookDelivery(Base):
    """That a webhook was to be told of an event, and how that went. Its id is what the receiver knows it by."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        Index("ix_webhook_deliveries_webhook_id_created_at", "webhook_id", "created_at", "id"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        CheckConstraint("attempts >= 0", name="attempts_are_a_count"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4, server_default=text("gen_random_uuid()"))
    webhook_id: Mapped[UUID] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    event: Mapped[WebhookEvent] = mapped_column(text_enum(WebhookEvent))
    data: Mapped[dict[str, Any]]
    """Ids alone."""
    state: Mapped[DeliveryState] = mapped_column(
        text_enum(DeliveryState), default=DeliveryState.PENDING, server_default=DeliveryState.PENDING.value
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    last_status: Mapped[int | None]
    last_failure: Mapped[str | None] = mapped_column(String(100))
    """The kind of the last failure, where there was no status."""
    last_milliseconds: Mapped[int | None]
    last_attempt_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    webhook: Mapped[Webhook] = relationship(lazy="raise")

    __acl__ = Acl(Inherit("webhook"))
