"""Selects on classes that are worth a name."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy import ColumnElement, ScalarSelect, Select, Table, func, literal, select, text, tuple_

from app.accounts.models import Reader, Student, User
from app.classes.models import ClassGroup
from app.classes.schemas import ClassFilters
from app.core.acl_sql import allowed

MOST_STUDENTS = 1_000
STUDENTS, READERS, USERS = (cast(Table, kind.__table__) for kind in (Student, Reader, User))

# The class goes, and the foreign key takes its students out of it.
DISSOLVE = text(
    """WITH leaving AS (SELECT id FROM students WHERE class_group_id = :id ORDER BY id FOR UPDATE),
            deactivated AS (UPDATE users SET is_active = false, updated_at = now()
                             WHERE id IN (SELECT id FROM leaving) AND is_active RETURNING id)
       DELETE FROM class_groups WHERE id = :id
       RETURNING (SELECT count(*) FROM leaving), ARRAY(SELECT id FROM deactivated ORDER BY id)"""
)


def class_with(class_id: UUID) -> Select[ClassGroup]:
    return select(ClassGroup).where(ClassGroup.id == class_id)


def class_locked(class_id: UUID) -> Select[ClassGroup]:
    """A class that is about to be changed: whoever else changes it waits, who joins it does not."""
    return class_with(class_id).with_for_update(key_share=True)


def student_count(class_id: Any) -> ScalarSelect[int]:
    number = select(func.count()).select_from(STUDENTS).where(STUDENTS.c.class_group_id == class_id)
    return number.scalar_subquery()


def classes_matching(
    filters: ClassFilters, principals: Collection[str], *, after: Sequence[Any] | None, skip: int, limit: int
) -> Select[Any]:
    """A page of the classes that the caller may read, by name. `after` is the (name, id) of the last one seen."""
    page = (
        select(*_in_brief())
        .where(*_matching(filters, principals))
        .order_by(ClassGroup.name, ClassGroup.id)
        .offset(skip)
        .limit(limit)
    )
    if after is None:
        return page
    name, id_ = after
    return page.where(tuple_(ClassGroup.name, ClassGroup.id) > (name, UUID(id_)))


def _in_brief() -> list[Any]:
    count = student_count(ClassGroup.id).label("student_count")
    return [ClassGroup.id, ClassGroup.school_id, ClassGroup.name, ClassGroup.updated_at, count]


def number_matching(filters: ClassFilters, principals: Collection[str]) -> Select[int]:
    return select(func.count()).select_from(ClassGroup).where(*_matching(filters, principals))


def _matching(filters: ClassFilters, principals: Collection[str]) -> list[ColumnElement[bool]]:
    clauses = [allowed(ClassGroup, "read", principals)]
    if filters.school_id is not None:
        clauses.append(ClassGroup.school_id == filters.school_id)
    if filters.query is not None:
        clauses.append(ClassGroup.name.icontains(filters.query, autoescape=True))
    return clauses


def taken(school_id: UUID, name: str, marks: Sequence[bytes]) -> Select[Any]:
    """Whether the school has a class of this name, and whether any class has the code of these marks."""
    named = select(ClassGroup.id).where(ClassGroup.school_id == school_id, ClassGroup.name == name)
    asked: list[Any] = [named.exists().label("name"), coded(marks).label("code")]
    return select(*asked)


def coded(marks: Sequence[bytes]) -> ColumnElement[bool]:
    """Whether any class has the code of these marks."""
    return select(literal(1)).where(ClassGroup.join_code_hash.in_(marks)).exists()


def students_of(class_id: UUID) -> Select[Any]:
    """Who is in a class, by name."""
    return (
        select(
            STUDENTS.c.id,
            USERS.c.name,
            USERS.c.is_active,
            READERS.c.first_name,
            READERS.c.last_name_initial,
            STUDENTS.c.username,
        )
        .select_from(STUDENTS.join(READERS, READERS.c.id == STUDENTS.c.id).join(USERS, USERS.c.id == STUDENTS.c.id))
        .where(STUDENTS.c.class_group_id == class_id)
        .order_by(READERS.c.first_name, READERS.c.last_name_initial, STUDENTS.c.id)
        .limit(MOST_STUDENTS)
    )


def students_to_move(school_id: UUID, ids: Iterable[UUID]) -> Select[Any]:
    """Those of them who are students of the school, each with the present class, locked in one order."""
    return (
        select(STUDENTS.c.id, STUDENTS.c.class_group_id)
        .where(STUDENTS.c.school_id == school_id, STUDENTS.c.id.in_(list(ids)))
        .order_by(STUDENTS.c.id)
        .with_for_update(key_share=True)
    )
