"""Events: rows that say who did what to what."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql import ColumnElement

from app.core.acl import Acl, All, Allow
from app.core.db import Base
from app.core.types import text_enum

TIMELINE_PREFIX = "Reader timeline event:"


class EventLevel(enum.StrEnum):
    """How loud an event is, from the quietest up."""

    DEBUG = "debug"
    NORMAL = "normal"
    WARNING = "warning"
    ERROR = "error"


class Event(Base):
    """Who did what to what, written in the transaction that did it."""

    __tablename__ = "events"
    __table_args__ = (
        Index("ix_events_timestamp_id", "timestamp", "id"),
        Index("ix_events_school_id_timestamp", "school_id", "timestamp"),
        Index("ix_events_user_id_timestamp", "user_id", "timestamp"),
        Index("ix_events_service_account_id_timestamp", "service_account_id", "timestamp"),
        Index("ix_events_title_level", "title", "level"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(String(256))
    description: Mapped[str] = mapped_column(default="")
    info: Mapped[dict[str, Any]] = mapped_column(default=dict)
    level: Mapped[EventLevel] = mapped_column(text_enum(EventLevel))
    timestamp: Mapped[datetime] = mapped_column(server_default=func.now())
    school_id: Mapped[UUID | None] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="SET NULL"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    service_account_id: Mapped[UUID | None] = mapped_column(ForeignKey("service_accounts.id", ondelete="SET NULL"))

    @hybrid_property
    def is_timeline(self) -> bool:
        return self.title.startswith(TIMELINE_PREFIX)

    @is_timeline.inplace.expression
    @classmethod
    def _is_timeline(cls) -> ColumnElement[bool]:
        return cls.title.startswith(TIMELINE_PREFIX, autoescape=True)

    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "schooladmin:{school_id}", "read"),
        (Allow, "educator:{school_id}", "read"),
        (Allow, "user:{user_id}", "read"),
        (Allow, "parent:{user_id}", "read"),
        (Allow, "supporter:{user_id}", "read", "is_timeline"),
    )
