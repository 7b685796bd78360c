"""What labellers did: for the money, for how sure they were, and for what they could not do; and what is to review."""

import enum
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    ForeignKey,
    Identity,
    Index,
    Numeric,
    SmallInteger,
    String,
    func,
    text,
)
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


class LabellingReservation(Base):
    """Money of the day's budget that a task may spend: at most so much, or, once that is known, what it did spend.

    It counts beside the cost of the day's runs until its task stores those, or it expires with its worker.
    `reserve_labelling` makes one, if the budget covers it (alembic/versions/20261204_review.py).
    """

    __tablename__ = "labelling_reservations"
    __table_args__ = (CheckConstraint("amount >= 0", name="nothing_is_given_back"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    task_id: Mapped[UUID] = mapped_column(index=True)
    amount: Mapped[Decimal] = mapped_column(Numeric(12, 6))
    expires_at: Mapped[datetime]


class LabelReview(Base):
    """How much it matters that a person looks at a work's labels: how many libraries hold it, times ``doubt``.

    Doubt is the sum, rounded up, of what each group is worth (hues 40, age 30, reading ability 20, summary 10) times
    how unsure it is, from 0 to 1: 1 where it is missing or the labels were found wrong, 0 where they were found right
    or a person said it, what its labeller's latest run said of it, or what `label_doubts` has for its origin.

    Triggers keep doubt, in the transaction that changes it (alembic/versions/20261204_review.py). Holders are as
    `review.keep_reviews` last counted them: kept at once they would be an index entry for each book of each sync.
    """

    __tablename__ = "label_reviews"
    __table_args__ = (
        CheckConstraint("doubt BETWEEN 0 AND 100", name="doubt_is_of_a_hundred"),
        Index("ix_label_reviews_turn_work_id", "turn", "work_id", postgresql_where=text("turn < 0")),
    )

    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True)
    holders: Mapped[int] = mapped_column(server_default="0")
    doubt: Mapped[int] = mapped_column(SmallInteger, server_default="100")
    turn: Mapped[int] = mapped_column(BigInteger, Computed("-holders::bigint * doubt", persisted=True))
    """Below zero, so that the work that matters most comes first, and among equals the lower id."""
