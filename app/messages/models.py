"""What is kept of e-mail: who does not want it or cannot get it, and that one was sent. Never what stood in it."""

import enum
from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, All, Allow
from app.core.db import Base
from app.core.types import text_enum


class Category(enum.StrEnum):
    """What an e-mail is about. Whoever does not want it unsubscribes from one, unless it is about the own account."""

    ACCOUNT = "account"
    """Transactional: about the recipient's own account, or what the recipient has set up."""
    READING = "reading"
    """Readers whom the recipient cheers on."""
    SCHOOL = "school"
    """The state of the recipient's school."""
    NEWS = "news"


class SuppressionReason(enum.StrEnum):
    ASKED = "asked"
    """Unsubscribed."""
    BOUNCED = "bounced"
    """A mail server said that there is no such mailbox."""
    STAFF = "staff"
    """Entered by an administrator."""


class EmailOutcome(enum.StrEnum):
    SENT = "sent"
    NO_ADDRESS = "no_address"
    """The person is not active, or has no address that a mail could go to."""
    WITHHELD = "withheld"
    """The address is a pupil's: nothing is written to those."""
    SUPPRESSED = "suppressed"
    REFUSED = "refused"
    """The mail server does not take it for this address."""


class Suppression(Base):
    """An address that gets no e-mail of a category, or none at all. The address itself is not kept: its mark is."""

    __tablename__ = "email_suppressions"
    __table_args__ = (UniqueConstraint("mark", "category", postgresql_nulls_not_distinct=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    mark: Mapped[bytes] = mapped_column(LargeBinary)
    category: Mapped[Category | None] = mapped_column(text_enum(Category))
    """None: every one."""
    reason: Mapped[SuppressionReason] = mapped_column(text_enum(SuppressionReason))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __acl__ = Acl((Allow, "role:admin", All))


class SentEmail(Base):
    """What became of an e-mail: its id is the task's, and stands in its Message-ID."""

    __tablename__ = "sent_emails"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    template: Mapped[str] = mapped_column(String(60))
    outcome: Mapped[EmailOutcome] = mapped_column(text_enum(EmailOutcome))
    transport: Mapped[str | None] = mapped_column(String(20))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)

    __acl__ = Acl((Allow, "role:admin", All))
