"""New people: one, or a parent with children; all of them or nobody."""

import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import UserAccountType
from app.audit.service import note
from app.core.account import Account
from app.core.acl import Ace, may
from app.core.errors import FieldError, FieldForbidden, Forbidden, Invalid, pointer
from app.core.resources import name_of
from app.events.service import record
from app.people import conflicts
from app.people.bodies import UserCreateIn
from app.people.fields import forbidden, may_give
from app.people.kinds import MODELS, NEEDED, READERS, Model, acl_of, insert_people, kinds_own
from app.people.names import parts_of, whole_name
from app.people.queries import relations_known, schools_known
from app.people.usernames import unused_usernames

Path = tuple[str | int, ...]
FOR_THE_NAME = frozenset({"first_name", "last_name_initial"})
"""Of whoever is no reader these are taken for the name that they make, and kept nowhere else."""


@dataclass
class Newborn:
    """Somebody about to be: what is given, where it stands in the body, and the school that it says."""

    given: UserCreateIn
    path: Path = ()
    parent_id: UUID | None = None
    school_id: UUID | None = None
    id: UUID = field(default_factory=uuid4)

    @property
    def type(self) -> UserAccountType:
        return self.given.type

    @property
    def __acl__(self) -> list[Ace]:
        return acl_of(self)

    @property
    def __resource__(self) -> Model:
        return MODELS[self.type]

    @property
    def columns(self) -> dict[str, Any]:
        """The values to store; a student's user name may still have to be chosen."""
        given = self.given
        first, initial = given.first_name, given.last_name_initial
        name = unicodedata.normalize("NFC", given.name or whole_name(first, initial))
        if self.type in READERS and given.name:
            of_name = parts_of(name)
            first, initial = first or of_name[0], initial or of_name[1]
        return {
            "id": self.id,
            "type": self.type,
            "name": name,
            "email": given.email,
            "is_active": True,
            "info": given.info.model_dump(mode="json", exclude_none=True) if given.info else {},
            "newsletter": given.newsletter,
            "first_name": first,
            "last_name_initial": initial,
            "huey_attributes": (
                given.huey_attributes.model_dump(mode="json", exclude_none=True) if given.huey_attributes else None
            ),
            "parent_id": self.parent_id,
            "username": given.username,
            "school_id": self.school_id,
            "class_group_id": given.class_group_id,
        }

    def at(self, name: str) -> str:
        """Where in the body a field stands."""
        return pointer(*self.path, name)


async def create_people(session: AsyncSession, account: Account, given: UserCreateIn) -> UUID:
    """Somebody new, and a parent's children too. Raises `Forbidden`, `FieldForbidden`, `Invalid`, `AlreadyExists`."""
    family = _family(given)
    faults = [*await _settle_schools(session, family)]
    refused = next((one for one in family if not may(one, "create", account.principals)), None)
    if refused is not None:
        raise Forbidden(permission="create", resource=name_of(refused))
    _refuse_fields(account, family)
    faults += [fault for one in family for fault in _faults(one)]
    if not faults:
        faults += await _unknown_relations(session, family)
    if faults:
        raise Invalid(errors=faults)
    await _store(session, family)
    for one in family:
        _put_on_record(session, account, one)
    return family[0].id


def _family(given: UserCreateIn) -> list[Newborn]:
    """Who is given, and whose children: these last, since a child's own children are refused."""
    first = Newborn(given, parent_id=given.parent_id)
    children = enumerate(given.children or ())
    return [first, *(Newborn(child, ("children", place), parent_id=first.id) for place, child in children)]


async def _settle_schools(session: AsyncSession, family: Sequence[Newborn]) -> list[FieldError]:
    """Tell everybody the UUID of the school that is given; the faults of schools that do not exist."""
    asked = {one.given.school_id for one in family if one.given.school_id is not None}
    known: dict[UUID | int, UUID] = {}
    if asked:
        for number, identifier in await session.execute(schools_known(asked)):
            known |= {number: identifier, identifier: identifier}
    missing = []
    for one in family:
        given = one.given.school_id
        if given is not None:
            one.school_id = known.get(given, given if isinstance(given, UUID) else None)
            if given not in known:
                missing.append(FieldError(one.at("school_id"), "not_found", "There is no such school."))
    return missing


