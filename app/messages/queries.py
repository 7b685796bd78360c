"""Selects of e-mail."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, or_, select, tuple_

from app.accounts.models import User, UserAccountType
from app.messages.models import Category, Suppression

ANY_CATEGORY: Any = object()


def suppressions_matching(
    marks: Sequence[bytes] | None,
    *,
    category: Category | None = ANY_CATEGORY,
    after: tuple[datetime, UUID] | None = None,
) -> Select[Suppression]:
    """What is not sent, the newest first: to an address of these marks, and of that category, where they are given."""
    query = select(Suppression)
    if marks is not None:
        query = query.where(Suppression.mark.in_(marks))
    if category is not ANY_CATEGORY:
        query = query.where(Suppression.category.is_not_distinct_from(category))
    if after is not None:
        query = query.where(tuple_(Suppression.created_at, Suppression.id) < after)
    return query.order_by(Suppression.created_at.desc(), Suppression.id.desc())


def is_suppressed(marks: Sequence[bytes], category: Category) -> Select[bool]:
    """Whether an address of these marks is not to get e-mail of the category."""
    unwanted = select(Suppression.id).where(
        Suppression.mark.in_(marks), or_(Suppression.category.is_(None), Suppression.category == category)
    )
    return select(unwanted.exists())


def recipient(user_id: UUID) -> Select[str | None, UserAccountType]:
    """The address of a person who is active, and what kind the person is."""
    return select(User.email, User.type).where(User.id == user_id, User.is_active)


def belongs_to_pupil(address: str) -> Select[bool]:
    pupil = select(User.id).where(func.lower(User.email) == address.lower(), User.type == UserAccountType.STUDENT)
    return select(pupil.exists())
