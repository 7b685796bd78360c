"""What labellers did: for the money, for how sure they were, and for what they could not do."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Identity, Index, Numeric, String, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, All, Allow
from app.core.db import Base
from app.core.types import text_enum


class RunOutcome(enum.StrEnum):
    LABELLED = "labelled"
    """It said labels; those stand that nobody stronger had said otherwise."""
    REFUSED = "refused"
    """It would not say, or said what are no labels, as often as it was asked."""


class LabellingRun(Base):
    """One labeller's look at one work. Kept when the work is deleted, for the money is spent; so nothing refers."""

    __tablename__ = "labelling_runs"
    __table_args__ = (
        CheckConstraint("input_tokens >= 0 AND output_tokens >= 0 AND cost >= 0", name="nothing_is_given_back"),
        Index("ix_labelling_runs_certain", "work_id", "id", postgresql_where=text("certainty IS NOT NULL")),
        Index("ix_labelling_runs_at", "at"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    work_id: Mapped[int]
    task_id: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    labeller: Mapped[str] = mapped_column(String(20))
    model: Mapped[str] = mapped_column(String(100))
    outcome: Mapped[RunOutcome] = mapped_column(text_enum(RunOutcome))
    input_tokens: Mapped[int]
    output_tokens: Mapped[int]
    cost: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    """In US dollars, by the prices that were set at that moment."""
    certainty: Mapped[dict[str, Any] | None]
    """From 0 to 1 for each group of labels that was said; None where none was."""

    __acl__ = Acl((Allow, "role:admin", All))
