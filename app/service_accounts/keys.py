"""The verbs of API keys."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccount, ServiceAccountType
from app.audit.service import note
from app.core.account import Account
from app.core.api_keys import ApiKeys, NewKey
from app.core.errors import Conflict, FieldError, Invalid, NotFound, pointer
from app.events.service import record
from app.service_accounts.models import ApiKey
from app.service_accounts.queries import (
    api_key_to_change,
    api_keys_of,
    api_keys_with_uses,
    key_known_as,
    schools_among,
)
from app.service_accounts.schemas import ApiKeyCreatedResponse, ApiKeyCreateIn, ApiKeyDetail


async def list_keys(
    session: AsyncSession,
    service_account: ServiceAccount,
    *,
    after: tuple[datetime, UUID] | None,
    skip: int,
    limit: int,
) -> list[ApiKeyDetail]:
    """One page of an account's keys, the newest first."""
    found = await session.execute(api_keys_of(service_account.id, after=after, skip=skip, limit=limit))
    return [ApiKeyDetail.model_validate(row) for row in found]


async def get_key(session: AsyncSession, service_account: ServiceAccount, key_id: UUID) -> ApiKey:
    """A key of the account, to be changed."""
    found = (await session.scalars(api_key_to_change(service_account.id, key_id))).one_or_none()
    if found is None:
        raise NotFound("The account has no such key.")
    return found


async def find_key(session: AsyncSession, text: str) -> tuple[ApiKey, ServiceAccount]:
    """The key of a public id, or of the text that holds one, such as a key that leaked; and whose it is."""
    public_id = text.split("_")[1] if "_" in text else text
    found = (await session.execute(key_known_as(public_id))).one_or_none()
    if found is None:
        raise NotFound("There is no such key.")
    return found[0], found[1]


async def create_key(
    session: AsyncSession,
    account: Account | None,
    keys: ApiKeys,
    service_account: ServiceAccount,
    given: ApiKeyCreateIn,
) -> ApiKeyCreatedResponse:
    """A new key of an active account. ``account`` is None for staff at a terminal."""
    _check_active(service_account)
    schools = None if given.schools is None else list(dict.fromkeys(given.schools))
    await _check_schools(session, service_account, given.schools or ())
    new = keys.make()
    key = _key(new, service_account, given.name, sorted(set(given.scopes)), schools)
    key.expires_at = func.now() + timedelta(days=given.expires_in_days)
    session.add(key)
    await session.flush()
    _record(session, account, "API key created", service_account, key)
    _note(session, account, "api_key.created", service_account, key, expires_in_days=given.expires_in_days)
    return await _shown(session, key, new)


async def rotate_key(
    session: AsyncSession,
    account: Account | None,
    keys: ApiKeys,
    service_account: ServiceAccount,
    key: ApiKey,
    *,
    overlap: timedelta,
) -> ApiKeyCreatedResponse:
    """A new key for the same, and for as many days. The present one is good for ``overlap`` more, at most."""
    _check_active(service_account)
    now = (await session.scalars(select(func.now()))).one()
    if key.revoked_at is not None or key.replaced_at is not None or key.expires_at <= now:
        raise Conflict("This key was revoked, has expired, or was rotated before: rotate the present one, or make one.")
    new = keys.make()
    successor = _key(new, service_account, key.name, key.scopes, key.school_ids)
    successor.expires_at = now + (key.expires_at - key.created_at)
    key.replaced_at = now
    if overlap:
        key.expires_at = min(key.expires_at, now + overlap)
    else:
        key.revoked_at = now
    session.add(successor)
    await session.flush()
    hours = overlap / timedelta(hours=1)
    _record(session, account, "API key rotated", service_account, key, successor=str(successor.id), overlap_hours=hours)
    _note(session, account, "api_key.rotated", service_account, key, successor=str(successor.id), overlap_hours=hours)
    return await _shown(session, successor, new)


async def revoke_key(
    session: AsyncSession, account: Account | None, service_account: ServiceAccount, key: ApiKey
) -> ApiKeyDetail:
    """Refuse the key from now on. Its row stays, for the history that names it."""
    if key.revoked_at is None:
        key.revoked_at = func.now()
        _record(session, account, "API key revoked", service_account, key)
        _note(session, account, "api_key.revoked", service_account, key)
        await session.flush()
    return ApiKeyDetail.model_validate(await _row(session, key))


def _check_active(service_account: ServiceAccount) -> None:
    if not service_account.is_active:
        raise Conflict("A deactivated service account has no keys.")


async def _check_schools(session: AsyncSession, service_account: ServiceAccount, schools: Sequence[UUID]) -> None:
    """Refuse what would not narrow the account: an admin, and schools that it does not serve."""
    if schools and service_account.type is ServiceAccountType.BACKEND:
        fault = "An account of type `backend` is an administrator, and cannot be narrowed to schools."
        raise Invalid(errors=[FieldError("/schools", "invalid", fault)])
    if service_account.is_vendor:
        served = set(await session.scalars(schools_among(schools))) if schools else set()
    else:
        served = {link.school_id for link in service_account.links}
    faults = [
        FieldError(pointer("schools", place), "not_linked", "The account does not serve this school.")
        for place, school in enumerate(schools)
        if school not in served
    ]
    if faults:
        raise Invalid(errors=faults)


def _key(
    new: NewKey, service_account: ServiceAccount, name: str, scopes: Sequence[str], schools: Sequence[UUID] | None
) -> ApiKey:
    return ApiKey(
        public_id=new.public_id,
        secret_hash=new.secret_hash,
        service_account_id=service_account.id,
        name=name,
        scopes=list(scopes),
        school_ids=None if schools is None else list(schools),
    )


def _record(
    session: AsyncSession, account: Account | None, title: str, owner: ServiceAccount, key: ApiKey, **info: Any
) -> None:
    info |= {"id": str(key.id), "public_id": key.public_id, "name": key.name, "scopes": key.scopes}
    whose = {"id": str(owner.id), "name": owner.name}
    record(session, title, account=account, info={"api_key": info, "service_account": whose})


def _note(
    session: AsyncSession, account: Account | None, action: str, owner: ServiceAccount, key: ApiKey, **details: Any
) -> None:
    details |= {"key": str(key.id), "public_id": key.public_id, "scopes": key.scopes}
    details["schools"] = None if key.school_ids is None else [str(school) for school in key.school_ids]
    note(session, action, account=account, subject=f"service_account:{owner.id}", **details)


async def _row(session: AsyncSession, key: ApiKey) -> Any:
    return (await session.execute(api_keys_with_uses().where(ApiKey.id == key.id))).one()


async def _shown(session: AsyncSession, key: ApiKey, new: NewKey) -> ApiKeyCreatedResponse:
    detail = ApiKeyDetail.model_validate(await _row(session, key))
    return ApiKeyCreatedResponse(**detail.model_dump(), key=new.text)
