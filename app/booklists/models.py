"""Booklists: works in an order that somebody chose."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ColumnElement, ForeignKey, Index, String, UniqueConstraint, func
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, All, Allow, Authenticated, Deny, Everyone
from app.core.db import Base
from app.core.types import text_enum
from app.people.schemas import ListType


class ListSharingType(enum.StrEnum):
    PRIVATE = "private"
    RESTRICTED = "restricted"
    PUBLIC = "public"


EDITORIAL = (ListType.REGION, ListType.HUEY, ListType.OTHER_LIST)


class BookList(Base):
    """A list. A personal one belongs to a person, a school's to the school, an editorial one to nobody but us."""

    __tablename__ = "book_lists"
    __table_args__ = (
        CheckConstraint(
            "(type = 'Personal') = (user_id IS NOT NULL) AND (type = 'School') = (school_id IS NOT NULL)",
            name="has_the_owner_of_its_type",
        ),
        CheckConstraint("slug IS NULL OR type = 'Huey'", name="only_huey_has_a_slug"),
        CheckConstraint("type <> 'Huey' OR sharing <> 'public' OR slug IS NOT NULL", name="public_huey_has_a_slug"),
        CheckConstraint("book_count >= 0", name="book_count_is_a_count"),
        UniqueConstraint("slug"),
        Index("ix_book_lists_user_id_created_at", "user_id", "created_at"),
        Index("ix_book_lists_school_id_created_at", "school_id", "created_at"),
        Index("ix_book_lists_type_created_at", "type", "created_at"),
        Index("ix_book_lists_created_at_id", "created_at", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(200))
    type: Mapped[ListType] = mapped_column(text_enum(ListType))
    sharing: Mapped[ListSharingType] = mapped_column(
        text_enum(ListSharingType), default=ListSharingType.PRIVATE, server_default=ListSharingType.PRIVATE.value
    )
    slug: Mapped[str | None] = mapped_column(String(200))
    """The list's name in the public address of a Huey list."""
    info: Mapped[dict[str, Any] | None]
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    school_id: Mapped[UUID | None] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="CASCADE"))
    book_count: Mapped[int] = mapped_column(default=0, server_default="0")
    """Works on the list, kept by a trigger."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    """Rises with every change: the list's ETag."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @hybrid_property
    def is_editorial(self) -> bool:
        return self.type in EDITORIAL

    @is_editorial.inplace.expression
    @classmethod
    def _is_editorial(cls) -> ColumnElement[bool]:
        return cls.type.in_(EDITORIAL)

    @hybrid_property
    def is_published(self) -> bool:
        return self.type == ListType.HUEY and self.sharing == ListSharingType.PUBLIC

    @is_published.inplace.expression
    @classmethod
    def _is_published(cls) -> ColumnElement[bool]:
        return (cls.type == ListType.HUEY) & (cls.sharing == ListSharingType.PUBLIC)

    @hybrid_property
    def is_of_a_school(self) -> bool:
        return self.type == ListType.SCHOOL

    @is_of_a_school.inplace.expression
    @classmethod
    def _is_of_a_school(cls) -> ColumnElement[bool]:
        return cls.type == ListType.SCHOOL

    @hybrid_property
    def is_shared_in_its_school(self) -> bool:
        return self.type == ListType.SCHOOL and self.sharing != ListSharingType.PRIVATE

    @is_shared_in_its_school.inplace.expression
    @classmethod
    def _is_shared_in_its_school(cls) -> ColumnElement[bool]:
        return (cls.type == ListType.SCHOOL) & (cls.sharing != ListSharingType.PRIVATE)

    __mapper_args__ = {"eager_defaults": True}
    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, Everyone, "read", "is_published"),
        (Allow, Authenticated, "read", "is_editorial"),
        (Deny, Everyone, All, "is_editorial"),
        (Allow, "user:{user_id}", All),
        (Allow, "parent:{user_id}", ("read", "update")),
        (Allow, "schooladmin:{school_id}", All, "is_of_a_school"),
        (Allow, "educator:{school_id}", All, "is_of_a_school"),
        (Allow, "school:{school_id}", "read", "is_shared_in_its_school"),
    )


class BookListWork(Base):
    """A work on a list. Positions run from 0 without gaps: whoever puts rows in or takes them out, a trigger closes the
    ranks, counts anew and raises the version."""

    __tablename__ = "book_list_works"
    __table_args__ = (
        UniqueConstraint("booklist_id", "order_id", deferrable=True, initially="DEFERRED"),
        CheckConstraint("order_id >= 0", name="order_id_is_a_position"),
    )

    booklist_id: Mapped[UUID] = mapped_column(ForeignKey("book_lists.id", ondelete="CASCADE"), primary_key=True)
    work_id: Mapped[int] = mapped_column(ForeignKey("works.id", ondelete="CASCADE"), primary_key=True, index=True)
    order_id: Mapped[int]
    info: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
