"""The doors of service accounts."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from app.accounts.doors import TokenIssuer
from app.accounts.models import ServiceAccount
from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.include import Include
from app.core.paging import Pages
from app.core.requests import Door
from app.service_accounts import service
from app.service_accounts.schemas import (
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
    service_account: Annotated[ServiceAccount, Permission("update", service_account_to_change)],
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
    service_account: Annotated[ServiceAccount, Permission("update", service_account_to_change)],
    caller: Caller,
    session: Session,
    issuer: TokenIssuer,
    given: ServiceAccountRotateIn | None = None,
) -> ServiceAccountCreatedResponse:
    """Give a service account a new token, while the present one works on for the hours of the overlap."""
    overlap = timedelta(hours=(given or ServiceAccountRotateIn()).overlap_hours)
    return await service.rotate_credential(session, caller, issuer, service_account, overlap=overlap)
