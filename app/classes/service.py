"""The verbs of classes."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import UserAccountType
from app.audit.service import note
from app.classes import queries
from app.classes.codes import Codes
from app.classes.members import move_students
from app.classes.models import ClassGroup
from app.classes.schemas import (
    AnyClassGroup,
    ClassFilters,
    ClassGroupBrief,
    ClassGroupBriefWithJoiningCode,
    ClassGroupCreateIn,
    ClassGroupDetail,
    ClassGroupUpdateIn,
    Classmate,
    OwnClass,
    StudentIdentity,
)
from app.core.account import Account
from app.core.acl import may
from app.core.errors import AlreadyExists, FieldError, Invalid, NotFound, Unavailable
from app.core.include import Included, permissions_if
from app.events import service as events
from app.schools.models import School
from app.schools.schemas import SchoolIdentity
from app.schools.service import school_by_id

TRIES = range(10)
"""For a code that no class has: each fails for one in 191 million and class."""
NAME_TAKEN = FieldError("/name", "already_exists", "A class of this school has this name.")
SortKey = tuple[str, str]


async def list_classes(
    session: AsyncSession,
    account: Account,
    filters: ClassFilters,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
    include: Included = None,
) -> tuple[list[ClassGroupBrief], int | None]:
    """A page of the classes that the account may read, by name; on the first page also how many there are."""
    page = queries.classes_matching(filters, account.principals, after=after, skip=skip, limit=limit)
    found = [ClassGroupBrief.model_validate(row) for row in await session.execute(page)]
    for each in found:
        row = ClassGroup(id=each.id, school_id=each.school_id)
        each.permissions = permissions_if(include, row, account.principals)
    if after is not None:
        return found, None
    return found, (await session.scalars(queries.number_matching(filters, account.principals))).one()


async def class_by_id(session: AsyncSession, class_id: UUID, *, locked: bool = False) -> ClassGroup:
    """Raises `NotFound`. `locked` keeps other writers away until the transaction ends."""
    one = queries.class_locked(class_id) if locked else queries.class_with(class_id)
    group = (await session.scalars(one)).one_or_none()
    if group is None:
        raise NotFound("No class has this identifier.")
    return group


async def create_class(
    session: AsyncSession, account: Account, codes: Codes, school_id: UUID, given: ClassGroupCreateIn
) -> ClassGroupBriefWithJoiningCode:
    """A new class with a code of its own. Raises `AlreadyExists` where the school has one of this name."""
    if given.school_id not in (None, school_id):
        raise Invalid(errors=[FieldError("/school_id", "contradicts_path", "The path names another school.")])
    group = await _insert(session, codes, school_id, given.name)
    events.record(
        session,
        "New class created",
        account=account,
        description=f"{group.name} created",
        school_id=school_id,
        info={"class_group_id": str(group.id), "name": group.name},
    )
    return _with_code(codes, group, 0)


async def describe(
    session: AsyncSession, account: Account, codes: Codes, group: ClassGroup, include: Included = None
) -> AnyClassGroup:
    """A class as far as the account sees it: its school's staff all of it, who is in it its code and the others'
    names, everybody else of the school how large it is."""
    shown = await _shown(session, account, codes, group)
    shown.permissions = permissions_if(include, group, account.principals)
    return shown


async def _shown(session: AsyncSession, account: Account, codes: Codes, group: ClassGroup) -> AnyClassGroup:
    brief = await _brief(session, group)
    if may(group, "update", account.principals):
        school = SchoolIdentity.model_validate(await school_by_id(session, group.school_id))
        return ClassGroupDetail(
            **_with_code(codes, group, brief.student_count).model_dump(),
            students=[
                StudentIdentity(**_identity(row), id=row.id, name=row.name, username=row.username, school=school)
                for row in await session.execute(queries.students_of(group.id))
            ],
        )
    if f"class:{group.id}" in account.principals:
        return OwnClass(
            **brief.model_dump(),
            join_code=codes.shown(group),
            students=[
                Classmate.model_validate(row)
                for row in await session.execute(queries.students_of(group.id))
                if row.is_active
            ],
        )
    return brief


async def update_class(
    session: AsyncSession, account: Account, codes: Codes, group: ClassGroup, given: ClassGroupUpdateIn
) -> AnyClassGroup:
    """Change a class whose row is locked. Raises `Invalid` and `AlreadyExists`, after which nothing is written."""
    wanted = {name: getattr(given, name) for name in given.model_fields_set & {"name", "note"}}
    changed = {name: value for name, value in wanted.items() if value != getattr(group, name)}
    for column, value in changed.items():
        setattr(group, column, value)
    try:
        await session.flush()
    except IntegrityError:
        raise AlreadyExists(errors=[NAME_TAKEN]) from None
    moved = await move_students(session, group, given.members or [])
    for member in given.members or ():
        note(
            session,
            "user.rights_changed",
            account=account,
            subject=f"user:{member.user_id}",
            school_id=group.school_id,
            fields=["class_group_id"],
        )
    if changed or moved:
        events.record(
            session,
            "Class Updated",
            account=account,
            description=f"{group.name} updated",
            school_id=group.school_id,
            info={"class_group_id": str(group.id), "changed": sorted(changed), **moved},
        )
    return await describe(session, account, codes, group)


async def rotate_code(
    session: AsyncSession, account: Account, codes: Codes, group: ClassGroup
) -> ClassGroupBriefWithJoiningCode:
    """A new code, good for its whole lifetime. The old one is worth nothing from now on."""
    for _ in TRIES:
        columns, marks = codes.new(group.id)
        statement = (
            update(ClassGroup).where(ClassGroup.id == group.id, ~queries.coded(marks)).values(**columns)
        ).returning(ClassGroup)
        rotated = (await session.scalars(statement, execution_options={"populate_existing": True})).one_or_none()
        if rotated is not None:
            break
    else:
        raise Unavailable
    note(
        session,
        "class_code.rotated",
        account=account,
        subject=f"class_group:{group.id}",
        school_id=group.school_id,
    )
    events.record(
        session,
        "Class code rotated",
        account=account,
        description=f"{group.name} has a new code",
        school_id=group.school_id,
        info={"class_group_id": str(group.id)},
    )
    return _with_code(codes, rotated, (await _brief(session, rotated)).student_count)


async def delete_class(session: AsyncSession, account: Account, group: ClassGroup) -> ClassGroupBrief:
    """Delete a class. Its students stay students of the school, without a class and deactivated: without a class they
    have no way to sign in, and somebody should decide which class they go to."""
    count, deactivated = (await session.execute(queries.DISSOLVE, {"id": group.id})).one()
    if deactivated:
        note(
            session,
            "user.deactivated",
            account=account,
            subject=f"class_group:{group.id}",
            school_id=group.school_id,
            user_ids=[str(each) for each in deactivated],
        )
    events.record(
        session,
        "Class Deleted",
        account=account,
        description=f"{group.name} deleted",
        school_id=group.school_id,
        info={"class_group_id": str(group.id), "name": group.name, "student_count": count},
    )
    return _brief_of(group, count)


async def unborn_class(session: AsyncSession, school_id: UUID) -> ClassGroup:
    """A class that the school might get, to ask whether somebody may create it. Raises `NotFound`."""
    school: School = await school_by_id(session, school_id)
    return ClassGroup(school_id=school.wriveted_identifier)


async def _insert(session: AsyncSession, codes: Codes, school_id: UUID, name: str) -> ClassGroup:
    for _ in TRIES:
        class_id = uuid4()
        columns, marks = codes.new(class_id)
        known = (await session.execute(queries.taken(school_id, name, marks))).one()
        if known.name:
            raise AlreadyExists(errors=[NAME_TAKEN])
        if known.code:
            continue
        statement = insert(ClassGroup).values(id=class_id, school_id=school_id, name=name, **columns)
        group = (await session.scalars(statement.on_conflict_do_nothing().returning(ClassGroup))).one_or_none()
        if group is not None:
            return group
    raise Unavailable


async def _brief(session: AsyncSession, group: ClassGroup) -> ClassGroupBrief:
    counted = select(queries.student_count(group.id))
    return _brief_of(group, (await session.scalars(counted)).one())


def _brief_of(group: ClassGroup, students: int) -> ClassGroupBrief:
    return ClassGroupBrief(
        id=group.id, school_id=group.school_id, name=group.name, student_count=students, updated_at=group.updated_at
    )


def _with_code(codes: Codes, group: ClassGroup, students: int) -> ClassGroupBriefWithJoiningCode:
    return ClassGroupBriefWithJoiningCode(
        **_brief_of(group, students).model_dump(),
        note=group.note,
        join_code=codes.shown(group),
        join_code_expires_at=group.join_code_expires_at,
    )


def _identity(row: Any) -> dict[str, Any]:
    return {
        "type": UserAccountType.STUDENT,
        "first_name": row.first_name,
        "last_name_initial": row.last_name_initial,
    }
