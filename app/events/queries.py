"""Selects of events. Schools and accounts stand on higher floors, so they are joined by the names of their tables."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Boolean,
    ColumnElement,
    FromClause,
    Select,
    String,
    Uuid,
    case,
    cast,
    column,
    exists,
    func,
    literal_column,
    or_,
    select,
    table,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.orm import aliased

from app.core.acl_sql import allowed
from app.events.models import Event, EventLevel
from app.events.schemas import EventFilter

schools = table("schools", column("wriveted_identifier", Uuid), column("name", String))
users = table("users", column("id", Uuid), column("type", String), column("name", String))
service_accounts = table(
    "service_accounts",
    column("id", Uuid),
    column("name", String),
    column("type", String),
    column("is_active", Boolean),
)


def events_with_identities() -> Select[*tuple[Any, ...]]:
    """Events as rows of the shape of ``EventDetail``, in no order."""
    return (
        select(
            Event.id,
            Event.title,
            Event.description,
            Event.level,
            Event.timestamp,
            Event.info,
            _identity(schools, schools.c.wriveted_identifier).label("school"),
            _identity(users, users.c.id).label("user"),
            _identity(service_accounts, service_accounts.c.id).label("service_account"),
        )
        .outerjoin(schools, schools.c.wriveted_identifier == Event.school_id)
        .outerjoin(users, users.c.id == Event.user_id)
        .outerjoin(service_accounts, service_accounts.c.id == Event.service_account_id)
    )


def events_matching(
    wanted: EventFilter,
    principals: Collection[str],
    *,
    after: tuple[datetime, UUID] | None,
    skip: int,
    limit: int,
) -> Select[*tuple[Any, ...]]:
    """One page of the events that a caller may read, the newest first, from the one after ``after``."""
    query = events_with_identities().where(allowed(Event, "read", principals), *_conditions(wanted))
    if after is not None:
        query = query.where(tuple_(Event.timestamp, Event.id) < after)
    return query.order_by(Event.timestamp.desc(), Event.id.desc()).offset(skip).limit(limit)


def latest_events_of(service_account_id: UUID, principals: Collection[str], *, limit: int) -> Select[Event]:
    """What a service account did last, as far as a caller may read it."""
    return (
        select(Event)
        .where(Event.service_account_id == service_account_id, allowed(Event, "read", principals))
        .order_by(Event.timestamp.desc(), Event.id.desc())
        .limit(limit)
    )


def titles_visible(
    principals: Collection[str], level: EventLevel | None, *, after: str | None, skip: int, limit: int
) -> Select[str]:
    """One page of the different titles among the events that a caller may read."""
    query = select(Event.title).where(allowed(Event, "read", principals), *_at_least(level)).distinct()
    if after is not None:
        query = query.where(Event.title > after)
    return query.order_by(Event.title).offset(skip).limit(limit)


def all_titles(level: EventLevel | None, *, after: str | None, skip: int, limit: int) -> Select[str]:
    """One page of the different titles of all events: one probe of the title index for each, however many rows."""
    first = select(func.min(Event.title).label("title"))
    if after is not None:
        first = first.where(Event.title > after)
    found = first.cte("found", recursive=True)
    following = aliased(Event)
    step = select(func.min(following.title)).where(following.title > found.c.title).scalar_subquery()
    found = found.union_all(select(step).where(found.c.title.is_not(None)))
    query = select(found.c.title).where(found.c.title.is_not(None))
    if level is not None:
        query = query.where(exists().where(Event.title == found.c.title, *_at_least(level)))
    return query.order_by(found.c.title).offset(skip).limit(limit)


def _identity(source: FromClause, key: ColumnElement[UUID]) -> ColumnElement[dict[str, Any]]:
    """The joined row as an object of its columns, or NULL where nothing was joined."""
    pairs = [part for each in source.c for part in (literal_column(f"'{each.key}'"), each)]
    return case((key.is_not(None), func.jsonb_build_object(*pairs, type_=JSONB)))


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    conditions = _at_least(wanted.level)
    if wanted.titles:
        matches = Event.title.startswith if wanted.match_prefix else Event.title.contains
        conditions.append(or_(*(matches(text, autoescape=True) for text in wanted.titles)))
    if wanted.school_id is not None:
        conditions.append(Event.school_id == wanted.school_id)
    if wanted.user_id is not None:
        conditions.append(Event.user_id == wanted.user_id)
    if wanted.service_account_id is not None:
        conditions.append(Event.service_account_id == wanted.service_account_id)
    if wanted.since is not None:
        conditions.append(Event.timestamp >= wanted.since)
    if wanted.info_path is not None:
        conditions.append(func.jsonb_path_match(Event.info, cast(wanted.info_path, JSONPATH), type_=Boolean()))
    return conditions


def _at_least(level: EventLevel | None) -> list[ColumnElement[bool]]:
    if level is None:
        return []
    levels = list(EventLevel)
    return [Event.level.in_(levels[levels.index(level) :])]
