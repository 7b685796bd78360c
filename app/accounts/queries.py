"""Selects of accounts."""

from uuid import UUID

from sqlalchemy import Select, func, select

from app.accounts.models import User


def user_called(email_or_id: str) -> Select[User]:
    """The person of this e-mail address, in any case, or this id."""
    try:
        return select(User).where(User.id == UUID(email_or_id))
    except ValueError:
        return select(User).where(func.lower(User.email) == email_or_id.lower())
