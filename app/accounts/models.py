"""Accounts: people (joined-table inheritance under ``users``) and service accounts."""

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, String, func, text
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.core.acl import Acl, All, Allow
from app.core.db import Base
from app.core.types import text_enum

if TYPE_CHECKING:
    from app.schools.models import School


class UserAccountType(enum.StrEnum):
    WRIVETED = "wriveted"
    STUDENT = "student"
    PUBLIC = "public"
    EDUCATOR = "educator"
    SCHOOL_ADMIN = "school_admin"
    PARENT = "parent"
    SUPPORTER = "supporter"


class ServiceAccountType(enum.StrEnum):
    BACKEND = "backend"
    LMS = "lms"
    SCHOOL = "school"
    KIOSK = "kiosk"


class User(Base):
    """A person. What only one kind of person has stands in that kind's own table."""

    __tablename__ = "users"
    __table_args__ = (Index("uq_users_lower_email", text("lower(email)"), unique=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    is_active: Mapped[bool] = mapped_column(default=True)
    type: Mapped[UserAccountType] = mapped_column(text_enum(UserAccountType), index=True)
    email: Mapped[str | None]
    name: Mapped[str]
    info: Mapped[dict[str, Any] | None] = mapped_column(default=dict)
    newsletter: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    last_login_at: Mapped[datetime | None]
    tokens_valid_after: Mapped[datetime | None]
    """Tokens issued earlier are refused: set by "log out everywhere" and by a change of rights."""

    __mapper_args__ = {"polymorphic_on": "type"}
    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "user:{id}", ("read", "update")),
    )


class WrivetedAdmin(User):
    """Staff of Huey Books."""

    __tablename__ = "wriveted_admins"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    wriveted_admin_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.WRIVETED}


class ServiceAccount(Base):
    """A program's account: a library system, a kiosk, our own backend."""

    __tablename__ = "service_accounts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(256))
    is_active: Mapped[bool] = mapped_column(default=True)
    type: Mapped[ServiceAccountType] = mapped_column(text_enum(ServiceAccountType), index=True)
    is_vendor: Mapped[bool] = mapped_column(default=False, server_default="false")
    """Marked by an admin: an LMS account that serves every school, not only linked ones."""
    info: Mapped[dict[str, Any] | None]
    credential_version: Mapped[int] = mapped_column(default=1, server_default="1")
    previous_version_until: Mapped[datetime | None]
    """Until then the token before the last rotation is accepted beside the newest one."""
    tokens_valid_after: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    links: Mapped[list["ServiceAccountSchool"]] = relationship(
        lazy="raise", cascade="all, delete-orphan", passive_deletes=True, back_populates="service_account"
    )
    schools: AssociationProxy[list["School"]] = association_proxy("links", "school")

    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "schooladmin:{links.school_id}", "read"),
    )


class ServiceAccountSchool(Base):
    """The schools that a service account works for."""

    __tablename__ = "service_account_schools"

    service_account_id: Mapped[UUID] = mapped_column(
        ForeignKey("service_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    school_id: Mapped[UUID] = mapped_column(
        ForeignKey("schools.wriveted_identifier", ondelete="CASCADE"), primary_key=True, index=True
    )

    service_account: Mapped[ServiceAccount] = relationship(lazy="raise", back_populates="links")
    school: Mapped["School"] = relationship(lazy="raise")
