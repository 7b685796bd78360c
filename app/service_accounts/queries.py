"""Selects of service accounts. Schools stand on a higher floor, so they are joined by the name of their table."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, Uuid, column, func, or_, select, table, tuple_
from sqlalchemy.orm import selectinload

from app.accounts.models import ServiceAccount, ServiceAccountSchool
from app.core.acl_sql import allowed
from app.service_accounts.models import ApiKey, CredentialUse

schools = table(
    "schools",
    column("wriveted_identifier", Uuid),
    column("name", String),
    column("official_identifier", String),
    column("country_code", String),
)


def service_account_with_links(service_account_id: UUID) -> Select[ServiceAccount]:
    """A service account, and which schools it works for."""
    return (
        select(ServiceAccount)
        .where(ServiceAccount.id == service_account_id)
        .options(selectinload(ServiceAccount.links))
    )


def service_accounts_visible(
    principals: Collection[str],
    *,
    include_inactive: bool,
    after: tuple[str, UUID] | None,
    skip: int,
    limit: int,
) -> Select[*tuple[Any, ...]]:
    """One page of rows of the shape of ``ServiceAccountBrief`` that a caller may read, by name."""
    query = select(ServiceAccount.id, ServiceAccount.name, ServiceAccount.type, ServiceAccount.is_active).where(
        allowed(ServiceAccount, "read", principals)
    )
    if not include_inactive:
        query = query.where(ServiceAccount.is_active)
    if after is not None:
        query = query.where(tuple_(ServiceAccount.name, ServiceAccount.id) > after)
    return query.order_by(ServiceAccount.name, ServiceAccount.id).offset(skip).limit(limit)


def linked_schools(service_account_id: UUID) -> Select[*tuple[Any, ...]]:
    """The schools of a service account, as rows of the shape of ``LinkedSchool``, by name."""
    return (
        select(*schools.c)
        .join(ServiceAccountSchool, ServiceAccountSchool.school_id == schools.c.wriveted_identifier)
        .where(ServiceAccountSchool.service_account_id == service_account_id)
        .order_by(schools.c.name, schools.c.wriveted_identifier)
    )


def links_of(service_account_ids: Collection[UUID]) -> Select[*tuple[Any, ...]]:
    """Which schools these service accounts work for, as pairs of ids."""
    link = ServiceAccountSchool
    return select(link.service_account_id, link.school_id).where(link.service_account_id.in_(service_account_ids))


def schools_among(identifiers: Collection[UUID]) -> Select[UUID]:
    """Those of the identifiers that are a school's."""
    return select(schools.c.wriveted_identifier).where(schools.c.wriveted_identifier.in_(identifiers))


def last_use_of(service_account_id: UUID) -> Select[datetime | None]:
    """When a service account's token or one of its keys was last used."""
    keys = select("api_key:" + ApiKey.public_id).where(ApiKey.service_account_id == service_account_id)
    used = CredentialUse.credential
    return select(func.max(CredentialUse.used_at)).where(
        or_(used == f"service_account:{service_account_id}", used.in_(keys))
    )


def api_keys_with_uses() -> Select[*tuple[Any, ...]]:
    """Keys as rows of the shape of ``ApiKeyDetail``."""
    return select(
        ApiKey.id,
        ApiKey.public_id,
        ApiKey.name,
        ApiKey.scopes,
        ApiKey.school_ids.label("schools"),
        ApiKey.created_at,
        ApiKey.expires_at,
        ApiKey.replaced_at,
        ApiKey.revoked_at,
        CredentialUse.used_at.label("last_used_at"),
    ).outerjoin(CredentialUse, CredentialUse.credential == "api_key:" + ApiKey.public_id)


def api_keys_of(
    service_account_id: UUID, *, after: tuple[datetime, UUID] | None, skip: int, limit: int
) -> Select[*tuple[Any, ...]]:
    """One page of a service account's keys, the newest first."""
    query = api_keys_with_uses().where(ApiKey.service_account_id == service_account_id)
    if after is not None:
        query = query.where(tuple_(ApiKey.created_at, ApiKey.id) < after)
    return query.order_by(ApiKey.created_at.desc(), ApiKey.id.desc()).offset(skip).limit(limit)


def api_key_to_change(service_account_id: UUID, key_id: UUID) -> Select[ApiKey]:
    """A key of that account; whoever else would change it waits."""
    mine = ApiKey.id == key_id, ApiKey.service_account_id == service_account_id
    return select(ApiKey).where(*mine).with_for_update()


def key_known_as(public_id: str) -> Select[*tuple[ApiKey, ServiceAccount]]:
    """The key of this public id, and whose it is."""
    owner = ApiKey.service_account_id == ServiceAccount.id
    return select(ApiKey, ServiceAccount).join(ServiceAccount, owner).where(ApiKey.public_id == public_id)
