"""The audit: what was done or refused that concerns security, in rows that nobody changes."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, Allow
from app.core.db import APPEND_ONLY, Base
from app.core.types import text_enum


class Outcome(enum.StrEnum):
    DONE = "done"
    REFUSED = "refused"


class AuditRow(Base):
    """One deed. It names accounts and objects by kind and id, without foreign keys: they may be gone, the row stays.

    The database refuses every UPDATE, DELETE and TRUNCATE of this table by a trigger, whoever asks; ``wriveted db
    grant`` gives the application no right to them either.
    """

    __tablename__ = "audit_log"
    __table_args__ = (
        Index("ix_audit_log_at_id", "at", "id"),
        Index("ix_audit_log_actor_at_id", "actor", "at", "id"),
        Index("ix_audit_log_subject_at_id", "subject", "at", "id"),
        Index("ix_audit_log_action_at_id", "action", "at", "id"),
        Index("ix_audit_log_school_id_at_id", "school_id", "at", "id"),
        {"info": {APPEND_ONLY: True}},
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    action: Mapped[str] = mapped_column(String(60))
    """What was done, by a word of ``actions``."""
    outcome: Mapped[Outcome] = mapped_column(text_enum(Outcome))
    actor: Mapped[str | None] = mapped_column(String(60))
    """Who did it: ``user:<id>`` or ``service_account:<id>``; NULL where nobody had signed in."""
    impersonator: Mapped[str | None] = mapped_column(String(60))
    """Who stood behind the actor, with a token minted for it."""
    subject: Mapped[str | None] = mapped_column(String(60))
    """Whom or what it concerns: ``user:<id>``, ``class_group:<id>`` …"""
    school_id: Mapped[UUID | None]
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
    """Ids, names of fields and permissions; never a name, an address or a secret."""

    __acl__ = Acl((Allow, "role:admin", "read"))
