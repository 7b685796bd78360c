"""What providers of book data answered, and how far each may be asked."""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Float, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base
from app.core.types import IsbnColumn, text_enum


class AnswerStatus(enum.StrEnum):
    FOUND = "found"
    UNKNOWN = "unknown"
    """The provider does not know the ISBN."""
    UNREADABLE = "unreadable"
    """What came back is not about this ISBN, or nothing that can be read."""


class ProviderAnswer(Base):
    """What a provider answered last about an ISBN, as it was told. Until it expires, it is not asked again."""

    __tablename__ = "provider_answers"
    __table_args__ = (CheckConstraint("(raw IS NOT NULL) = (status = 'found')", name="found_has_an_answer"),)

    isbn: Mapped[str] = mapped_column(IsbnColumn, primary_key=True, autoincrement=False)
    provider: Mapped[str] = mapped_column(String(40), primary_key=True)
    status: Mapped[AnswerStatus] = mapped_column(text_enum(AnswerStatus))
    raw: Mapped[dict[str, Any] | None]
    answered_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]


class ProviderState(Base):
    """What is left of a provider's budget, and whether it is given a rest. Shared by all processes."""

    __tablename__ = "provider_states"
    __table_args__ = (CheckConstraint("failures >= 0", name="failures_are_a_count"),)

    provider: Mapped[str] = mapped_column(String(40), primary_key=True)
    tokens: Mapped[float] = mapped_column(Float(53))
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now())
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """Requests that failed since the last that did not."""
    open_until: Mapped[datetime | None]
    """Nobody asks the provider before."""
