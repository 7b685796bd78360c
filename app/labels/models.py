"""Labels: what a book feels like, whom it suits, and who said so."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, Identity, Index, String, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, All, Allow, Authenticated
from app.core.db import Base
from app.core.types import text_enum


class RecommendStatus(enum.StrEnum):
    GOOD = "GOOD"
    BAD_BORING = "BAD_BORING"
    BAD_REFERENCE = "BAD_REFERENCE"
    BAD_CONTROVERSIAL = "BAD_CONTROVERSIAL"
    BAD_LOW_QUALITY = "BAD_LOW_QUALITY"


class LabelOrigin(enum.StrEnum):
    """Who or what a group of labels comes from."""

    HUMAN = "HUMAN"
    VERTEXAI = "VERTEXAI"
    GPT4 = "GPT4"
    """A language model that was asked through OpenAI's interface; which one is kept with the run."""
    CLUSTER_RELEVANCE = "CLUSTER_RELEVANCE"
    CLUSTER_ZAINAB = "CLUSTER_ZAINAB"
    NIELSEN_CBMC = "NIELSEN_CBMC"
    NIELSEN_BIC = "NIELSEN_BIC"
    NIELSEN_THEMA = "NIELSEN_THEMA"
    NIELSEN_IA = "NIELSEN_IA"
    NIELSEN_RA = "NIELSEN_RA"
    PREDICTED_NIELSEN = "PREDICTED_NIELSEN"
    OTHER = "OTHER"
    RULES = "RULES"
    """Our own rules over subjects, ages, lengths and texts: weaker than everybody else's word."""


class HueOrdinal(enum.StrEnum):
    PRIMARY = "primary"
    SECONDARY = "secondary"
    TERTIARY = "tertiary"


class LabelGroup(enum.StrEnum):
    """Labels that are set together and share an origin; `info` and `checked` have none."""

    HUES = "hues"
    AGE = "age"
    READING_ABILITY = "reading_ability"
    SUMMARY = "summary"
    RECOMMEND_STATUS = "recommend_status"
    INFO = "info"
    CHECKED = "checked"


class Hue(Base):
    """A mood of a book."""

    __tablename__ = "hues"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)
    info: Mapped[dict[str, Any] | None]


class ReadingAbility(Base):
    """A level of reading, named after a book that everybody knows. Ids rise with the level."""

    __tablename__ = "reading_abilities"

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    key: Mapped[str] = mapped_column(String(50), unique=True)
    name: Mapped[str] = mapped_column(String(128), unique=True)


class LabelSet(Base):
    """The labels of one work, each group with its origin."""

    __tablename__ = "labelsets"
    __table_args__ = (Index("ix_labelsets_good", "work_id", postgresql_where=text("recommend_status = 'GOOD'")),)

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), unique=True)
    hue_origin: Mapped[LabelOrigin | None] = mapped_column(text_enum(LabelOrigin, "hue_origin"))
    min_age: Mapped[int | None]
    max_age: Mapped[int | None]
    age_origin: Mapped[LabelOrigin | None] = mapped_column(text_enum(LabelOrigin, "age_origin"))
    reading_ability_origin: Mapped[LabelOrigin | None] = mapped_column(text_enum(LabelOrigin, "reading_ability_origin"))
    huey_summary: Mapped[str | None] = mapped_column(Text)
    summary_origin: Mapped[LabelOrigin | None] = mapped_column(text_enum(LabelOrigin, "summary_origin"))
    recommend_status: Mapped[RecommendStatus] = mapped_column(
        text_enum(RecommendStatus), default=RecommendStatus.GOOD, server_default=RecommendStatus.GOOD.value
    )
    recommend_status_origin: Mapped[LabelOrigin | None] = mapped_column(
        text_enum(LabelOrigin, "recommend_status_origin")
    )
    labelled_by_user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    labelled_by_sa_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("service_accounts.id", ondelete="SET NULL"), index=True
    )
    info: Mapped[dict[str, Any] | None]
    checked: Mapped[bool | None]
    checked_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, Authenticated, "read"),
    )


class LabelSetHue(Base):
    __tablename__ = "labelset_hues"

    labelset_id: Mapped[int] = mapped_column(ForeignKey("labelsets.id", ondelete="CASCADE"), primary_key=True)
    ordinal: Mapped[HueOrdinal] = mapped_column(text_enum(HueOrdinal), primary_key=True)
    hue_id: Mapped[int] = mapped_column(ForeignKey("hues.id"), index=True)


class LabelSetReadingAbility(Base):
    __tablename__ = "labelset_reading_abilities"

    labelset_id: Mapped[int] = mapped_column(ForeignKey("labelsets.id", ondelete="CASCADE"), primary_key=True)
    reading_ability_id: Mapped[int] = mapped_column(ForeignKey("reading_abilities.id"), primary_key=True, index=True)


class LabelChange(Base):
    """Who changed a group of a labelset, when, from what to what. Kept when the work is deleted, so nothing refers."""

    __tablename__ = "labelset_changes"
    __table_args__ = (Index("ix_labelset_changes_work_id_id", "work_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    labelset_id: Mapped[int]
    work_id: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str] = mapped_column(String(60))
    """By kind and id."""
    label_group: Mapped[LabelGroup] = mapped_column(text_enum(LabelGroup, "label_group"))
    origin: Mapped[LabelOrigin | None] = mapped_column(text_enum(LabelOrigin, "origin"))
    before: Mapped[Any] = mapped_column(JSONB)
    after: Mapped[Any] = mapped_column(JSONB)

    __acl__ = Acl((Allow, "role:admin", All))
