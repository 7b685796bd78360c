"""Sessions: what a sign-in begins, what renews it, and what ends it."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Select, delete, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User, UserAccountType
from app.accounts.service import Issuer
from app.audit.service import note
from app.core.account import Account
from app.core.acl_sql import visible
from app.core.db import Database
from app.core.errors import Conflict, NotFound
from app.events.service import record
from app.sign_in.models import RefreshToken, SignInSession
from app.sign_in.proof import RefreshTokenInvalid
from app.sign_in.schemas import SessionBrief, SessionsEnded, SessionToken

REFRESH_TOKEN_BYTES = 32
FORGOTTEN_AFTER = timedelta(days=30)
# A session is renewed while it goes on, for whom a request would know, and with a token that "log out everywhere" or a
# change of rights has not refused.
RENEW = text("""
    UPDATE sign_in_sessions AS session SET last_used_at = now()
    FROM users LEFT JOIN students ON students.id = users.id
    WHERE session.id = :id AND session.ended_at IS NULL AND session.expires_at > now()
      AND users.id = session.user_id AND users.is_active
      AND (users.tokens_valid_after IS NULL OR users.tokens_valid_after <= :issued_at)
      AND (students.school_id IS NULL OR EXISTS (
              SELECT FROM schools WHERE wriveted_identifier = students.school_id AND state <> 'inactive'))
    RETURNING session.user_id, session.expires_at
""")


async def begin(
    session: AsyncSession,
    issuer: Issuer,
    user: User,
    *,
    method: str,
    authenticated_at: datetime | None = None,
    lifetime: timedelta | None = None,
    renewable: bool = False,
) -> SessionToken:
    """A new session of a person who has just proved who they are: one access token for all of it, or a short one and a
    refresh token. The person's row is locked first, so that who logs out everywhere ends this one too."""
    now = datetime.now(UTC)
    await session.execute(update(User).where(User.id == user.id).values(last_login_at=now))
    old = SignInSession.user_id == user.id, SignInSession.expires_at < now - FORGOTTEN_AFTER
    await session.execute(delete(SignInSession).where(*old))
    if lifetime is None:
        lifetime = _lifetime(issuer, user) if renewable else issuer.settings.user_token_lifetime
    begun = SignInSession(
        user_id=user.id, method=method, authenticated_at=authenticated_at or now, expires_at=now + lifetime
    )
    session.add(begun)
    await session.flush()
    note(session, "sign_in.succeeded", account=None, subject=f"user:{user.id}", method=method, session_id=str(begun.id))
    refresh_token = await _new_refresh_token(session, begun.id) if renewable else None
    return _token(issuer, user.id, begun.id, begun.expires_at, refresh_token)


async def renew(database: Database, issuer: Issuer, refresh_token: str) -> SessionToken:
    """The next tokens of a session. In a transaction of its own: a token that comes a second time ends its session, and
    that has to hold although the answer is a refusal."""
    digest = _digest(refresh_token)
    async with database.transaction() as transaction:
        renewed = await _renewed(transaction.session, issuer, digest)
        owner = None if renewed else await _end_family(transaction.session, digest)
    if renewed is None:
        raise RefreshTokenInvalid(subject=owner)
    return renewed


async def list_sessions(
    session: AsyncSession, account: Account, *, after: tuple[datetime, UUID] | None, skip: int, limit: int
) -> list[SessionBrief]:
    """One page of the account's own sessions that go on, the newest first."""
    found = await session.scalars(_going_on(account, after).offset(skip).limit(limit))
    return [
        SessionBrief(
            id=each.id,
            method=each.method,
            begun_at=each.created_at,
            last_used_at=each.last_used_at,
            expires_at=each.expires_at,
            current=each.id == account.claims.session,
        )
        for each in found
    ]


async def get_session(session: AsyncSession, session_id: UUID) -> SignInSession:
    found = await session.get(SignInSession, session_id)
    if found is None:
        raise NotFound("There is no such session.")
    return found


async def sessions_of(session: AsyncSession, user_id: UUID) -> SignInSession:
    """What stands for all sessions of a person, where it is asked who may end them."""
    if await session.scalar(select(User.id).where(User.id == user_id)) is None:
        raise NotFound("There is no such user.")
    return SignInSession(user_id=user_id)


async def end(session: AsyncSession, account: Account, found: SignInSession) -> SessionsEnded:
    """End a session: its tokens are refused from now on."""
    ended = await _end(session, SignInSession.id == found.id)
    if ended:
        record(session, "User logged out", account=account, user_id=found.user_id)
        note(session, "session.ended", account=account, subject=f"user:{found.user_id}", session_id=str(found.id))
    return SessionsEnded(ended=len(ended))


