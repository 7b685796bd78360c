"""What supporters say to readers: that one was said, and the links that let a supporter say it."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, Allow
from app.core.db import Base


class SupporterFeedback(Base):
    """That a supporter answered an event of a reader's timeline, once. The words are in the events that it caused."""

    __tablename__ = "supporter_feedback"
    __table_args__ = (UniqueConstraint("event_id", "supporter_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"))
    supporter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __acl__ = Acl((Allow, "supporter:{reader_id}", ("read", "create")))


class FeedbackLink(Base):
    """A link that was sent to a supporter, by the hash of its code. It opens once."""

    __tablename__ = "feedback_links"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events.id", ondelete="CASCADE"), index=True)
    supporter_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    reader_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)
    used_at: Mapped[datetime | None]
