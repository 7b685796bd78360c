"""Signing in with the code of a class, and joining one. How often that may fail is limited in `guesses`."""

from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Student, UserAccountType
from app.accounts.service import Issuer
from app.audit.service import note
from app.classes.codes import Codes
from app.classes.schemas import StudentIdentity
from app.core.errors import Unauthenticated, Unavailable
from app.events.models import EventLevel
from app.events.service import record
from app.people.usernames import unused_username
from app.schools.schemas import SchoolIdentity
from app.sign_in.schemas import ClassCodeUserLogIn, RegisterUserIn, Token
from app.sign_in.sessions import begin

METHOD = "class_code"
TRIES = range(10)
"""For a user name that nobody takes in the same moment."""

# One statement, whatever is wrong: the class of a code that is live, of a school that is active, and its pupil.
PUPIL = text(
    """SELECT class_groups.id AS class_id, class_groups.school_id, students.id AS student_id,
              users.is_active AND students.class_group_id IS NOT NULL AS is_active
       FROM (SELECT) AS always
       LEFT JOIN class_groups ON join_code_hash = ANY(:marks) AND join_code_expires_at > now()
             AND EXISTS (SELECT FROM schools WHERE wriveted_identifier = class_groups.school_id AND state = 'active')
       LEFT JOIN students ON students.school_id = class_groups.school_id AND lower(username) = lower(:username)
       LEFT JOIN users ON users.id = students.id"""
)
CLASS = text(
    """SELECT class_groups.id AS class_id, class_groups.school_id,
              schools.name, schools.official_identifier, schools.country_code
       FROM (SELECT) AS always
       LEFT JOIN class_groups ON join_code_hash = ANY(:marks) AND join_code_expires_at > now()
       LEFT JOIN schools ON wriveted_identifier = class_groups.school_id AND state = 'active'
             AND wriveted_identifier = :school_id"""
)
# Foreign keys are checked when the whole statement has run: a name that is taken leaves nothing behind.
ENROL = text(
    """WITH enrolled AS (
           INSERT INTO students (id, username, school_id, class_group_id)
           VALUES (:id, :username, :school_id, :class_id)
           ON CONFLICT (school_id, lower(username)) DO NOTHING RETURNING id
       ), person AS (
           INSERT INTO users (id, is_active, type, name, info, newsletter)
           SELECT id, true, 'student', :name, '{}', false FROM enrolled
       )
       INSERT INTO readers (id, first_name, last_name_initial)
       SELECT id, :first_name, :last_name_initial FROM enrolled RETURNING id"""
)


async def sign_in(session: AsyncSession, issuer: Issuer, codes: Codes, given: ClassCodeUserLogIn) -> Token:
    """A token for the pupil. Raises the same `Unauthenticated` whatever is wrong.

    The code may be of another class of the pupil's school: pupils change rooms and teachers share codes.
    """
    marks = codes.marks(given.class_joining_code)
    found = (await session.execute(PUPIL, {"marks": marks, "username": given.username})).one()
    if not found.is_active:
        raise _refusal("sign_in", found)
    pupil = await session.get_one(Student, found.student_id)
    token = await begin(session, issuer, pupil, method=METHOD, lifetime=issuer.settings.student_token_lifetime)
    record(
        session,
        "User logged in",
        account=None,
        level=EventLevel.DEBUG,
        school_id=found.school_id,
        user_id=pupil.id,
        info={"method": METHOD},
    )
    return token


async def register(session: AsyncSession, codes: Codes, given: RegisterUserIn) -> StudentIdentity:
    """A new pupil of the class, with a user name that tells nothing of the child. Raises `Unauthenticated`."""
    values = {"marks": codes.marks(given.class_joining_code), "school_id": given.school_id}
    found = (await session.execute(CLASS, values)).one()
    if found.name is None:
        raise _refusal("register", found)
    pupil = await _enrolled(session, found, given)
    record(
        session,
        "Student account created",
        account=None,
        school_id=found.school_id,
        user_id=pupil.id,
        info={"class_group_id": str(found.class_id)},
    )
    note(
        session,
        "user.created",
        account=None,
        subject=f"user:{pupil.id}",
        school_id=found.school_id,
        class_group_id=str(found.class_id),
    )
    return pupil


async def _enrolled(session: AsyncSession, found: Any, given: RegisterUserIn) -> StudentIdentity:
    initial = given.last_name_initial.upper() if given.last_name_initial else None
    named = " ".join(part for part in (given.first_name, initial) if part)
    for _ in TRIES:
        username = await unused_username(session, found.school_id)
        pupil = StudentIdentity(
            id=uuid4(),
            type=UserAccountType.STUDENT,
            name=named or username,
            first_name=given.first_name,
            last_name_initial=initial,
            username=username,
            school=SchoolIdentity(
                wriveted_identifier=found.school_id,
                name=found.name,
                official_identifier=found.official_identifier,
                country_code=found.country_code,
            ),
        )
        row = pupil.model_dump(include={"id", "name", "first_name", "last_name_initial", "username"})
        row |= {"school_id": found.school_id, "class_id": found.class_id}
        if (await session.execute(ENROL, row)).one_or_none() is not None:
            return pupil
    raise Unavailable


def _refusal(attempt: str, found: Any) -> Unauthenticated:
    """The one answer to all that may be wrong. What was known is for the audit, in ids alone."""
    student: UUID | None = getattr(found, "student_id", None)
    known = f"class_group:{found.class_id}" if found.class_id else None
    return Unauthenticated("No active pupil or class is found by these.").on_record(
        "sign_in.refused",
        subject=f"user:{student}" if student else known,
        method=METHOD,
        attempt=attempt,
        school_id=str(found.school_id) if found.school_id else None,
    )
