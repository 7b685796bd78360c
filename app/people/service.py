"""The verbs of people."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import User, UserAccountType
from app.accounts.service import Issuer, mint_token
from app.audit.service import note, note_view
from app.core.account import Account
from app.core.db import transaction_of
from app.core.errors import Conflict, FieldError, Invalid, NotFound
from app.core.include import Included
from app.events.service import record
from app.people import queries
from app.people.births import create_people
from app.people.bodies import MintIn, UserCreateIn, UserFilter, UserUpdateIn
from app.people.changes import end_sessions, update_person
from app.people.kinds import READERS, Person, update_columns
from app.people.queries import SortKey
from app.people.schemas import FoundPerson, MintedToken, PersonDetail, SeenPerson
from app.people.shapes import brief, detail, seen
from app.schools.models import School


async def find_people(
    session: AsyncSession,
    account: Account,
    wanted: UserFilter,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
    include: Included = None,
) -> tuple[list[FoundPerson], int | None, SortKey | None]:
    """One page of the people whom the account may read, how many there are, and the sort key of the last.

    The number is told on pages that are not asked for by a cursor; where the page shows the end, it is not counted.
    """
    page = queries.people_matching(wanted, account.principals, after=after, skip=skip, limit=limit)
    found = [Person(*row) for row in await session.execute(page)]
    last = (not found[-1].is_active, found[-1].name, str(found[-1].id)) if found else None
    total: int | None = None
    if after is None and (len(found) == limit or (skip and not found)):
        total = await session.scalar(queries.number_matching(wanted, account.principals))
    elif after is None:
        total = skip + len(found)
    return [brief(person, account.principals, include) for person in found], total, last


async def find_person(session: AsyncSession, person_id: UUID, *, to_change: bool = False) -> Person:
    """Raises `NotFound`. `to_change` has others who would change the person wait."""
    if to_change:
        await session.execute(queries.lock_of(person_id))
    row = (await session.execute(queries.person_with(person_id))).one_or_none()
    if row is None:
        raise NotFound("There is no such user.")
    return Person(*row)


async def view(session: AsyncSession, account: Account, person: Person, include: Included = None) -> SeenPerson:
    """Somebody, as the account may see them. That a child was looked at stays on record."""
    if person.type in READERS:
        note_view(session, account, person.subject, school_id=person.school_id)
    return seen(person, account.principals, include)


async def bind_school_admin(session: AsyncSession, account: Account, school: School, user_id: UUID) -> PersonDetail:
    """Make somebody an admin of a school, whatever they were. Raises `FieldForbidden` unless the account may do so."""
    try:
        person = await find_person(session, user_id, to_change=True)
    except NotFound:
        raise Invalid(errors=[FieldError("/user_id", "not_found", "There is no such user.")]) from None
    bound = UserUpdateIn(type=UserAccountType.SCHOOL_ADMIN, school_id=school.wriveted_identifier)
    return await update_user(session, account, person, bound, merge=False)


async def create_user(
    session: AsyncSession, account: Account, given: UserCreateIn, *, generate_pathway_lists: bool
) -> PersonDetail:
    """Somebody new, with children where the body names some: all of them or nobody."""
    if generate_pathway_lists:
        why = "There are no booklists in this release: leave this out, or send false."
        raise Invalid(errors=[FieldError("/query/generate_pathway_lists", "not_available", why)])
    created = await create_people(session, account, given)
    return detail(await find_person(session, created), account.principals)


async def update_user(
    session: AsyncSession, account: Account, person: Person, patch: UserUpdateIn, *, merge: bool
) -> PersonDetail:
    """Change some fields of somebody: absent keeps, null clears."""
    await update_person(session, account, person, patch, merge=merge)
    return detail(await find_person(session, person.id), account.principals)


async def delete_user(session: AsyncSession, account: Account, person: Person, *, purge: bool) -> None:
    """Deactivate somebody; with `purge`, delete the account and all that belongs to it. Events stay, unlinked."""
    if account.id == person.id:
        raise Conflict("Another administrator has to do that to your account.")
    if purge:
        await _purge(session, account, person)
    elif person.is_active:
        await update_columns(session, person.id, person.type, {"is_active": False})
        await end_sessions(session, person)
        record(session, "User account deleted", account=account, school_id=person.school_id, user_id=person.id)
        note(session, "user.deactivated", account=account, subject=person.subject, school_id=person.school_id)


async def mint(session: AsyncSession, account: Account, issuer: Issuer, person: Person, given: MintIn) -> MintedToken:
    """A short-lived token to act as somebody. Raises `Conflict` for an account that is not active."""
    lifetime = issuer.settings.minted_token_lifetime if given.hours is None else timedelta(hours=given.hours)
    holder = await session.get_one(User, person.id)
    token = await mint_token(session, account, issuer, holder, lifetime=lifetime, reason=given.reason or "")
    return MintedToken(access_token=token)


async def _purge(session: AsyncSession, account: Account, person: Person) -> None:
    await transaction_of(session).allow_bulk()
    await session.execute(delete(User).where(User.id == person.id).execution_options(synchronize_session=False))
    info = {"user_id": str(person.id), "type": person.type, "purged": True}
    record(session, "User account deleted", account=account, school_id=person.school_id, info=info)
    note(session, "user.deleted", account=account, subject=person.subject, school_id=person.school_id, type=person.type)
