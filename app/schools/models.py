"""Schools, the tenants, and the countries that they stand in."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    CHAR,
    CheckConstraint,
    ForeignKey,
    Identity,
    Index,
    SmallInteger,
    String,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.acl import Acl, All, Allow, Deny
from app.core.db import Base
from app.core.types import text_enum

SCHOOLS = [(Allow, "role:admin", ("create", "batch", "bind-admin"))]
"""Who may add schools, one or many at once, and say who their admins are."""


class SchoolState(enum.StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"


class SchoolBookbotType(enum.StrEnum):
    SCHOOL_BOOKS = "school_books"
    HUEY_BOOKS = "huey_books"


class Country(Base):
    """A country by its ISO 3166-1 alpha-3 code."""

    __tablename__ = "countries"

    id: Mapped[str] = mapped_column(CHAR(3), primary_key=True)
    phonecode: Mapped[int] = mapped_column(SmallInteger)
    name: Mapped[str] = mapped_column(String(100))


class School(Base):
    """A school. Its UUID is its one key: in addresses, foreign keys and principals."""

    __tablename__ = "schools"
    __table_args__ = (
        UniqueConstraint("country_code", "official_identifier"),
        CheckConstraint("max_removal_percent BETWEEN 0 AND 100", name="max_removal_percent_is_a_share"),
        Index("ix_schools_search_name", text("to_tsvector('simple'::regconfig, search_name)"), postgresql_using="gin"),
        Index("ix_schools_created_at_id", "created_at", "id"),
        Index("ix_schools_country_state", "country_code", text("(info #>> '{location,state}')")),
        Index("ix_schools_postcode", text("(info #>> '{location,postcode}')")),
    )

    wriveted_identifier: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    id: Mapped[int] = mapped_column(Identity(), unique=True)
    """The small number that older clients know a school by; never used for access."""
    country_code: Mapped[str] = mapped_column(ForeignKey("countries.id"))
    official_identifier: Mapped[str | None] = mapped_column(String(512))
    state: Mapped[SchoolState] = mapped_column(text_enum(SchoolState), default=SchoolState.INACTIVE)
    name: Mapped[str] = mapped_column(String(256))
    search_name: Mapped[str]
    """The folded name (core/text.fold), whose words the search looks up."""
    student_domain: Mapped[str | None] = mapped_column(String(256))
    teacher_domain: Mapped[str | None] = mapped_column(String(256))
    bookbot_type: Mapped[SchoolBookbotType] = mapped_column(
        text_enum(SchoolBookbotType), default=SchoolBookbotType.HUEY_BOOKS
    )
    lms_type: Mapped[str] = mapped_column(String(50), default="none")
    max_removal_percent: Mapped[int | None] = mapped_column(SmallInteger)
    """A sync that would withdraw a larger share of the collection is refused; NULL: no limit."""
    info: Mapped[dict[str, Any]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    country: Mapped[Country] = relationship(lazy="raise")

    __mapper_args__ = {"eager_defaults": True}
    __acl__ = Acl(
        (Deny, "role:student", ("update", "delete")),
        (Allow, "role:admin", All),
        (
            Allow,
            "schooladmin:{wriveted_identifier}",
            ("read", "read-collection", "update", "manage-classes", "read-staff"),
        ),
        (Allow, "lms:{wriveted_identifier}", ("read", "read-collection", "update", "batch")),
        (Allow, "role:lms_vendor", ("read", "read-collection", "update", "batch")),
        (Allow, "library:{wriveted_identifier}", ("read", "read-collection")),
        (Allow, "school:{wriveted_identifier}", ("read", "read-collection")),
    )
