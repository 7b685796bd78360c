"""People as a caller gets to see them."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from app.accounts.models import UserAccountType
from app.core.acl import may
from app.core.include import Included, permissions_if
from app.core.schemas import JsonObject
from app.people.kinds import MODELS, READERS, STAFF, Person
from app.people.reading import members_of
from app.people.schemas import (
    EducatorBrief,
    EducatorDetail,
    FoundPerson,
    ParentBrief,
    ParentDetail,
    PersonDetail,
    PublicReaderDetail,
    ReaderBrief,
    SchoolAdminBrief,
    SchoolAdminDetail,
    SeenPerson,
    StudentBrief,
    StudentDetail,
    SupportedReader,
    SupporterBrief,
    SupporterDetail,
    UserIdentity,
    WrivetedAdminBrief,
    WrivetedAdminDetail,
)

BRIEFS: Mapping[UserAccountType, Callable[..., FoundPerson]] = {
    UserAccountType.WRIVETED: WrivetedAdminBrief,
    UserAccountType.STUDENT: StudentBrief,
    UserAccountType.PUBLIC: ReaderBrief,
    UserAccountType.EDUCATOR: EducatorBrief,
    UserAccountType.SCHOOL_ADMIN: SchoolAdminBrief,
    UserAccountType.PARENT: ParentBrief,
    UserAccountType.SUPPORTER: SupporterBrief,
}
DETAILS: Mapping[UserAccountType, Callable[..., PersonDetail]] = {
    UserAccountType.WRIVETED: WrivetedAdminDetail,
    UserAccountType.STUDENT: StudentDetail,
    UserAccountType.PUBLIC: PublicReaderDetail,
    UserAccountType.EDUCATOR: EducatorDetail,
    UserAccountType.SCHOOL_ADMIN: SchoolAdminDetail,
    UserAccountType.PARENT: ParentDetail,
    UserAccountType.SUPPORTER: SupporterDetail,
}


def brief(person: Person, principals: Collection[str], include: Included = None) -> FoundPerson:
    """A row of a list."""
    if _is_but_a_name(person, principals):
        shown: FoundPerson = UserIdentity(id=person.id, type=person.type, name=person.name)
    else:
        shown = BRIEFS[person.type](**_brief(person, principals))
    shown.permissions = permissions_if(include, person, principals, model=MODELS[person.type])
    return shown


def detail(person: Person, principals: Collection[str]) -> PersonDetail:
    """Everything that there is to show, without the ways to reach somebody where they are not the caller's to see."""
    info = dict(person.info or {})
    parts: JsonObject = {
        "info": info if _may_contact(person, principals) else info | {"phone_number": None},
        "created_at": person.created_at,
        "updated_at": person.updated_at,
        "newsletter": person.newsletter,
    }
    if person.type in READERS:
        collection = person.collection and {**person.collection, "school_id": None}
        parts |= members_of(person.lists or ())
        parts["collection"] = collection
    if person.type in STAFF:
        parts |= {name: info.get(name) for name in ("educator_info", "school_admin_info")}
    parts |= {"parent_info": info.get("parent_info"), "readers": person.readers}
    return DETAILS[person.type](**_brief(person, principals), **parts)


def seen(person: Person, principals: Collection[str], include: Included = None) -> SeenPerson:
    """What a caller may see, who may read somebody, or only support a reader."""
    shown: SeenPerson
    if not may(person, "read", principals):
        shown = SupportedReader(id=person.id, type=person.type, first_name=person.first_name)
    elif _is_but_a_name(person, principals):
        shown = UserIdentity(id=person.id, type=person.type, name=person.name)
    else:
        shown = detail(person, principals)
    shown.permissions = permissions_if(include, person, principals, model=MODELS[person.type])
    return shown


def _brief(person: Person, principals: Collection[str]) -> dict[str, Any]:
    return {
        "id": person.id,
        "type": person.type,
        "name": person.name,
        "email": person.email if _may_contact(person, principals) else None,
        "is_active": person.is_active,
        "last_login_at": person.last_login_at,
        "first_name": person.first_name,
        "last_name_initial": person.last_name_initial,
        "huey_attributes": person.huey_attributes or {},
        "parent": person.parent,
        "username": person.username,
        "class_group_id": person.class_group_id,
        "school": person.school,
        "children": person.children,
        "subscription": None,
    }


def _may_contact(person: Person, principals: Collection[str]) -> bool:
    return may(person, "read-contact", principals)


def _is_but_a_name(person: Person, principals: Collection[str]) -> bool:
    """Whether the caller, who may read somebody, is the child of this parent, and sees no more than the name."""
    return person.type is UserAccountType.PARENT and not _may_contact(person, principals)
