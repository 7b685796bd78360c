"""Which fields of a person a caller may write, beside "may update": the table of the specification of access."""

from collections.abc import Collection, Iterable, Mapping

from app.accounts.models import UserAccountType
from app.core.account import Account
from app.core.acl import Acl, All, Allow, Deny, may
from app.core.errors import FieldError, FieldForbidden, pointer
from app.people.kinds import Person, Somebody

PROFILE = ("name", "first_name", "last_name_initial", "huey_attributes", "newsletter")
AT_SCHOOL = ("username", "class_group_id")

ANYBODY = Acl(
    (Allow, "role:admin", All),
    (Allow, "user:{id}", PROFILE),
)
PUBLIC_READER = Acl(
    *ANYBODY,
    (Allow, "parent:{id}", PROFILE),
)
STUDENT = Acl(
    *PUBLIC_READER,
    (Allow, "educator:{school_id}", (*PROFILE, *AT_SCHOOL)),
    (Allow, "schooladmin:{school_id}", (*PROFILE, *AT_SCHOOL, "is_active", "parent_id")),
)
STAFF = Acl(
    (Allow, "role:admin", All),
    (Deny, "user:{id}", "is_active"),
    (Allow, "user:{id}", PROFILE),
    (Allow, "schooladmin:{school_id}", (*PROFILE, "is_active")),
)
WRITABLE: Mapping[UserAccountType, Acl] = {
    UserAccountType.STUDENT: STUDENT,
    UserAccountType.PUBLIC: PUBLIC_READER,
    UserAccountType.EDUCATOR: STAFF,
    UserAccountType.SCHOOL_ADMIN: STAFF,
}
"""By kind; who is of another kind is anybody. A permission here is the name of a field."""
AT_BIRTH = ("type", "school_id", "children")
"""What "may create" covers: it was asked of exactly this kind of person at exactly this school."""
BIRTH_OF_STAFF = Acl((Allow, "schooladmin:{school_id}", "email"))
"""Staff sign in by their e-mail address, so that whoever may bring them in says which it is."""

WHY = {
    "email": "An e-mail address is changed by its owner through a confirmation, or by an administrator of Huey Books.",
    "type": "Only an administrator of Huey Books changes what an account is.",
    "school_id": "Only an administrator of Huey Books moves an account to another school.",
    "info": "The sign-in provider and administrators of Huey Books write this.",
    "is_active": "Staff of the school, other than the account itself, or an administrator of Huey Books changes this.",
}


def may_write(person: Somebody, field: str, principals: Collection[str]) -> bool:
    return may(WRITABLE.get(person.type, ANYBODY).__get__(person, Person), field, principals)


def may_give(newborn: Somebody, field: str, principals: Collection[str]) -> bool:
    """The same for an account that is about to be made."""
    if field in AT_BIRTH or may_write(newborn, field, principals):
        return True
    return WRITABLE.get(newborn.type) is STAFF and may(BIRTH_OF_STAFF.__get__(newborn, Person), field, principals)


def refuse(person: Somebody, account: Account, fields: Iterable[str]) -> None:
    """Raise `FieldForbidden`, pointing at each field that the account may not write; then nothing is written."""
    faults = [forbidden(name, pointer(name)) for name in fields if not may_write(person, name, account.principals)]
    if faults:
        raise FieldForbidden(errors=sorted(faults, key=lambda fault: fault.pointer))


def forbidden(field: str, place: str) -> FieldError:
    return FieldError(place, "field_forbidden", WHY.get(field, "Your account may not write this of this person."))
