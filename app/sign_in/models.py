"""How people prove who they are: identities at a sign-in provider, and the sessions that follow."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.acl import Acl, All, Allow
from app.core.db import Base


class Identity(Base):
    """Whom a provider knows by (issuer, subject): the one key of a person who signs in there. An account has one of
    each issuer, so that a second subject with the same e-mail address never comes to it."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "user_id"),)

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(128), primary_key=True)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SpentToken(Base):
    """The hash of a provider's token that was exchanged: each is good for one exchange."""

    __tablename__ = "spent_tokens"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInSession(Base):
    """One sign-in of a person on one device. A token that names an ended session is refused."""

    __tablename__ = "sign_in_sessions"
    __table_args__ = (
        Index("ix_sign_in_sessions_user_id_live", "user_id", "created_at", postgresql_where=text("ended_at IS NULL")),
        Index("ix_sign_in_sessions_user_id", "user_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    user_id: Mapped[UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    method: Mapped[str] = mapped_column(String(40))
    """How it began: ``firebase`` or ``class_code``."""
    authenticated_at: Mapped[datetime]
    """When the person last proved who they are, by the provider's word."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    last_used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]

    __acl__ = Acl(
        (Allow, "role:admin", All),
        (Allow, "user:{user_id}", ("read", "delete")),
    )


class RefreshToken(Base):
    """A refresh token of a session, by its hash. A second use of one ends the session."""

    __tablename__ = "refresh_tokens"

    hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    session_id: Mapped[UUID] = mapped_column(ForeignKey("sign_in_sessions.id", ondelete="CASCADE"), index=True)
    issued_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime | None]
