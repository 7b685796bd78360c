"""What the database says no to when people are stored, in our words."""

from collections.abc import Iterable

from psycopg import errors as postgres
from sqlalchemy.exc import IntegrityError

from app.core.errors import AlreadyExists, Busy, FieldError, Problem

EMAIL = "uq_users_lower_email"
USERNAME = "uq_students_school_id_lower_username"


def refusal(error: IntegrityError, emails: Iterable[tuple[str, str]], usernames: Iterable[tuple[str, str]]) -> Problem:
    """Which e-mail address or user name is taken, of those given (each with its pointer); raises what is neither.

    A user name that nobody gave is one that we chose, and another request was quicker: `Busy`.
    """
    if not isinstance(error.orig, postgres.UniqueViolation):
        raise error
    constraint, said = error.orig.diag.constraint_name, error.orig.diag.message_detail or ""
    if constraint == EMAIL:
        faults = [_taken(place, "An account has this e-mail address.") for place in _named(said, emails)]
        return AlreadyExists(errors=faults)
    if constraint != USERNAME:
        raise error
    faults = [_taken(place, "Another student of the school has this user name.") for place in _named(said, usernames)]
    return AlreadyExists(errors=faults) if faults else Busy("Another request took the user name that we chose.")


def _named(said: str, given: Iterable[tuple[str, str]]) -> list[str]:
    """The places of the values that the database's message ends its key with."""
    return [place for place, value in given if f"{value.lower()})" in said]


def _taken(place: str, why: str) -> FieldError:
    return FieldError(place, "already_exists", why)
