"""The verbs of service accounts."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccount, ServiceAccountSchool, ServiceAccountType
from app.accounts.service import Issuer
from app.audit.service import note
from app.core.account import Account
from app.core.errors import Conflict, FieldError, Invalid, NotFound, pointer
from app.core.include import Included, permissions_if
from app.events.queries import latest_events_of
from app.events.schemas import EventBrief
from app.events.service import record
from app.service_accounts.queries import (
    last_use_of,
    linked_schools,
    links_of,
    schools_among,
    service_account_with_links,
    service_accounts_visible,
)
from app.service_accounts.schemas import (
    LinkedSchool,
    SchoolLink,
    ServiceAccountBrief,
    ServiceAccountCreatedResponse,
    ServiceAccountCreateIn,
    ServiceAccountDetail,
    ServiceAccountFound,
    ServiceAccountUpdateIn,
)

LATEST_EVENTS = 20


async def list_service_accounts(
    session: AsyncSession,
    account: Account,
    include: Included = None,
    *,
    include_inactive: bool,
    after: tuple[str, UUID] | None,
    skip: int,
    limit: int,
) -> list[ServiceAccountFound]:
    """One page of the service accounts that the account may read, by name; permissions take one more statement."""
    found = await session.execute(
        service_accounts_visible(
            account.principals, include_inactive=include_inactive, after=after, skip=skip, limit=limit
        )
    )
    accounts = [ServiceAccountFound.model_validate(row) for row in found]
    if include:
        links: dict[UUID, list[ServiceAccountSchool]] = {each.id: [] for each in accounts}
        for id_, school_id in await session.execute(links_of(links)):
            links[id_].append(ServiceAccountSchool(school_id=school_id))
        for each in accounts:
            asked = ServiceAccount(id=each.id, links=links[each.id])
            each.permissions = permissions_if(include, asked, account.principals)
    return accounts


async def get_service_account(
    session: AsyncSession, service_account_id: UUID, *, to_change: bool = False
) -> ServiceAccount:
    """A service account with its links; ``to_change`` has others who would change it wait."""
    query = service_account_with_links(service_account_id)
    found = (await session.scalars(query.with_for_update() if to_change else query)).one_or_none()
    if found is None:
        raise NotFound("There is no such service account.")
    return found


async def describe_service_account(
    session: AsyncSession, account: Account, service_account: ServiceAccount, include: Included = None
) -> ServiceAccountDetail:
    """A service account with its schools, and with what it did last as far as the account may read that."""
    schools = await session.execute(linked_schools(service_account.id))
    events = await session.scalars(latest_events_of(service_account.id, account.principals, limit=LATEST_EVENTS))
    return ServiceAccountDetail(
        **ServiceAccountBrief.model_validate(service_account).model_dump(),
        is_vendor=service_account.is_vendor,
        info=service_account.info,
        expires_at=service_account.expires_at,
        last_used_at=await session.scalar(last_use_of(service_account.id)),
        created_at=service_account.created_at,
        updated_at=service_account.updated_at,
        events=[EventBrief.model_validate(event) for event in events],
        schools=[LinkedSchool.model_validate(school) for school in schools],
        permissions=permissions_if(include, service_account, account.principals),
    )


async def create_service_account(
    session: AsyncSession, account: Account | None, issuer: Issuer, given: ServiceAccountCreateIn
) -> ServiceAccountCreatedResponse:
    """A new service account with its first token. ``account`` is None for staff at a terminal."""
    service_account = ServiceAccount(
        name=given.name,
        type=given.type,
        info=given.info,
        is_vendor=given.is_vendor,
        expires_at=given.expires_at,
        credential_version=1,
    )
    service_account.links = await _links(session, given.schools or ())
    _check_vendor(service_account)
    session.add(service_account)
    await session.flush()
    _record(session, account, "Service account created", service_account, type=given.type)
    _note(
        session, account, "service_account.created", service_account, type=given.type, schools=_schools(service_account)
    )
    return _with_token(service_account, issuer)


async def update_service_account(
    session: AsyncSession, account: Account, service_account: ServiceAccount, given: ServiceAccountUpdateIn
) -> ServiceAccountDetail:
    """Replace what the update names, and keep the rest."""
    named = given.model_fields_set
    if given.name is not None:
        service_account.name = given.name
    if "info" in named:
        service_account.info = given.info
    if "is_vendor" in named:
        service_account.is_vendor = given.is_vendor
    if "expires_at" in named:
        service_account.expires_at = given.expires_at
    if "schools" in named:
        service_account.links = await _links(session, given.schools or ())
    _check_vendor(service_account)
    _record(session, account, "Service account updated", service_account, changed=sorted(named))
    schools = _schools(service_account)
    _note(session, account, "service_account.updated", service_account, fields=sorted(named), schools=schools)
    await session.flush()
    await session.refresh(service_account, ["updated_at"])
    return await describe_service_account(session, account, service_account)


async def deactivate_service_account(
    session: AsyncSession, account: Account, service_account: ServiceAccount
) -> ServiceAccountBrief:
    """Refuse the account's tokens from now on. Its row stays, for the history that names it."""
    if service_account.is_active:
        service_account.is_active = False
        _record(session, account, "Service account deleted", service_account)
        _note(session, account, "service_account.deactivated", service_account)
    return ServiceAccountBrief.model_validate(service_account)


