"""Changes of a person: fields, rights, and what kind of person it is."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import UserAccountType
from app.audit.service import note
from app.core.account import Account
from app.core.errors import FieldError, Invalid, pointer
from app.core.schemas import JsonObject
from app.events.service import record
from app.messages.service import Draft, write
from app.people import conflicts, fields
from app.people.births import not_applicable, unknown_relations
from app.people.bodies import MAX_INFO, UserUpdateIn
from app.people.kinds import KEPT, NEEDED, READERS, SOMEBODYS, Person, kinds_own, move, update_columns
from app.people.names import parts_of, whole_name
from app.people.queries import end_sessions_of, schools_known
from app.people.usernames import unused_username

RIGHTS = frozenset({"type", "school_id", "class_group_id", "is_active"})
"""A change of these ends every session: what a token was given for is no longer so."""
OBJECTS = ("info", "huey_attributes")


async def update_person(
    session: AsyncSession, account: Account, person: Person, patch: UserUpdateIn, *, merge: bool
) -> None:
    """Change somebody who is locked. Raises `FieldForbidden`, `Invalid`, `AlreadyExists`; then nothing is written.

    With `merge` objects are merged member by member (RFC 7396), otherwise replaced.
    """
    fields.refuse(person, account, patch.model_fields_set)
    wanted = _wanted(person, patch, merge)
    kind = wanted.pop("type", person.type)
    after = _after(person, kind, wanted)
    if kind is UserAccountType.STUDENT and after["username"] is None and after["school_id"] is not None:
        after["username"] = await unused_username(session, after["school_id"])
    faults = [*_faults(person, kind, wanted, after)]
    if not faults:
        faults += await _unknown(session, person, kind, after)
    if faults:
        raise Invalid(errors=faults)
    changed = {name: value for name, value in after.items() if value != getattr(person, name)}
    if kind is not person.type:
        changed["type"] = kind
    if changed:
        await _write(session, person, kind, after, changed, patch)
        _put_on_record(session, account, person, changed)
    if "email" in changed and person.email is not None and person.type is not UserAccountType.STUDENT:
        await write(session, Draft("email_changed", {}, to=person.email), account=account)


def merged(target: object, patch: JsonObject) -> JsonObject:
    """RFC 7396: null removes a member, an object is merged into an object, anything else replaces."""
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value) if isinstance(value, dict) else value
    return result


async def end_sessions(session: AsyncSession, person: Person) -> None:
    """Refuse every token that the person has, and whatever would get a new one."""
    await update_columns(session, person.id, person.type, {"tokens_valid_after": datetime.now(UTC)})
    await session.execute(end_sessions_of(person.id))


def _wanted(person: Person, patch: UserUpdateIn, merge: bool) -> dict[str, Any]:
    """The fields of a patch, as they are to be stored."""
    wanted = {name: getattr(patch, name) for name in patch.model_fields_set}
    for name in OBJECTS:
        given = wanted.get(name)
        if given is not None:
            said = given.model_dump(mode="json", exclude_unset=merge, exclude_none=not merge)
            wanted[name] = merged(getattr(person, name), said) if merge else said
    return wanted


def _after(person: Person, kind: UserAccountType, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Every column that somebody of that kind has, as it is to be; what follows from what is wanted is filled in."""
    own = {name for name in SOMEBODYS if kinds_own(kind, name)}
    after: dict[str, Any] = {name: getattr(person, name) if name in own else None for name in SOMEBODYS}
    after.update(wanted)
    if kind in READERS:
        if person.type not in READERS:
            first, initial = parts_of(wanted.get("name", person.name))
            after["first_name"] = wanted.get("first_name", first)
            after["last_name_initial"] = wanted.get("last_name_initial", initial)
        elif person.name == whole_name(person.first_name, person.last_name_initial) and "name" not in wanted:
            after["name"] = whole_name(after["first_name"], after["last_name_initial"]) or person.name
    if after["school_id"] != person.school_id and "class_group_id" not in wanted:
        after["class_group_id"] = None
    return after


def _faults(
    person: Person, kind: UserAccountType, wanted: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[FieldError]:
    for name, value in wanted.items():
        if value is not None and not kinds_own(kind, name):
            yield not_applicable(kind, pointer(name))
        if name in OBJECTS and value is not None and len(msgspec.json.encode(value)) > MAX_INFO:
            yield FieldError(pointer(name), "too_large", f"This takes at most {MAX_INFO} characters.")
    for name in NEEDED.get(kind, ()) if kind is not person.type else KEPT.get(kind, frozenset()) & wanted.keys():
        if after[name] is None:
            code = "not_clearable" if name in wanted else "missing"
            yield FieldError(pointer(name), code, f"An account of type {kind} needs this.")


async def _unknown(
    session: AsyncSession, person: Person, kind: UserAccountType, after: Mapping[str, Any]
) -> list[FieldError]:
    """The faults of a school, a class or a parent that is new to the person and that there is not."""
    school = after["school_id"]
    if school not in (None, person.school_id) and not (await session.execute(schools_known([school]))).all():
        return [FieldError("/school_id", "not_found", "There is no such school.")]
    moved = (school, after["class_group_id"]) != (person.school_id, person.class_group_id) or kind is not person.type
    group = after["class_group_id"] if moved else None
    parent = after["parent_id"] if after["parent_id"] != person.parent_id else None
    return await unknown_relations(session, [("/class_group_id", group, school)], [("/parent_id", parent)])


async def _write(
    session: AsyncSession,
    person: Person,
    kind: UserAccountType,
    after: Mapping[str, Any],
    changed: Mapping[str, Any],
    patch: UserUpdateIn,
) -> None:
    now = datetime.now(UTC)
    columns = {**changed, "updated_at": now}
    if RIGHTS & changed.keys():
        columns["tokens_valid_after"] = now
        await session.execute(end_sessions_of(person.id))
    try:
        if kind is not person.type:
            await move(session, person, kind, after)
        await update_columns(session, person.id, kind, columns)
    except IntegrityError as error:
        emails = [("/email", patch.email)] if patch.email else []
        usernames = [("/username", after["username"])] if patch.username or person.username else []
        raise conflicts.refusal(error, emails, usernames) from None


def _put_on_record(session: AsyncSession, account: Account, person: Person, changed: Mapping[str, Any]) -> None:
    school = changed.get("school_id") or person.school_id
    info: JsonObject = {"changed": sorted(changed)}
    if "type" in changed:
        info |= {"type_before": person.type, "type": changed["type"]}
    record(
        session,
        "User updated",
        account=account,
        description=", ".join(sorted(changed)),
        school_id=school,
        user_id=person.id,
        info=info,
    )
    for action, details in _deeds(person, changed):
        note(session, action, account=account, subject=person.subject, school_id=school, **details)


def _deeds(person: Person, changed: Mapping[str, Any]) -> Iterator[tuple[str, JsonObject]]:
    """What of a change concerns security."""
    if "type" in changed:
        yield "user.type_changed", {"before": person.type, "after": changed["type"]}
    elif rights := sorted(changed.keys() & {"school_id", "class_group_id", "parent_id"}):
        yield "user.rights_changed", {"fields": rights}
    if "email" in changed:
        yield "user.email_changed", {}
    if "is_active" in changed:
        yield ("user.reactivated" if changed["is_active"] else "user.deactivated"), {}
