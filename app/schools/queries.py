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
    case,
    column,
    false,
    func,
    literal_column,
    select,
    table,
    text,
    tuple_,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.acl_sql import allowed
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


STAFF: ColumnElement[Any] = literal_column(
    """(SELECT jsonb_agg(jsonb_build_object('id', id, 'type', u.type, 'name', u.name, 'email', u.email,
                                            'is_active', u.is_active, 'last_login_at', u.last_login_at)
                         ORDER BY u.name, id)
        FROM school_admins JOIN educators USING (id) JOIN users AS u USING (id)
        WHERE educators.school_id = schools.wriveted_identifier)""",
    JSONB,
)

# A school that is deleted takes its pupils along. Its staff stay as what is left of an account without a school:
# readers who are not active, so that nothing is known of them that no account has.
ERASE_STUDENTS = text(
    """WITH erased AS (DELETE FROM users USING students
                        WHERE students.id = users.id AND students.school_id = :id RETURNING users.id)
       SELECT count(*) FROM erased"""
)
RELEASE_STAFF = text(
    """WITH staff AS (DELETE FROM educators WHERE school_id = :id RETURNING id),
            readers AS (INSERT INTO readers (id) SELECT id FROM staff),
            public AS (INSERT INTO public_readers (id) SELECT id FROM staff)
       UPDATE users SET type = 'public', is_active = false, tokens_valid_after = now(), updated_at = now()
       WHERE id IN (SELECT id FROM staff) RETURNING id"""
)


def school_with(school_id: UUID) -> Select[School]:
    return select(School).where(School.wriveted_identifier == school_id)


def school_locked(school_id: UUID) -> Select[School]:
    """A school that is about to be changed: whoever else changes it waits, who refers to it does not."""
    return school_with(school_id).with_for_update(key_share=True)


def staff_seen(principals: Collection[str]) -> ColumnElement[Any]:
    """The admins of a school, by name, as a JSON array: NULL where there are none, or the caller may not know them."""
    return case((allowed(School, "read-staff", principals), STAFF)).label("staff")


def school_to_end(school_id: UUID) -> Select[UUID]:
    """Keeps away whoever would refer to the school: nobody joins it while it is deleted."""
    return select(School.wriveted_identifier).where(School.wriveted_identifier == school_id).with_for_update()


def surroundings(school: School, principals: Collection[str]) -> Select[Any]:
    """What a school is shown with: its country, its collection, and its admins and lists as far as the caller sees."""
    booklists = lists_seen(school.wriveted_identifier, principals).label("booklists")
    return (
        select(Country.name.label("country_name"), staff_seen(principals), booklists, *IN_BRIEF)
        .select_from(School)
        .join(Country, Country.id == School.country_code)
        .outerjoin(COLLECTIONS, COLLECTIONS.c.school_id == school.wriveted_identifier)
        .where(School.wriveted_identifier == school.wriveted_identifier)
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
            staff_seen(principals),
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
