"""Accounts: people, by joined-table inheritance under ``users``, and programs.

A kind of person has what only it has in a table of its own, whose key is the user's; a change of kind moves that row,
never the user.
"""

import enum
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, func, text
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


OWN = (Allow, "role:admin", All), (Allow, "user:{id}", ("read", "read-contact", "update"))
"""What holds for everybody's account, before what its kind adds. Contact is the e-mail address and the phone number."""


class User(Base):
    """A person."""

    __tablename__ = "users"
    __table_args__: Any = (
        Index("uq_users_lower_email", text("lower(email)"), unique=True),
        Index("ix_users_active_first", text("(NOT is_active)"), "name", "id"),
    )

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
    __acl__ = Acl(*OWN)


class WrivetedAdmin(User):
    """Staff of Huey Books."""

    __tablename__ = "wriveted_admins"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    wriveted_admin_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.WRIVETED}


class Reader(User):
    """Whoever reads, mostly a child: a student or a public reader."""

    __tablename__ = "readers"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    first_name: Mapped[str | None] = mapped_column(String(100))
    last_name_initial: Mapped[str | None] = mapped_column(String(1))
    parent_id: Mapped[UUID | None] = mapped_column(ForeignKey("parents.id", ondelete="SET NULL"), index=True)
    huey_attributes: Mapped[dict[str, Any] | None]

    parent: Mapped["Parent | None"] = relationship(
        lazy="raise", foreign_keys=[parent_id], remote_side="Parent.id", back_populates="children"
    )

    __mapper_args__ = {"polymorphic_abstract": True, "inherit_condition": id == User.id}


class Student(Reader):
    """A pupil, known by a user name within the school. Without a class nobody can sign in by its code."""

    __tablename__ = "students"
    __table_args__ = (
        Index("uq_students_school_id_lower_username", "school_id", text("lower(username)"), unique=True),
        ForeignKeyConstraint(
            ["class_group_id", "school_id"],
            ["class_groups.id", "class_groups.school_id"],
            name="fk_students_class_group_id_class_groups",
            ondelete="SET NULL (class_group_id)",
        ),
        Index("ix_students_class_group_id", "class_group_id"),
    )

    id: Mapped[UUID] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True)
    username: Mapped[str] = mapped_column(String(100))
    school_id: Mapped[UUID] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="RESTRICT"))
    class_group_id: Mapped[UUID | None]
    student_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.STUDENT}
    __acl__ = Acl(
        *OWN,
        (Allow, "parent:{id}", ("read", "read-contact", "update", "manage-supporters")),
        (
            Allow,
            "schooladmin:{school_id}",
            ("create", "read", "read-contact", "update", "deactivate", "manage-supporters"),
        ),
        (Allow, "educator:{school_id}", ("create", "read", "update")),
        (Allow, "supporter:{id}", "support"),
    )


class PublicReader(Reader):
    """A reader of no school."""

    __tablename__ = "public_readers"

    id: Mapped[UUID] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True)
    reader_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.PUBLIC}
    __acl__ = Acl(
        *OWN,
        (Allow, "parent:{id}", ("read", "read-contact", "update", "manage-supporters")),
        (Allow, "supporter:{id}", "support"),
    )


class Educator(User):
    """A teacher or librarian."""

    __tablename__ = "educators"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="RESTRICT"), index=True)
    educator_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.EDUCATOR}
    __acl__ = Acl(
        *OWN,
        (Allow, "schooladmin:{school_id}", ("create", "read", "read-contact", "update", "deactivate")),
        (Allow, "educator:{school_id}", "read"),
    )


class SchoolAdmin(Educator):
    """An educator who also keeps the school's account; a school may have several."""

    __tablename__ = "school_admins"

    id: Mapped[UUID] = mapped_column(ForeignKey("educators.id", ondelete="CASCADE"), primary_key=True)
    school_admin_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.SCHOOL_ADMIN}


class Parent(User):
    """A parent or guardian of readers."""

    __tablename__ = "parents"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    parent_info: Mapped[dict[str, Any] | None]

    children: Mapped[list[Reader]] = relationship(
        lazy="raise", foreign_keys=[Reader.parent_id], back_populates="parent", passive_deletes=True
    )

    __mapper_args__ = {"polymorphic_identity": UserAccountType.PARENT, "inherit_condition": id == User.id}
    __acl__ = Acl(*OWN, (Allow, "child:{id}", "read"))


class Supporter(User):
    """Somebody who cheers a reader on: a grandparent, a family friend."""

    __tablename__ = "supporters"

    id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    supporter_info: Mapped[dict[str, Any] | None]

    __mapper_args__ = {"polymorphic_identity": UserAccountType.SUPPORTER}


class SupporterReader(Base):
    """That a supporter cheers a reader on. Only while the link is active does the supporter see anything."""

    __tablename__ = "supporter_reader_association"

    supporter_id: Mapped[UUID] = mapped_column(ForeignKey("supporters.id", ondelete="CASCADE"), primary_key=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("readers.id", ondelete="CASCADE"), primary_key=True, index=True)
    supporter_nickname: Mapped[str] = mapped_column(String(100))
    allow_phone: Mapped[bool] = mapped_column(default=False, server_default="false")
    allow_email: Mapped[bool] = mapped_column(default=True, server_default="true")
    is_active: Mapped[bool]


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
    expires_at: Mapped[datetime | None]
    """From then on the account is refused, whatever it shows."""
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
