"""The keys that programs show instead of a token."""

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, CheckConstraint, ForeignKey, LargeBinary, String, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base


class ApiKey(Base):
    """A key of a service account: named, for some scopes and at will some of its schools, hashed at rest."""

    __tablename__ = "api_keys"
    __table_args__ = (CheckConstraint("expires_at > created_at", name="expires_after_it_is_made"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    public_id: Mapped[str] = mapped_column(String(8), unique=True)
    """The part of the key by which it is known, shown and looked up."""
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary)
    service_account_id: Mapped[UUID] = mapped_column(ForeignKey("service_accounts.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(200))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(40)))
    school_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """The schools that it is narrowed to; NULL: all of the account's."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    replaced_at: Mapped[datetime | None]
    """When a rotation made the key that takes this one's place."""
    revoked_at: Mapped[datetime | None]


class CredentialUse(Base):
    """When a credential was last used, within five minutes; apart from what it describes, so that no lock is shared."""

    __tablename__ = "credential_uses"

    credential: Mapped[str] = mapped_column(String(60), primary_key=True)
    """``service_account:<id>`` for its tokens, or ``api_key:<public id>``."""
    used_at: Mapped[datetime]
