"""Selects on schools that are worth a name."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Select,
    Uuid,
    and_,
    column,
    false,
    func,
    literal_column,
    select,
    table,
    tuple_,
)

from app.core.acl import allowed
from app.core.text import fold
from app.schools.booklists import lists_seen
from app.schools.models import Country, School, SchoolState
from app.schools.schemas import SchoolFilters

COLLECTIONS = table(
    "collections",
    column("id", Uuid),
    column("name"),
    column("item_count"),
    column("school_id", Uuid),
    column("updated_at", DateTime(timezone=True)),
)
"""The columns that a school shows of its collection; the table's domain stands above this one."""

IN_BRIEF = (
    COLLECTIONS.c.id.label("collection_id"),
    COLLECTIONS.c.name.label("collection_name"),
    COLLECTIONS.c.item_count.label("book_count"),
    COLLECTIONS.c.updated_at.label("collection_updated_at"),
)

# Written as the indexes are, or they would not be used.
SIMPLE: ColumnElement[Any] = literal_column("'simple'::regconfig")
STATE = School.info.op("#>>")(literal_column("'{location,state}'"))
POSTCODE = School.info.op("#>>")(literal_column("'{location,postcode}'"))


def school_with(school_id: UUID) -> Select[School]:
    return select(School).where(School.wriveted_identifier == school_id)


def school_locked(school_id: UUID) -> Select[School]:
    """A school that is about to be changed: whoever else changes it waits, who refers to it does not."""
    return school_with(school_id).with_for_update(key_share=True)


def surroundings(school: School, principals: Collection[str]) -> Select[Any]:
    """What a school is shown with: its country's name, its collection, and its booklists as far as the caller sees."""
    booklists = lists_seen(school.wriveted_identifier, principals).label("booklists")
    return (
        select(Country.name.label("country_name"), booklists, *IN_BRIEF)
        .outerjoin(COLLECTIONS, COLLECTIONS.c.school_id == school.wriveted_identifier)
        .where(Country.id == school.country_code)
    )


def schools_matching(
    filters: SchoolFilters, principals: Collection[str], *, after: Sequence[Any] | None, skip: int, limit: int
) -> Select[Any]:
    """A page of schools, newest first, each with `readable`: whether the caller may see more than what it is.

    `after` is the (created_at, id) of the last school seen.
    """
    readable = allowed(School, "read", principals)
    page = (
        select(
            School.id,
            School.wriveted_identifier,
            School.name,
            School.official_identifier,
            School.country_code,
            School.state,
            School.info,
            School.created_at,
            readable.label("readable"),
            *IN_BRIEF,
        )
        .outerjoin(COLLECTIONS, COLLECTIONS.c.school_id == School.wriveted_identifier)
        .where(*_recognisable(filters), *_private(filters, readable))
        .order_by(School.created_at.desc(), School.id.desc())
        .offset(skip)
        .limit(limit)
    )
    if after is None:
        return page
    created_at, id_ = after
    return page.where(tuple_(School.created_at, School.id) < (datetime.fromisoformat(created_at), id_))


def _recognisable(filters: SchoolFilters) -> list[ColumnElement[bool]]:
    """The filters on what everybody may see."""
    asked: list[tuple[Any, str | None]] = [
        (School.country_code, filters.country_code),
        (STATE, filters.state),
        (POSTCODE, filters.postcode),
        (School.official_identifier, filters.official_identifier),
    ]
    clauses = [expression == value for expression, value in asked if value is not None]
    return clauses if filters.q is None or not filters.q.strip() else [*clauses, _named(filters.q)]


def _private(filters: SchoolFilters, readable: ColumnElement[bool]) -> list[ColumnElement[bool]]:
    """The filters on what only readers may see: a school that the caller may not read matches none of them."""
    clauses: list[ColumnElement[bool]] = []
    if filters.is_active is not None:
        active = School.state == SchoolState.ACTIVE
        clauses.append(active if filters.is_active else ~active)
    if filters.connected_collection is not None:
        connected = COLLECTIONS.c.id.is_not(None)
        clauses.append(connected if filters.connected_collection else ~connected)
    if filters.has_active_subscription:
        clauses.append(false())
    private = clauses or filters.has_active_subscription is not None
    return [and_(readable, *clauses)] if private else []


def _named(q: str) -> ColumnElement[bool]:
    """Whether each word of `q` begins a word of the name. Where `q` holds no word, no school is called so."""
    words = fold(q).split()  # letters, digits and marks alone: nothing that could end a quoted word
    if not words:
        return false()
    wanted = func.to_tsquery(SIMPLE, " & ".join(f"'{word}':*" for word in words))
    return func.to_tsvector(SIMPLE, School.search_name).bool_op("@@")(wanted)