async def end_own(session: AsyncSession, account: Account) -> SessionsEnded:
    """End the session of the token with which the account asks."""
    if account.claims.session is None:
        raise Conflict("This token comes from no session: it was minted, and ends by itself.")
    return await end(session, account, await get_session(session, account.claims.session))


async def end_all(session: AsyncSession, account: Account, user_id: UUID) -> SessionsEnded:
    """End every session of a person, and refuse every token that they hold."""
    now = datetime.now(UTC)
    await session.execute(update(User).where(User.id == user_id).values(tokens_valid_after=now))
    ended = await _end(session, SignInSession.user_id == user_id)
    record(session, "User logged out everywhere", account=account, user_id=user_id, info={"sessions": len(ended)})
    note(session, "sessions.ended", account=account, subject=f"user:{user_id}", sessions=len(ended))
    return SessionsEnded(ended=len(ended))


def _going_on(account: Account, after: tuple[datetime, UUID] | None) -> Select[SignInSession]:
    place = tuple_(SignInSession.created_at, SignInSession.id)
    query = visible(SignInSession, account.principals).where(
        SignInSession.user_id == account.id,
        SignInSession.ended_at.is_(None),
        SignInSession.expires_at > func.now(),
    )
    query = query if after is None else query.where(place < after)
    return query.order_by(SignInSession.created_at.desc(), SignInSession.id.desc())


async def _end(session: AsyncSession, which: ColumnElement[bool]) -> Sequence[Row[UUID, UUID]]:
    """End the sessions that go on among these; their ids and whose they were."""
    ended = await session.execute(
        update(SignInSession)
        .where(which, SignInSession.ended_at.is_(None))
        .values(ended_at=func.now())
        .returning(SignInSession.id, SignInSession.user_id)
        .execution_options(synchronize_session=False)
    )
    return ended.all()


async def _renewed(session: AsyncSession, issuer: Issuer, digest: bytes) -> SessionToken | None:
    """The next tokens, if this one was never used and its session goes on. Of any number who come with it at once, one
    is first; the others wait for its row, and find it used."""
    spent = await session.execute(
        update(RefreshToken)
        .where(RefreshToken.hash == digest, RefreshToken.used_at.is_(None))
        .values(used_at=func.now())
        .returning(RefreshToken.session_id, RefreshToken.issued_at)
    )
    token = spent.one_or_none()
    if token is None:
        return None
    values = {"id": token.session_id, "issued_at": token.issued_at}
    alive = (await session.execute(RENEW, values)).one_or_none()
    if alive is None:
        return None
    refresh_token = await _new_refresh_token(session, token.session_id)
    return _token(issuer, alive.user_id, token.session_id, alive.expires_at, refresh_token)


async def _end_family(session: AsyncSession, digest: bytes) -> str | None:
    """End the session of a refresh token that was used before, or can renew nothing; whose it is, if anybody's."""
    family = select(RefreshToken.session_id).where(RefreshToken.hash == digest).scalar_subquery()
    ended = await _end(session, SignInSession.id == family)
    if not ended:
        return None
    (family_ended,) = ended
    subject, session_id = f"user:{family_ended.user_id}", str(family_ended.id)
    note(session, "session.ended", account=None, subject=subject, session_id=session_id, reason="refresh_token")
    return subject


async def _new_refresh_token(session: AsyncSession, session_id: UUID) -> str:
    token = secrets.token_urlsafe(REFRESH_TOKEN_BYTES)
    session.add(RefreshToken(hash=_digest(token), session_id=session_id, issued_at=datetime.now(UTC)))
    await session.flush()
    return token


def _token(
    issuer: Issuer, user_id: UUID, session_id: UUID, session_ends: datetime, refresh_token: str | None
) -> SessionToken:
    """The tokens of a session; beside a refresh token the access token is short, and none outlives the session."""
    lifetime = max(session_ends - datetime.now(UTC), timedelta(seconds=1))
    if refresh_token is not None:
        lifetime = min(lifetime, issuer.settings.access_token_lifetime)
    return SessionToken(
        access_token=issuer.sign_in(user_id, session_id, lifetime),
        expires_in=int(lifetime.total_seconds()),
        refresh_token=refresh_token,
    )


def _lifetime(issuer: Issuer, user: User) -> timedelta:
    settings = issuer.settings
    return settings.student_session_lifetime if user.type is UserAccountType.STUDENT else settings.session_lifetime


def _digest(token: str) -> bytes:
    """A hash is enough: there is nothing to guess in 32 random bytes."""
    return hashlib.sha256(token.encode()).digest()
