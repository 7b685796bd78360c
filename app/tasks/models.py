"""The history of the jobs that a clock starts."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Index, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, Allow
from app.core.db import Base
from app.core.types import text_enum


class JobOutcome(enum.StrEnum):
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    LOST = "lost"
    """Its process ended before it did."""


class JobRun(Base):
    """One run of a job: when, how it ended, and what it found in numbers."""

    __tablename__ = "job_runs"
    __table_args__ = (
        Index("uq_job_runs_running", "job", unique=True, postgresql_where=text("outcome = 'running'")),
        Index("ix_job_runs_job_started_at", "job", "started_at", "id"),
        Index("ix_job_runs_started_at_id", "started_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    job: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[JobOutcome] = mapped_column(text_enum(JobOutcome))
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(120))
    report: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))

    __acl__ = Acl((Allow, "role:admin", "read"))
