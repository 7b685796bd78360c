"""What an account is shown of a school: all of it, what it takes to recognise it, or what its bookbot has to know."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.schools import queries
from app.schools.models import School
from app.schools.schemas import (
    BookListID,
    CountryDetail,
    FoundSchool,
    SchoolBot,
    SchoolCollection,
    SchoolDetail,
    SchoolInfo,
    SchoolPlace,
    SchoolRecognised,
    SchoolSelectorOption,
    UserBrief,
)


async def describe(
    session: AsyncSession, account: Account, school: School, permissions: list[str] | None = None
) -> SchoolDetail:
    """Everything that there is to show of a school to an account, with its permissions if they are given."""
    row = (await session.execute(queries.surroundings(school, account.principals))).one()
    return SchoolDetail(
        wriveted_identifier=school.wriveted_identifier,
        name=school.name,
        official_identifier=school.official_identifier,
        country_code=school.country_code,
        state=school.state,
        subscription=None,
        collection=_collection(row, school.wriveted_identifier),
        country=CountryDetail(id=school.country_code, name=row.country_name),
        info=SchoolInfo.of(school.info),
        admins=_admins(row, account, school.wriveted_identifier),
        lms_type=school.lms_type,
        bookbot_type=school.bookbot_type,
        created_at=school.created_at,
        updated_at=school.updated_at,
        student_domain=school.student_domain,
        teacher_domain=school.teacher_domain,
        max_removal_percent=school.max_removal_percent,
        booklists=[BookListID.model_validate(each) for each in row.booklists or ()],
        permissions=permissions,
    )


def bot_of(school: School) -> SchoolBot:
    return SchoolBot(
        name=school.name,
        type=school.bookbot_type,
        experiments=SchoolInfo.of(school.info).experiments or {},
        supporter=False,
    )


def found_school(row: Row[Any], account: Account, permissions: list[str] | None) -> FoundSchool:
    identity = {
        "wriveted_identifier": row.wriveted_identifier,
        "name": row.name,
        "official_identifier": row.official_identifier,
        "country_code": row.country_code,
        "admins": _admins(row, account, row.wriveted_identifier),
        "permissions": permissions,
    }
    if not row.readable:
        return SchoolRecognised(**identity, info=SchoolPlace.of(row.info))
    return SchoolSelectorOption(
        **identity,
        state=row.state,
        subscription=None,
        collection=_collection(row, row.wriveted_identifier),
        info=SchoolInfo.of(row.info),
    )


def _collection(row: Row[Any], school_id: UUID) -> SchoolCollection | None:
    if row.collection_id is None:
        return None
    return SchoolCollection(
        id=row.collection_id,
        name=row.collection_name,
        book_count=row.book_count,
        school_id=school_id,
        user_id=None,
        updated_at=row.collection_updated_at,
    )


def _admins(row: Row[Any], account: Account, school_id: UUID) -> list[UserBrief]:
    """The admins whom the account may know of, their e-mail addresses if it is one of them or Huey Books' own staff."""
    found = [UserBrief.model_validate(each) for each in row.staff or ()]
    if account.is_admin or f"schooladmin:{school_id}" in account.principals:
        return found
    return [each.model_copy(update={"email": None}) for each in found]
