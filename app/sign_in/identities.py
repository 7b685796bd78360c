"""Whom a proof signs in: identities by (issuer, subject), and the one time that an e-mail address links one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from psycopg import errors as postgres
from sqlalchemy import exists, func, literal, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Student, User, UserAccountType
from app.accounts.service import Issuer
from app.audit.service import note
from app.core.account import Account
from app.core.errors import AlreadyExists, FieldError
from app.events.models import EventLevel
from app.events.service import record
from app.messages.service import Draft, write
from app.schools.models import School, SchoolState
from app.sign_in import sessions
from app.sign_in.models import Identity
from app.sign_in.proof import (
    AccountInactive,
    AccountLinkedElsewhere,
    AccountUnknown,
    IdentityOfAnother,
    IdTokenSpent,
    Proof,
    SignInTooOld,
)
from app.sign_in.schemas import EmailChanged, SessionToken

STAFF = frozenset({UserAccountType.WRIVETED, UserAccountType.EDUCATOR, UserAccountType.SCHOOL_ADMIN})
FRESH = timedelta(minutes=5)
"""How recently one has to have signed in at the provider to change the e-mail address."""
REMEMBERED_LONGER = timedelta(minutes=5)
# A token is remembered a little longer than it could be taken. Each exchange also forgets a few.
SPEND = text("""
    WITH forgotten AS (
        DELETE FROM spent_tokens WHERE hash IN (
            SELECT hash FROM spent_tokens WHERE expires_at < now() ORDER BY expires_at LIMIT 5 FOR UPDATE SKIP LOCKED))
    INSERT INTO spent_tokens (hash, expires_at) VALUES (:hash, :until) ON CONFLICT DO NOTHING RETURNING hash
""")
# Whoever comes with an identity that is new comes alone.
ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:issuer || ' ' || :subject, 0))")
BEAR = text("""
    WITH born AS (
        INSERT INTO users (id, type, email, name, is_active, newsletter, info)
        VALUES (:id, 'public', :email, :name, true, false, '{}')
        ON CONFLICT DO NOTHING RETURNING id),
    reader AS (INSERT INTO readers (id, first_name, last_name_initial) SELECT id, :first, :initial FROM born),
    public AS (INSERT INTO public_readers (id) SELECT id FROM born)
    INSERT INTO identities (issuer, subject, user_id) SELECT :issuer, :subject, id FROM born RETURNING user_id
""")


@dataclass(frozen=True, slots=True)
class _Names:
    name: str
    first: str | None
    initial: str | None


async def exchange(
    session: AsyncSession, issuer: Issuer, proof: Proof, *, create: bool, renewable: bool = False
) -> SessionToken:
    """Sign in whom a proof names. ``create`` makes an account for who has none."""
    await _spend(session, proof)
    user_id, created = await _known(session, proof), False
    if user_id is None:
        await session.execute(ALONE, {"issuer": proof.issuer, "subject": proof.subject})
        user_id = await _known(session, proof) or await _linked(session, proof)
    if user_id is None and create:
        user_id = await _born(session, proof)
        created = user_id is not None
    if user_id is None:
        raise await _why_nobody(session, proof)
    user = await session.get_one(User, user_id)
    await _check(session, issuer, user, proof)
    user.info = {**(user.info or {}), "sign_in_provider": proof.provider, **_picture(proof)}
    if created:
        record(session, "User account created", account=None, user_id=user.id, info={"provider": proof.provider})
        note(session, "user.created", account=None, subject=f"user:{user.id}", method="firebase")
    else:
        record(session, "User logged in", account=None, user_id=user.id, level=EventLevel.DEBUG)
    return await sessions.begin(
        session,
        issuer,
        user,
        method="firebase",
        authenticated_at=min(proof.authenticated_at, datetime.now(UTC)),
        renewable=renewable,
    )


async def change_email(session: AsyncSession, account: Account, proof: Proof) -> EmailChanged:
    """Take over the address that the account's own identity has at the provider now, which has verified it."""
    if datetime.now(UTC) - proof.authenticated_at > FRESH:
        raise SignInTooOld(subject=account.subject)
    await _spend(session, proof)
    if await _known(session, proof) != account.id:
        raise IdentityOfAnother(subject=account.subject)
    user = await session.get_one(User, account.id, with_for_update=True)
    if user.email != proof.email:
        before, user.email = user.email, proof.email
        await _flush_unless_taken(session)
        if before is not None and user.type is not UserAccountType.STUDENT:
            await write(session, Draft("email_changed", {}, to=before), account=account)
        record(session, "User email changed", account=account)
        note(session, "user.email_changed", account=account, provider=proof.provider)
    return EmailChanged(email=proof.email)


