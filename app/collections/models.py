"""A library's collection, the holdings in it, and what readers did with them."""

import enum
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Identity,
    Index,
    String,
    Text,
    UniqueConstraint,
    Uuid,
    column,
    func,
    select,
    table,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, column_property, mapped_column, relationship

from app.books.models import Edition
from app.core.acl import Acl, All, Allow, Inherit
from app.core.db import Base
from app.core.types import IsbnColumn, text_enum

STUDENTS = table("students", column("id", Uuid), column("school_id", Uuid))
"""Which school a reader belongs to, if to any."""


class CollectionItemReadStatus(enum.StrEnum):
    """How far a reader is with a book."""

    UNREAD = "UNREAD"
    TO_READ = "TO_READ"
    NOT_INTERESTED = "NOT_INTERESTED"
    READING = "READING"
    STOPPED_READING = "STOPPED_READING"
    READ = "READ"


class Collection(Base):
    """What one school, or one person, holds."""

    __tablename__ = "collections"
    __table_args__ = (
        UniqueConstraint("school_id"),
        UniqueConstraint("user_id"),
        CheckConstraint("num_nonnulls(school_id, user_id) = 1", name="has_one_owner"),
        CheckConstraint("item_count >= 0", name="item_count_is_a_count"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(String(200))
    school_id: Mapped[UUID | None] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="CASCADE"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    info: Mapped[dict[str, Any] | None]
    item_count: Mapped[int] = mapped_column(default=0, server_default="0")
    """Holdings that are not withdrawn, kept by every change in the same transaction."""
    version: Mapped[int] = mapped_column(default=1, server_default="1")
    """Rises with every change: the collection's ETag."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @hybrid_property
    def is_school_owned(self) -> bool:
        return self.school_id is not None

    @is_school_owned.inplace.expression
    @classmethod
    def _is_school_owned(cls) -> ColumnElement[bool]:
        return cls.school_id.is_not(None)

    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "schooladmin:{school_id}", All),
        (Allow, "lms:{school_id}", ("create", "read", "update", "batch")),
        (Allow, "role:lms_vendor", ("create", "read", "update", "batch"), "is_school_owned"),
        (Allow, "library:{school_id}", ("read", "update", "batch")),
        (Allow, "educator:{school_id}", ("read", "update")),
        (Allow, "school:{school_id}", "read"),
        (Allow, "user:{user_id}", All),
        (Allow, "parent:{user_id}", All),
    )


class CollectionItem(Base):
    """A holding: one edition, or one book without an ISBN, in one collection. Withdrawn ones stay as history."""

    __tablename__ = "collection_items"
    __table_args__ = (
        UniqueConstraint("collection_id", "edition_isbn"),
        CheckConstraint("0 <= copies_available AND copies_available <= copies_total", name="available_within_total"),
        Index(
            "ix_collection_items_shelf",
            "collection_id",
            "sort_title",
            "id",
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
        Index(
            "ix_collection_items_without_isbn",
            "collection_id",
            "local_key",
            postgresql_where=text("edition_isbn IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(Identity(), primary_key=True)
    collection_id: Mapped[UUID] = mapped_column(ForeignKey("collections.id", ondelete="CASCADE"))
    edition_isbn: Mapped[str | None] = mapped_column(
        IsbnColumn, ForeignKey("editions.isbn", ondelete="RESTRICT", onupdate="CASCADE"), index=True
    )
    local_key: Mapped[str | None] = mapped_column(Text)
    """Folded title and author of a book without an ISBN: what a replacement recognises it by."""
    sort_title: Mapped[str] = mapped_column(Text(collation="C"))
    """The edition's, repeated here so that a shelf is one index in order."""
    copies_total: Mapped[int]
    copies_available: Mapped[int]
    info: Mapped[dict[str, Any] | None]
    withdrawn_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    collection: Mapped[Collection] = relationship(lazy="raise")
    edition: Mapped[Edition | None] = relationship(lazy="raise")

    __acl__ = Acl(Inherit("collection"))


class ReadingActivity(Base):
    """That a reader came to a status with a holding. Rows are only added: the newest of a pair is how it stands.

    The reader is kept as a person, so that a change of the account's kind keeps what was read.
    """

    __tablename__ = "collection_item_activity_log"
    __table_args__ = (
        Index("ix_collection_item_activity_log_current", "reader_id", "collection_item_id", "timestamp", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    collection_item_id: Mapped[int] = mapped_column(
        ForeignKey("collection_items.id", ondelete="CASCADE", name="fk_collection_item_activity_log_collection_items"),
        index=True,
    )
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    status: Mapped[CollectionItemReadStatus] = mapped_column(text_enum(CollectionItemReadStatus, "status"))
    timestamp: Mapped[datetime] = mapped_column(server_default=func.now())

    school_id: Mapped[UUID | None] = column_property(
        select(STUDENTS.c.school_id).where(STUDENTS.c.id == reader_id).correlate_except(STUDENTS).scalar_subquery(),
    )
    """The school that the reader belongs to now: whoever is on its staff sees what its pupils read."""

    __acl__ = Acl(
        (Allow, "user:{reader_id}", ("create", "read")),
        (Allow, "parent:{reader_id}", ("create", "read")),
        (Allow, "schooladmin:{school_id}", ("create", "read")),
        (Allow, "educator:{school_id}", ("create", "read")),
    )