def _refuse_fields(account: Account, family: Iterable[Newborn]) -> None:
    faults = [
        forbidden(name, one.at(name))
        for one in family
        for name in sorted(one.given.model_fields_set)
        if getattr(one.given, name) is not None and not may_give(one, name, account.principals)
    ]
    if faults:
        raise FieldForbidden(errors=faults)


def _faults(one: Newborn) -> Iterator[FieldError]:
    given, columns = one.given, one.columns
    if given.checkout_session_id is not None:
        yield FieldError(one.at("checkout_session_id"), "not_available", "There are no subscriptions in this release.")
    if not columns["name"]:
        yield FieldError(one.at("name"), "missing", "Give a name, or a first name and an initial.")
    for name in NEEDED.get(one.type, ()):
        if (given.school_id if name == "school_id" else columns[name]) is None:
            yield FieldError(one.at(name), "missing", f"An account of type {one.type} needs this.")
    for name in sorted(given.model_fields_set - FOR_THE_NAME):
        if getattr(given, name) is not None and not kinds_own(one.type, name):
            yield not_applicable(one.type, one.at(name))
    if one.path:
        yield from _faults_of_child(one)
    elif given.children and one.type is not UserAccountType.PARENT:
        yield not_applicable(one.type, one.at("children"))


def _faults_of_child(one: Newborn) -> Iterator[FieldError]:
    if one.type not in READERS:
        yield FieldError(one.at("type"), "not_applicable", "Children are readers: `student` or `public`.")
    if one.given.parent_id is not None:
        yield FieldError(one.at("parent_id"), "not_applicable", "The parent of these children is the one around them.")
    if one.given.children:
        yield not_applicable(one.type, one.at("children"))


def not_applicable(kind: UserAccountType, place: str) -> FieldError:
    return FieldError(place, "not_applicable", f"An account of type {kind} does not have this.")


async def _unknown_relations(session: AsyncSession, family: Sequence[Newborn]) -> list[FieldError]:
    places = [(one.at("class_group_id"), one.given.class_group_id, one.school_id) for one in family]
    return await unknown_relations(session, places, [(family[0].at("parent_id"), family[0].given.parent_id)])


async def unknown_relations(
    session: AsyncSession,
    classes: Collection[tuple[str, UUID | None, UUID | None]],
    parents: Collection[tuple[str, UUID | None]],
) -> list[FieldError]:
    """The faults of classes that are none of the school beside them, and of parents that are none; at their places."""
    groups = {group for _, group, _ in classes if group is not None}
    people = {parent for _, parent in parents if parent is not None}
    if not groups | people:
        return []
    known: dict[UUID, UUID | None] = dict((await session.execute(relations_known(groups, people))).all())
    faults = [
        FieldError(place, "not_found", "The school has no such class.")
        for place, group, school in classes
        if group is not None and (group not in known or known[group] != school)
    ]
    faults += [
        FieldError(place, "not_found", "There is no such parent.")
        for place, parent in parents
        if parent is not None and parent not in known
    ]
    return faults


async def _store(session: AsyncSession, family: Sequence[Newborn]) -> None:
    rows = [one.columns for one in family]
    nameless = [row for row in rows if row["type"] is UserAccountType.STUDENT and row["username"] is None]
    chosen = await unused_usernames(session, [row["school_id"] for row in nameless])
    for row, username in zip(nameless, chosen, strict=True):
        row["username"] = username
    try:
        await insert_people(session, rows)
    except IntegrityError as error:
        emails = [(one.at("email"), one.given.email) for one in family if one.given.email]
        usernames = [(one.at("username"), one.given.username) for one in family if one.given.username]
        raise conflicts.refusal(error, emails, usernames) from None


def _put_on_record(session: AsyncSession, account: Account, one: Newborn) -> None:
    record(
        session,
        "User created",
        account=account,
        description=f"An account of type {one.type}",
        school_id=one.school_id,
        user_id=one.id,
        info={"type": one.type},
    )
    note(session, "user.created", account=account, subject=f"user:{one.id}", school_id=one.school_id, type=one.type)