async def _flush_unless_taken(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        if not isinstance(error.orig, postgres.UniqueViolation):
            raise
        taken = FieldError("/id_token", "already_exists", "Another account has the address that it proves.")
        raise AlreadyExists(errors=[taken]) from None


async def _spend(session: AsyncSession, proof: Proof) -> None:
    """Use a token up. It is good again if this transaction is undone, for then nobody was signed in with it."""
    values = {"hash": proof.hash, "until": proof.expires_at + REMEMBERED_LONGER}
    if (await session.execute(SPEND, values)).first() is None:
        raise IdTokenSpent


async def _known(session: AsyncSession, proof: Proof) -> UUID | None:
    return await session.scalar(
        select(Identity.user_id).where(Identity.issuer == proof.issuer, Identity.subject == proof.subject)
    )


async def _linked(session: AsyncSession, proof: Proof) -> UUID | None:
    """The active account of this address, linked with the identity, if it has none of this issuer yet."""
    owner = select(literal(proof.issuer), literal(proof.subject), User.id).where(
        func.lower(User.email) == func.lower(proof.email), User.is_active
    )
    link = upsert(Identity).from_select(["issuer", "subject", "user_id"], owner).on_conflict_do_nothing()
    found: UUID | None = await session.scalar(link.returning(Identity.user_id))
    return found


async def _born(session: AsyncSession, proof: Proof) -> UUID | None:
    """A new public reader with this identity; None if the address is somebody's."""
    names = _names(proof)
    values = {"id": uuid4(), "email": proof.email, "name": names.name, "first": names.first, "initial": names.initial}
    found: UUID | None = await session.scalar(BEAR, {**values, "issuer": proof.issuer, "subject": proof.subject})
    return found


async def _why_nobody(session: AsyncSession, proof: Proof) -> AccountUnknown | AccountInactive | AccountLinkedElsewhere:
    owner = select(User.id, User.is_active).where(func.lower(User.email) == func.lower(proof.email))
    found = (await session.execute(owner)).one_or_none()
    if found is None:
        return AccountUnknown()
    kind = AccountLinkedElsewhere if found.is_active else AccountInactive
    return kind(subject=f"user:{found.id}")


async def _check(session: AsyncSession, issuer: Issuer, user: User, proof: Proof) -> None:
    """Refuse whom no request would know, and staff who signed in at the provider too long ago."""
    if not user.is_active or (user.type is UserAccountType.STUDENT and await _school_is_inactive(session, user)):
        raise AccountInactive(subject=f"user:{user.id}")
    age = datetime.now(UTC) - proof.authenticated_at
    if user.type in STAFF and age > issuer.settings.firebase_staff_sign_in_age:
        raise SignInTooOld(subject=f"user:{user.id}")


async def _school_is_inactive(session: AsyncSession, user: User) -> bool:
    students = Student.__table__
    inactive = exists().where(
        students.c.id == user.id,
        School.wriveted_identifier == students.c.school_id,
        School.state == SchoolState.INACTIVE,
    )
    return bool(await session.scalar(select(inactive)))


def _names(proof: Proof) -> _Names:
    """What a person is called: by the provider's word, else by the address. Of a last name the initial is kept."""
    name = " ".join("".join(c if c.isprintable() else " " for c in proof.name or "").split())[:200]
    if not name:
        return _Names(proof.email, None, None)
    first, *others = name.split()
    return _Names(name, first[:100], others[-1][0].upper()[:1] if others else None)


def _picture(proof: Proof) -> dict[str, str]:
    picture = proof.picture or ""
    return {"picture": picture} if picture.startswith("https://") and len(picture) <= 2_000 else {}
