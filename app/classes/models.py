"""A school's classes, and the codes by which pupils join them."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, All, Allow
from app.core.db import Base


class ClassGroup(Base):
    """A class of a school. Its code is looked up by a keyed hash and shown by unsealing it."""

    __tablename__ = "class_groups"
    __table_args__ = (
        UniqueConstraint("school_id", "name"),
        UniqueConstraint("id", "school_id"),
        UniqueConstraint("join_code_hash"),
        Index("ix_class_groups_name_id", "name", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    school_id: Mapped[UUID] = mapped_column(ForeignKey("schools.wriveted_identifier", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(256))
    note: Mapped[str | None] = mapped_column(Text)
    join_code_hash: Mapped[bytes] = mapped_column(LargeBinary)
    join_code_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    join_code_expires_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())

    __mapper_args__ = {"eager_defaults": True}
    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "schooladmin:{school_id}", All),
        (Allow, "educator:{school_id}", All),
        (Allow, "class:{id}", "read"),
        (Allow, "school:{school_id}", "read"),
    )
