"""The doors of service accounts."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from app.accounts.doors import KeyMaker, TokenIssuer
from app.accounts.models import ServiceAccount
from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.include import Include
from app.core.paging import Pages
from app.core.requests import Door
from app.service_accounts import keys, service
from app.service_accounts.models import ApiKey
from app.service_accounts.schemas import (
    ApiKeyCreatedResponse,
    ApiKeyCreateIn,
    ApiKeyDetail,
    ApiKeyRotateIn,
    ServiceAccountBrief,
    ServiceAccountCreatedResponse,
    ServiceAccountCreateIn,
    ServiceAccountDetail,
    ServiceAccountFound,
    ServiceAccountRotateIn,
    ServiceAccountUpdateIn,
)

router = APIRouter(prefix="/v1", tags=["accounts"], route_class=Door)


async def service_account_by_id(service_account_id: UUID, session: Session) -> ServiceAccount:
    return await service.get_service_account(session, service_account_id)


async def service_account_to_change(service_account_id: UUID, session: Session) -> ServiceAccount:
    return await service.get_service_account(session, service_account_id, to_change=True)


Changeable = Annotated[ServiceAccount, Permission("update", service_account_to_change)]


async def key_to_change(service_account: Changeable, key_id: UUID, session: Session) -> ApiKey:
    return await keys.get_key(session, service_account, key_id)


ChangeableKey = Annotated[ApiKey, Depends(key_to_change)]


async def unborn_service_account() -> ServiceAccount:
    return ServiceAccount(links=[])


@router.get("/service-accounts")
async def get_service_accounts(
    caller: Caller, session: Session, pages: Pages, include_inactive: bool = False, include: Include = None
) -> list[ServiceAccountFound]:
    """The service accounts that you may read, by name: a school's staff, those that are linked to the school."""
    after = None if pages.after is None else (str(pages.after[0]), UUID(pages.after[1]))
    found = await service.list_service_accounts(
        session, caller, include, include_inactive=include_inactive, after=after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(found), (found[-1].name, str(found[-1].id)) if found else None)
    return found


@router.post("/service-account", dependencies=[Permission("create", unborn_service_account)])
async def create_service_account(
    given: ServiceAccountCreateIn, caller: Caller, session: Session, issuer: TokenIssuer
) -> ServiceAccountCreatedResponse:
    """Create an account for a program. Its token is in this answer, and nowhere else."""
    return await service.create_service_account(session, caller, issuer, given)


@router.get("/service-account/{service_account_id}")
async def get_service_account(
    service_account: Annotated[ServiceAccount, Permission("read", service_account_by_id)],
    caller: Caller,
    session: Session,
    include: Include = None,
) -> ServiceAccountDetail:
    """A service account with its schools, and what it did last."""
    return await service.describe_service_account(session, caller, service_account, include)


@router.put("/service-account/{service_account_id}")
async def update_service_account(
    service_account: Changeable,
    given: ServiceAccountUpdateIn,
    caller: Caller,
    session: Session,
) -> ServiceAccountDetail:
    """Replace what the body names; what it leaves out stays."""
    return await service.update_service_account(session, caller, service_account, given)


@router.delete("/service-account/{service_account_id}")
async def delete_service_account(
    service_account: Annotated[ServiceAccount, Permission("delete", service_account_to_change)],
    caller: Caller,
    session: Session,
) -> ServiceAccountBrief:
    """Deactivate a service account: its tokens are refused from now on."""
    return await service.deactivate_service_account(session, caller, service_account)


@router.post("/service-account/{service_account_id}/rotate")
async def rotate_service_account_credential(
    service_account: Changeable,
    caller: Caller,
    session: Session,
    issuer: TokenIssuer,
    given: ServiceAccountRotateIn | None = None,
) -> ServiceAccountCreatedResponse:
    """Give a service account a new token, while the present one works on for the hours of the overlap."""
    overlap = timedelta(hours=(given or ServiceAccountRotateIn()).overlap_hours)
    return await service.rotate_credential(session, caller, issuer, service_account, overlap=overlap)


@router.get("/service-account/{service_account_id}/keys")
async def get_api_keys(
    service_account: Annotated[ServiceAccount, Permission("update", service_account_by_id)],
    caller: Caller,
    session: Session,
    pages: Pages,
) -> list[ApiKeyDetail]:
    """The API keys of a service account, the newest first, without their secrets."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await keys.list_keys(session, service_account, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].created_at.isoformat(), str(found[-1].id)) if found else None)
    return found


@router.post("/service-account/{service_account_id}/keys")
async def create_api_key(
    service_account: Changeable, given: ApiKeyCreateIn, caller: Caller, session: Session, maker: KeyMaker
) -> ApiKeyCreatedResponse:
    """Make an API key of a service account. The key is in this answer, and nowhere else.

    It may do what its account may, as far as its scopes go, and for its schools alone if it names some. It is sent as
    `Authorization: Bearer <key>` or as `X-Api-Key`.
    """
    return await keys.create_key(session, caller, maker, service_account, given)


@router.post("/service-account/{service_account_id}/key/{key_id}/rotate")
async def rotate_api_key(
    service_account: Changeable,
    key: ChangeableKey,
    caller: Caller,
    session: Session,
    maker: KeyMaker,
    given: ApiKeyRotateIn | None = None,
) -> ApiKeyCreatedResponse:
    """Make a new key for the same and for as many days, while the present one works on for the hours of the overlap."""
    overlap = timedelta(hours=(given or ApiKeyRotateIn()).overlap_hours)
    return await keys.rotate_key(session, caller, maker, service_account, key, overlap=overlap)


@router.delete("/service-account/{service_account_id}/key/{key_id}")
async def revoke_api_key(
    service_account: Changeable, key: ChangeableKey, caller: Caller, session: Session
) -> ApiKeyDetail:
    """Revoke an API key: it is refused from now on, everywhere."""
    return await keys.revoke_key(session, caller, service_account, key)
