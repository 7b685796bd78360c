"""Selects of people."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Select, func, select

from app.accounts.models import Student


def usernames_taken(schools: Collection[UUID], usernames: Collection[str]) -> Select[UUID, str]:
    """Which of these user names, in lower case, pupils of these schools have; with the school."""
    students = Student.__table__.c
    lower = func.lower(students.username)
    return select(students.school_id, lower).where(students.school_id.in_(schools), lower.in_(usernames))
