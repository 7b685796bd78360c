"""What each field of an answer tells, and who may be told: held to everything that is answered in the tests of access.

A value of a class is shown to whom the independent table of access lets see that part of the row that it belongs to.
"""

import enum
from collections.abc import Iterator, Mapping
from typing import Any

from app.core.api_keys import BEGINNING
from tests.api.targets import Row
from tests.oracle.oracle import decide


class DataClass(enum.StrEnum):
    PUBLIC = "public"
    """What is needed to recognise a row."""
    NAME = "name"
    """What a supporter sees of a reader, and a child of a parent."""
    SCHOOL = "school"
    """For the members of a school, and who serves it."""
    PERSONAL = "personal"
    """For whoever may read the whole of somebody."""
    CONTACT = "contact"
    """Ways to reach somebody."""
    SECRET = "secret"
    """What lets one in."""


PUBLIC, NAME, SCHOOL, PERSONAL, CONTACT, SECRET = DataClass
OF_PEOPLE: Mapping[str, DataClass] = {
    **dict.fromkeys(("id", "type", "permissions"), PUBLIC),
    **dict.fromkeys(("first_name", "supporter_nickname"), NAME),
    **dict.fromkeys(("name", "last_name_initial", "username", "huey_attributes", "school", "class_group_id"), PERSONAL),
    **dict.fromkeys(("is_active", "last_login_at", "newsletter", "created_at", "updated_at", "info"), PERSONAL),
    **dict.fromkeys(("booklists", "reading_path", "special_lists", "collection", "subscription"), PERSONAL),
    **dict.fromkeys(("parent", "children", "readers"), PERSONAL),
    **dict.fromkeys(("educator_info", "school_admin_info", "parent_info", "student_info", "reader_info"), PERSONAL),
    **dict.fromkeys(("wriveted_admin_info", "sign_in_provider", "picture", "other"), PERSONAL),
    **dict.fromkeys(("email", "phone_number"), CONTACT),
}
"""By the name of the field, in every schema of a person and in `info`."""
OF_CLASSES: Mapping[str, DataClass] = {
    **dict.fromkeys(("id", "school_id", "permissions"), PUBLIC),
    **dict.fromkeys(("name", "student_count", "updated_at"), SCHOOL),
    **dict.fromkeys(("note", "join_code_expires_at"), PERSONAL),
    **dict.fromkeys(("join_code", "students"), SECRET),
}
OF_SCHOOLS: Mapping[str, DataClass] = {
    **dict.fromkeys(("wriveted_identifier", "name", "official_identifier", "country_code", "country"), PUBLIC),
    **dict.fromkeys(("info", "admins", "permissions"), PUBLIC),
    **dict.fromkeys(("state", "subscription", "collection", "lms_type", "bookbot_type"), SCHOOL),
    **dict.fromkeys(("created_at", "updated_at", "student_domain", "teacher_domain"), SCHOOL),
    **dict.fromkeys(("max_removal_percent", "booklists"), SCHOOL),
}
"""`info` and `admins` are judged by what they hold."""
SECRETS = frozenset({"access_token", "refresh_token", "key"})
SCHEMAS: Mapping[str, Mapping[str, DataClass]] = {
    **dict.fromkeys(
        (
            "UserIdentity",
            "UserBrief",
            "ReaderIdentity",
            "SupportedReader",
            "CheeredReader",
            "StudentIdentity",
            "StudentBrief",
            "ReaderBrief",
            "SchoolAdminBrief",
            "EducatorBrief",
            "ParentBrief",
            "WrivetedAdminBrief",
            "SupporterBrief",
            "StudentDetail",
            "PublicReaderDetail",
            "SchoolAdminDetail",
            "EducatorDetail",
            "ParentDetail",
            "WrivetedAdminDetail",
            "SupporterDetail",
            "UserInfo",
            "Classmate",
        ),
        OF_PEOPLE,
    ),
    **dict.fromkeys(("ClassGroupBrief", "ClassGroupBriefWithJoiningCode", "ClassGroupDetail", "OwnClass"), OF_CLASSES),
    **dict.fromkeys(("SchoolIdentity", "SchoolRecognised", "SchoolSelectorOption", "SchoolDetail"), OF_SCHOOLS),
}
"""The schemas whose rows have an owner, and the class of each of their fields."""
RESOURCES = {
    "student": "Student",
    "public": "PublicReader",
    "educator": "Educator",
    "school_admin": "SchoolAdmin",
    "parent": "Parent",
}
PLAIN = ("wriveted", "supporter")
"""Kinds of which only they themselves and admins are shown anything."""


