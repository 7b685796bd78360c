"""Selects of service accounts. Schools stand on a higher floor, so they are joined by the name of their table."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import Select, String, Uuid, column, select, table, tuple_
from sqlalchemy.orm import selectinload

from app.accounts.models import ServiceAccount, ServiceAccountSchool
from app.core.acl import allowed

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
