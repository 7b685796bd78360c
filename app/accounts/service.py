"""The verbs of people's and programs' accounts alike: issuing tokens, and minting one to act as another account."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccount, User
from app.accounts.queries import user_called
from app.audit.service import note
from app.core.account import Account
from app.core.config import Settings
from app.core.errors import Conflict, Invalid, NotFound
from app.core.security import Extra, Subject, Tokens
from app.events.service import record

LONGEST_MINTED = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Issuer:
    """Signs the tokens that accounts prove themselves with."""

    tokens: Tokens
    settings: Settings

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(Tokens.of(settings), settings)

    def credential(self, service_account: ServiceAccount) -> str:
        """The token of a service account's present credential."""
        return self.tokens.issue(
            "service-account",
            service_account.id,
            self.settings.service_token_lifetime,
            extra={"ver": service_account.credential_version},
        )

    def sign_in(self, user_id: UUID, session_id: UUID, lifetime: timedelta) -> str:
        """An access token of a sign-in session."""
        return self.tokens.issue("user-account", user_id, lifetime, extra={"sid": session_id})

    def narrow(self, user_id: UUID, area: str, lifetime: timedelta) -> str:
        """A token that opens the doors of one tag alone."""
        return self.tokens.issue("user-account", user_id, lifetime, extra={"area": area})


async def find_user(session: AsyncSession, email_or_id: str) -> User:
    """The person of this e-mail address or id."""
    found = (await session.scalars(user_called(email_or_id))).one_or_none()
    if found is None:
        raise NotFound("There is no such user.")
    return found


async def mint_token(
    session: AsyncSession,
    account: Account | None,
    issuer: Issuer,
    holder: ServiceAccount | User,
    *,
    lifetime: timedelta | None = None,
    reason: str = "",
) -> str:
    """A short-lived token to act as ``holder``: a day at most. Events that it causes name ``account`` too."""
    lifetime = issuer.settings.minted_token_lifetime if lifetime is None else lifetime
    if not timedelta(0) < lifetime <= LONGEST_MINTED:
        raise Invalid("A minted token lives for a day at most.")
    if not holder.is_active:
        raise Conflict("The account is not active.")
    person = holder.id if isinstance(holder, User) else None
    extra: Extra = {} if isinstance(holder, User) else {"ver": holder.credential_version}
    if account is not None:
        extra["act"] = str(Subject(account.claims.kind, account.id))
    subject = Subject("service-account" if person is None else "user-account", holder.id)
    info = {"subject": str(subject), "reason": reason, "hours": lifetime / timedelta(hours=1)}
    record(session, "Token minted", account=account, user_id=person, info=info)
    kind = "service_account" if person is None else "user"
    note(session, "token.minted", account=account, subject=f"{kind}:{holder.id}", hours=info["hours"])
    return issuer.tokens.issue(subject.kind, subject.id, lifetime, extra=extra)
