"""The verbs of schools."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import note
from app.core.account import Account
from app.core.db import transaction_of
from app.core.errors import AlreadyExists, FieldError, FieldForbidden, NotFound, pointer
from app.core.include import Included, permissions_if
from app.core.schemas import JsonObject
from app.core.text import fold
from app.events import service as events
from app.schools import queries
from app.schools.descriptions import describe, found_school
from app.schools.info import accepted_terms, changed_info, new_info, without_terms
from app.schools.models import School, SchoolBookbotType, SchoolState
from app.schools.schemas import FoundSchool, SchoolCreateIn, SchoolDetail, SchoolFilters, SchoolPatchOptions
from app.webhooks.models import WebhookEvent
from app.webhooks.service import announce

LMS_MAY_WRITE = frozenset({"lms_type", "max_removal_percent"})
CLEARED = {"lms_type": "none", "bookbot_type": SchoolBookbotType.HUEY_BOOKS}
"""What null means where a column cannot be NULL."""

SortKey = tuple[str, int]


async def find_schools(
    session: AsyncSession,
    account: Account,
    filters: SchoolFilters,
    include: Included = None,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> tuple[list[FoundSchool], SortKey | None]:
    """A page of schools, the newest first, and the sort key of the last; of those it may read the account sees more."""
    page = queries.schools_matching(filters, account.principals, after=after, skip=skip, limit=limit)
    rows, held = (await session.execute(page)).all(), account.principals
    found = [
        found_school(row, account, permissions_if(include, School(wriveted_identifier=row.wriveted_identifier), held))
        for row in rows
    ]
    return found, (rows[-1].created_at.isoformat(), rows[-1].id) if rows else None


async def school_by_id(session: AsyncSession, school_id: UUID, *, locked: bool = False) -> School:
    """Raises `NotFound`. `locked` keeps other writers away until the transaction ends."""
    one = queries.school_locked(school_id) if locked else queries.school_with(school_id)
    school = (await session.scalars(one)).one_or_none()
    if school is None:
        raise NotFound("No school has this identifier.")
    return school


async def create_school(session: AsyncSession, account: Account, given: SchoolCreateIn) -> SchoolDetail:
    """A new school, inactive at first. Raises `AlreadyExists` where its identifier is taken in its country."""
    school, *_ = await _insert(session, account, [given])
    if school is None:
        raise AlreadyExists(errors=[_taken("official_identifier")])
    events.record(
        session,
        "New school created",
        account=account,
        description=f"{school.name} created in {school.country_code}",
        school_id=school.wriveted_identifier,
        info={
            "name": school.name,
            "country_code": school.country_code,
            "official_identifier": given.official_identifier,
        },
    )
    return await describe(session, account, school)


async def create_schools(session: AsyncSession, account: Account, batch: Sequence[SchoolCreateIn]) -> int:
    """All of them, or `AlreadyExists`, which points at each whose identifier is taken, or given twice."""
    if not batch:
        return 0
    schools = await _insert(session, account, batch)
    taken = [_taken(index, "official_identifier") for index, school in enumerate(schools) if school is None]
    if taken:
        raise AlreadyExists(f"{len(taken)} of {len(batch)} schools exist already; none was added.", errors=taken)
    ids = [str(school.wriveted_identifier) for school in schools if school is not None]
    events.record(
        session,
        "Bulk created schools",
        account=account,
        description=f"{len(ids)} schools created",
        info={"count": len(ids), "wriveted_identifiers": ids},
    )
    return len(ids)


async def update_school(
    session: AsyncSession, account: Account, school: School, patch: SchoolPatchOptions
) -> SchoolDetail:
    """Change a school whose row is locked. Raises `FieldForbidden` and `Invalid`, after which nothing is written."""
    _refuse_fields(school, account, patch)
    info_before, changes = school.info, _changes(school, account, patch)
    for column, value in changes.items():
        setattr(school, column, value)
    if "name" in changes:
        school.search_name = fold(school.name)
    await session.flush()
    _record_changes(session, account, school, info_before, set(changes))
    if changes:
        await announce(session, WebhookEvent.SCHOOL_UPDATED, account=account, school_id=school.wriveted_identifier)
    return await describe(session, account, school)


async def delete_school(session: AsyncSession, account: Account, school: School) -> None:
    """Delete a school, with its classes, its collection and the links of service accounts. Its students are erased, its
    staff become readers without a school who are not active; events about it stay, unlinked."""
    await transaction_of(session).allow_bulk()
    values = {"id": school.wriveted_identifier}
    await session.execute(queries.school_to_end(school.wriveted_identifier))
    erased = (await session.scalars(queries.ERASE_STUDENTS, values)).one()
    released = (await session.scalars(queries.RELEASE_STAFF, values)).all()
    await session.execute(delete(School).where(School.wriveted_identifier == school.wriveted_identifier))
    _note(session, "school.deleted", account, school)
    _note_people(session, account, school, erased, released)
    events.record(
        session,
        "School Deleted",
        account=account,
        description=f"{school.name} deleted",
        info={
            "wriveted_identifier": str(school.wriveted_identifier),
            "name": school.name,
            "country_code": school.country_code,
            "official_identifier": school.official_identifier,
        },
    )


async def _insert(session: AsyncSession, account: Account, batch: Sequence[SchoolCreateIn]) -> list[School | None]:
    """The schools of a batch, in its order, None where the identifier is taken: one statement.

    Rows go in the order of their identifiers, so that two batches wait for each other instead of both failing.
    """
    rows = [_row(given, account) for given in batch]
    inserted = await session.scalars(
        insert(School)
        .on_conflict_do_nothing(index_elements=[School.country_code, School.official_identifier])
        .returning(School),
        sorted(rows, key=lambda row: (row["country_code"], row["official_identifier"] or "")),
    )
    schools = {school.wriveted_identifier: school for school in inserted}
    return [schools.get(row["wriveted_identifier"]) for row in rows]


def _row(given: SchoolCreateIn, account: Account) -> JsonObject:
    return {
        "wriveted_identifier": uuid4(),
        "country_code": given.country_code,
        "official_identifier": given.official_identifier,
        "state": SchoolState.INACTIVE,
        "name": given.name,
        "search_name": fold(given.name),
        "student_domain": given.student_domain,
        "teacher_domain": given.teacher_domain,
        "bookbot_type": given.bookbot_type or CLEARED["bookbot_type"],
        "lms_type": given.lms_type or CLEARED["lms_type"],
        "info": new_info(given.info, account),
    }


def _taken(*path: str | int) -> FieldError:
    return FieldError(pointer(*path), "already_exists", "A school of this country has this identifier.")


def _refuse_fields(school: School, account: Account, patch: SchoolPatchOptions) -> None:
    if account.is_admin or f"schooladmin:{school.wriveted_identifier}" in account.principals:
        return
    forbidden = sorted(patch.model_fields_set - LMS_MAY_WRITE)
    if forbidden:
        why = f"Your account may write {' and '.join(sorted(LMS_MAY_WRITE))}."
        raise FieldForbidden(errors=[FieldError(pointer(name), "field_forbidden", why) for name in forbidden])


def _changes(school: School, account: Account, patch: SchoolPatchOptions) -> JsonObject:
    """The columns that a patch changes, with their new values."""
    wanted = {name: getattr(patch, name) for name in patch.model_fields_set}
    wanted = {name: CLEARED.get(name) if value is None else value for name, value in wanted.items()}
    if "status" in wanted:
        wanted["state"] = wanted.pop("status")
    if "info" in wanted:
        wanted["info"] = changed_info(school.info, wanted["info"], account)
    return {name: value for name, value in wanted.items() if value != getattr(school, name)}


def _record_changes(
    session: AsyncSession, account: Account, school: School, info_before: JsonObject, changed: set[str]
) -> None:
    school_id = school.wriveted_identifier
    if "state" in changed:
        title = f"School account made {school.state.upper()}"
        events.record(session, title, account=account, description=school.name, school_id=school_id)
        _note(session, "school.state_changed", account, school, state=school.state)
    terms = accepted_terms(school.info)
    if terms is not None and terms != accepted_terms(info_before):
        title = "Huey Books terms accepted"
        events.record(session, title, account=account, description=school.name, school_id=school_id, info=terms)
        _note(session, "school.terms_accepted", account, school, version=terms["version"])
    if without_terms(school.info) == without_terms(info_before):
        changed = changed - {"info"}
    if changed:
        events.record(
            session,
            "School Updated",
            account=account,
            description=f"{school.name}: {', '.join(sorted(changed))}",
            school_id=school_id,
            info={"changed": sorted(changed)},
        )


def _note(session: AsyncSession, action: str, account: Account, school: School, **details: Any) -> None:
    school_id = school.wriveted_identifier
    note(session, action, account=account, subject=f"school:{school_id}", school_id=school_id, **details)


def _note_people(
    session: AsyncSession, account: Account, school: School, erased: int, released: Sequence[UUID]
) -> None:
    """Put on record what became of the people of a school that is deleted."""
    subject, school_id = f"school:{school.wriveted_identifier}", school.wriveted_identifier
    if erased:
        note(session, "user.deleted", account=account, subject=subject, school_id=school_id, students=erased)
    if released:
        ids = [str(each) for each in released]
        note(session, "user.type_changed", account=account, subject=subject, school_id=school_id, user_ids=ids)