def excesses(answer: Any, account: Row, known: Mapping[str, Row], relation: Row | None = None) -> Iterator[str]:
    """Places of an answer that tell more than the account may know.

    `known` has what the answer need not say of a person: the school. `relation` is the row that shows somebody
    beside it, whose parent, child or supporter that is.
    """
    if isinstance(answer, list):
        for each in answer:
            yield from excesses(each, account, known, relation)
    elif isinstance(answer, dict):
        yield from _of_object(answer, account, known, relation)
        for name, value in answer.items():
            if name not in ("user", "info") or "timestamp" not in answer:
                yield from excesses(value, account, known, _shown_by(answer, known, relation))


def _of_object(found: dict[str, Any], account: Row, known: Mapping[str, Row], relation: Row | None) -> Iterator[str]:
    secrets = [name for name in sorted(found.keys() & SECRETS) if name != "key" or _is_api_key(found[name])]
    if secrets and account["kind"] not in ("admin", "backend"):
        yield f"{secrets} to {account['kind']}"
    if {"student_count", "school_id"} <= found.keys():
        yield from _excess(found, OF_CLASSES, lambda of: _class_shown(of, account, found))
    elif found.get("type") in (*RESOURCES, *PLAIN) and "id" in found:
        row = _person(found, known, relation)
        yield from _excess(found, OF_PEOPLE, lambda of: _person_shown(of, account, row))
        info = found.get("info")
        if isinstance(info, dict):
            yield from _excess(info, OF_PEOPLE, lambda of: _person_shown(of, account, row))
    elif "wriveted_identifier" in found and "experiments" not in found:
        may_read = (
            decide("School", "read", account, {"id": found["wriveted_identifier"]}) or account["kind"] == "backend"
        )
        yield from _excess(found, OF_SCHOOLS, lambda of: of is PUBLIC or may_read)


def _is_api_key(value: Any) -> bool:
    """A hue and a reading ability have a key too, which is none."""
    return isinstance(value, str) and value.startswith(BEGINNING)


def _excess(found: dict[str, Any], classes: Mapping[str, DataClass], shown: Any) -> Iterator[str]:
    for name, value in found.items():
        if name not in classes:
            yield f"{name} has no class of data"
        elif value not in (None, [], {}) and not shown(classes[name]):
            yield f"{name} ({classes[name]}) of {found.get('type', '')} {found.get('id', '')}"


def _class_shown(of: DataClass, account: Row, found: dict[str, Any]) -> bool:
    row = {"id": found["id"], "school": found["school_id"]}
    if of is SECRET:
        return decide("ClassGroup.shown", "join-code", account, row)
    return decide("ClassGroup", "update" if of is PERSONAL else "read", account, row)


def _person(found: dict[str, Any], known: Mapping[str, Row], relation: Row | None) -> Row:
    """The row of somebody, as the oracle takes it."""
    row: dict[str, Any] = {"id": found["id"], "type": found["type"], "school": None, "relation": relation}
    school = found.get("school")
    if isinstance(school, dict):
        row["school"] = school["wriveted_identifier"]
    elif relation is not None and relation["type"] == "school":
        row["school"] = relation["id"]
    return row | known.get(found["id"], {})


def _person_shown(of: DataClass, account: Row, row: Row) -> bool:
    if of is PUBLIC or _shown(of, account, row):
        return True
    shows = row["relation"]
    return (
        of in (NAME, PERSONAL) and shows is not None and shows["type"] != "school" and _shown(PERSONAL, account, shows)
    )


def _shown(of: DataClass, account: Row, row: Row) -> bool:
    if row["type"] in PLAIN:
        return decide("User", "read", account, row)
    resource = RESOURCES[row["type"]]
    words = {NAME: "nickname", PERSONAL: "everything", CONTACT: "contact"}
    word = words[of]
    return decide(f"{resource}.shown", word, account, row)


def _shown_by(found: dict[str, Any], known: Mapping[str, Row], relation: Row | None) -> Row | None:
    """The row that shows what stands inside an object."""
    if found.get("type") in (*RESOURCES, *PLAIN) and "id" in found:
        return _person(found, known, relation)
    if "wriveted_identifier" in found:
        return {"type": "school", "id": found["wriveted_identifier"]}
    return relation
