"""Sessions: what a sign-in begins, and what ends it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User
from app.accounts.service import Issuer
from app.audit.service import note
from app.sign_in.models import SignInSession
from app.sign_in.schemas import Token


async def begin(
    session: AsyncSession,
    issuer: Issuer,
    user: User,
    *,
    method: str,
    authenticated_at: datetime | None = None,
    lifetime: timedelta | None = None,
) -> Token:
    """A new session of a person who has just proved who they are, and its one access token."""
    now = datetime.now(UTC)
    lifetime = lifetime or issuer.settings.user_token_lifetime
    begun = SignInSession(
        user_id=user.id, method=method, authenticated_at=authenticated_at or now, expires_at=now + lifetime
    )
    session.add(begun)
    await session.flush()
    await session.execute(update(User).where(User.id == user.id).values(last_login_at=now))
    note(session, "sign_in.succeeded", account=None, subject=f"user:{user.id}", method=method, session_id=str(begun.id))
    return Token(access_token=issuer.sign_in(user.id, begun.id, lifetime))