async def rotate_credential(
    session: AsyncSession,
    account: Account,
    issuer: Issuer,
    service_account: ServiceAccount,
    *,
    overlap: timedelta,
) -> ServiceAccountCreatedResponse:
    """A new token. The one before is good for ``overlap`` more; any earlier one, no longer."""
    if not service_account.is_active:
        raise Conflict("A deactivated service account has no credential to rotate.")
    service_account.credential_version += 1
    service_account.previous_version_until = func.now() + overlap
    hours = overlap / timedelta(hours=1)
    _record(session, account, "Service account credential rotated", service_account, overlap_hours=hours)
    _note(session, account, "service_account.rotated", service_account, overlap_hours=hours)
    return _with_token(service_account, issuer)


async def _links(session: AsyncSession, schools: Sequence[SchoolLink]) -> list[ServiceAccountSchool]:
    """Links to these schools; ``Invalid`` for a school that is unknown."""
    wanted = dict.fromkeys(school.wriveted_identifier for school in schools)
    found = set(await session.scalars(schools_among(wanted))) if wanted else set()
    faults = [
        FieldError(pointer("schools", place, "wriveted_identifier"), "not_found", "There is no such school.")
        for place, school in enumerate(schools)
        if school.wriveted_identifier not in found
    ]
    if faults:
        raise Invalid(errors=faults)
    return [ServiceAccountSchool(school_id=school_id) for school_id in wanted]


def _check_vendor(service_account: ServiceAccount) -> None:
    if service_account.is_vendor and (service_account.type is not ServiceAccountType.LMS or service_account.links):
        fault = "Only an account of type `lms` without linked schools serves every school."
        raise Invalid(errors=[FieldError("/is_vendor", "invalid", fault)])


def _record(
    session: AsyncSession, account: Account | None, title: str, service_account: ServiceAccount, **info: Any
) -> None:
    info |= {"id": str(service_account.id), "name": service_account.name}
    record(session, title, account=account, info={"service_account": info})


def _note(
    session: AsyncSession, account: Account | None, action: str, service_account: ServiceAccount, **details: Any
) -> None:
    note(session, action, account=account, subject=f"service_account:{service_account.id}", **details)


def _schools(service_account: ServiceAccount) -> list[str]:
    return sorted(str(link.school_id) for link in service_account.links)


def _with_token(service_account: ServiceAccount, issuer: Issuer) -> ServiceAccountCreatedResponse:
    brief = ServiceAccountBrief.model_validate(service_account)
    return ServiceAccountCreatedResponse(**brief.model_dump(), access_token=issuer.credential(service_account))
