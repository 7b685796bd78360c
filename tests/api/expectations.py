"""What each operation asks of its caller, in the words of the oracle; written from the specification of access."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from tests.api.targets import Row, Target
from tests.books.catalogue import new_isbn
from tests.oracle.oracle import decide


@dataclass(frozen=True)
class Asked:
    """A permission on a resource, or another that lets do less of the same. ``body`` and ``query`` make a request that
    succeeds for who holds it; ``row`` is what is asked about, where it is not what the target has."""

    resource: str
    permission: str
    body: Callable[[Target], Any] = lambda target: None
    query: Callable[[Target], dict[str, str]] = lambda target: {}
    lesser: str | None = None
    row: Callable[[Target], Row] | None = None

    def granted_to(self, account: Row, target: Target) -> bool:
        row = self.row(target) if self.row else row_of(self.resource, target, account)
        asked = [self.permission, *([self.lesser] if self.lesser else [])]
        return any(decide(self.resource, permission, account, row) for permission in asked)


def row_of(resource: str, target: Target, account: Row) -> Row:
    """The row of a resource that a target stands for, or that the account itself does."""
    collection = {"school": target.school}
    rows: dict[str, Row] = {
        "ClassGroup": {"id": target.class_group, "school": target.school},
        "School": {"id": target.school},
        "Collection": collection,
        "CollectionItem": {"collection": collection},
        "BookList": {"type": "School", "sharing": "restricted", "school": target.school},
        "ReadingActivity": {"reader": target.student, "school": target.student_school},
        "ServiceAccount": {"schools": [target.school]},
        "OwnAccount": {"user": account["id"]},
        "SignInSession": {"user": target.student},
        "Student": {"id": target.student, "school": target.student_school},
        "Educator": {"school": target.school},
        "Webhook": {"school": target.school, "program": target.service_account},
        "SupporterFeedback": {"reader": target.student},
        "Event": {"school": target.school, "title": "Huey: Book reviewed", "level": "normal"},
    }
    return rows.get(resource, {})


def _school(target: Target) -> dict[str, Any]:
    return {
        "name": "Annandale North Public School",
        "country_code": "AUS",
        "official_identifier": uuid4().hex,
        "info": {"location": {"state": "NSW", "postcode": "2038"}},
    }


def _educator(target: Target) -> dict[str, Any]:
    return {"type": "educator", "name": "Edith Educator", "school_id": str(target.school)}


def _rows(target: Target) -> list[dict[str, Any]]:
    return [{"info": {"title": f"Our School {uuid4()}"}, "copies_total": 2}]


def _work(target: Target) -> dict[str, Any]:
    return {"title": f"Matilda {uuid4()}", "authors": [], "editions": [new_isbn()]}


def _webhook(target: Target) -> dict[str, Any]:
    return {"school_id": str(target.school), "url": "https://library.example.com/", "events": ["school.updated"]}


def _feedback(target: Target) -> dict[str, Any]:
    gif = "https://media.giphy.com/media/g9582DNuQppxC/giphy.gif"
    return {"event_id": str(target.event), "comment": "Well done!", "gif_url": gif}


def _email(target: Target) -> dict[str, Any]:
    recipient = f"{uuid4().hex}@example.com"
    return {
        "from_email": "hello@localhost.example",
        "to_emails": [recipient],
        "subject": "Hello",
        "template_data": {"text": "Hello."},
    }


def explained(school: UUID) -> dict[str, str]:
    return {"permission": "delete", "resource": "School", "id": str(school)}


ANY_ACTIVE = Asked("Schools", "search")
"""Asked of every active account: the specification lets each search schools, and gives no rule of its own here."""
READ_COLLECTION = Asked("Collection", "read")

EXPECTED: dict[str, Asked | None] = {
    "sign_in_get_current_account": ANY_ACTIVE,
    "sign_in_use_class_code": None,
    "sign_in_register_student": None,
    "sign_in_exchange_firebase_token": None,
    "sign_in_begin_firebase_session": None,
    "sign_in_refresh": None,
    "sign_in_change_email": Asked("OwnAccount", "update", lambda target: {"id_token": "none"}),
    "sign_in_list_sessions": Asked("OwnAccount", "read"),
    "sign_in_end_session": Asked("SignInSession", "delete"),
    "sign_in_log_out": Asked("OwnAccount", "delete"),
    "sign_in_log_out_everywhere": Asked("OwnAccount", "delete"),
    "sign_in_end_sessions_of_user": Asked("SignInSession", "delete"),
    "accounts_get_service_accounts": ANY_ACTIVE,
    "accounts_create_service_account": Asked(
        "ServiceAccount",
        "create",
        lambda target: {"name": "x", "type": "lms", "schools": [{"wriveted_identifier": str(target.school)}]},
    ),
    "accounts_get_service_account": Asked("ServiceAccount", "read"),
    "accounts_update_service_account": Asked("ServiceAccount", "update", lambda target: {"name": "Renamed"}),
    "accounts_delete_service_account": Asked("ServiceAccount", "delete"),
    "accounts_rotate_service_account_credential": Asked(
        "ServiceAccount", "update", lambda target: {"overlap_hours": 1}
    ),
    "accounts_get_api_keys": Asked("ServiceAccount", "update"),
    "accounts_create_api_key": Asked(
        "ServiceAccount", "update", lambda target: {"name": "Push", "scopes": ["books:read"]}
    ),
    "accounts_rotate_api_key": Asked("ServiceAccount", "update", lambda target: {"overlap_hours": 1}),
    "accounts_revoke_api_key": Asked("ServiceAccount", "update"),
    "schools_find": Asked("Schools", "search"),
    "schools_create_many": Asked("Schools", "batch", lambda target: [_school(target)]),
    "schools_create": Asked("Schools", "create", _school),
    "schools_get": Asked("School", "read"),
    "schools_update": Asked("School", "update", lambda target: {"lms_type": "Oliver"}),
    "schools_delete": Asked("School", "delete"),
    "schools_exists": None,
    "schools_bot": Asked("School", "read"),
    "schools_bookbot": Asked("School", "read"),
    "classes_find": ANY_ACTIVE,
    "classes_create": Asked("ClassGroup", "create", lambda target: {"name": f"Class {uuid4()}"}),
    "classes_get": Asked("ClassGroup", "read"),
    "classes_update": Asked("ClassGroup", "update", lambda target: {"note": "Room 12", "members": []}),
    "classes_delete": Asked("ClassGroup", "delete"),
    "classes_rotate_code": Asked("ClassGroup", "update"),
    "collections_create": Asked(
        "Collection",
        "create",
        lambda target: {"name": "Library", "school_id": str(target.bare_school)},
        row=lambda target: {"school": target.bare_school},
    ),
    "collections_get": READ_COLLECTION,
    "collections_replace": Asked("Collection", "update", lambda target: {"name": "Library", "items": _rows(target)}),
    "collections_update": Asked("Collection", "update", lambda target: {"name": "Library", "items": _rows(target)}),
    "collections_delete": Asked("Collection", "delete"),
    "collections_list_items": READ_COLLECTION,
    "collections_replace_items": Asked("Collection", "update", _rows),
    "collections_get_info": READ_COLLECTION,
    "collections_add_item": Asked("Collection", "update", lambda target: _rows(target)[0]),
    "collections_get_item_by_isbn": READ_COLLECTION,
    "collections_get_item": Asked("CollectionItem", "read"),
    "collections_list_school_items": READ_COLLECTION,
    "collections_sync_school": Asked("Collection", "update", _rows),
    "collections_change_school": Asked("Collection", "update", _rows),
    "collections_log_activity": Asked(
        "ReadingActivity",
        "create",
        lambda target: {"collection_item_id": target.item, "reader_id": str(target.student), "status": "READ"},
    ),
    "booklists_create": Asked(
        "BookList", "create", lambda target: {"name": "Holidays", "type": "School", "school_id": str(target.school)}
    ),
    "booklists_find": ANY_ACTIVE,
    "booklists_get": Asked("BookList", "read"),
    "booklists_update": Asked("BookList", "update", lambda target: {"name": "Renamed"}),
    "booklists_delete": Asked("BookList", "delete"),
    "booklists_find_public": None,
    "booklists_get_public": None,
    "booklists_compare_with_collection": Asked("BookList", "read"),
    "labels_compare": Asked("Edition", "read", lambda target: [new_isbn()]),
    "editions_get": Asked("Edition", "read"),
    "editions_create": Asked("Edition", "add", lambda target: {"isbn": new_isbn()}),
    "editions_find": Asked("Edition", "read"),
    "editions_add_many": Asked("Edition", "add", lambda target: [{"isbn": new_isbn()}]),
    "editions_update": Asked("Edition", "update", lambda target: {"edition_subtitle": "A Story"}),
    "hydration_queue": Asked("Edition", "update", lambda target: [new_isbn()]),
    "hydration_look": Asked("Edition", "update"),
    "works_find": Asked("Work", "read"),
    "works_create": Asked("Work", "add", _work),
    "works_get": Asked("Work", "read"),
    "works_update": Asked("Work", "update", lambda target: {"subtitle": "A Story"}),
    "works_delete": Asked("Work", "delete"),
    "labels_update_many": Asked("LabelSet", "update", lambda target: [{"isbn": new_isbn(), "patch_data": {}}]),
    "labels_find_changes": Asked("LabelChange", "read"),
    "labels_generate": Asked("LabelSet", "update"),
    "labels_generate_many": Asked("LabelSet", "update", lambda target: {"work_ids": [target.book.work]}),
    "labels_review": Asked("LabelSet", "update"),
    "authors_find": Asked("Author", "read"),
    "authors_create": Asked("Author", "create", lambda target: {"last_name": "Dahl"}),
    "authors_get": Asked("Author", "read"),
    "illustrators_list_all": Asked("Illustrator", "read"),
    "illustrators_get_one": Asked("Illustrator", "read"),
    "merges_merge_works": Asked("Work", "update", lambda target: {"duplicate_id": target.book.other_work}),
    "merges_merge_authors": Asked("Author", "update", lambda target: {"duplicate_id": target.book.other_author}),
    "merges_find": Asked("Merge", "read"),
    "merges_undo": Asked("Work", "update"),
    "search_find": Asked("Work", "read"),
    "recommendations_recommend": Asked(
        "Collection", "read", lambda target: {"wriveted_identifier": str(target.school)}
    ),
    "events_get_events": ANY_ACTIVE,
    "events_create_event": Asked(
        "Event",
        "create",
        lambda target: {"title": "Huey: Book reviewed", "level": "normal", "school_id": str(target.school)},
    ),
    "events_get_event_types": ANY_ACTIVE,
    "audit_find": Asked("Audit", "read"),
    "feedback_open_link": None,
    "feedback_get": Asked("SupporterFeedback", "read"),
    "feedback_give": Asked("SupporterFeedback", "create", _feedback),
    "webhooks_find": ANY_ACTIVE,
    "webhooks_create": Asked("Webhook", "create", _webhook),
    "webhooks_get": Asked("Webhook", "read"),
    "webhooks_update": Asked("Webhook", "update", lambda target: {"description": "Nightly"}),
    "webhooks_delete": Asked("Webhook", "delete"),
    "webhooks_rotate_secret": Asked("Webhook", "update", lambda target: {"overlap_hours": 1}),
    "webhooks_list_deliveries": Asked("Webhook", "read"),
    "webhooks_replay": Asked("Webhook", "update"),
    "messages_send_email": Asked("SentEmail", "create", _email),
    "messages_list_suppressions": Asked("Suppression", "read"),
    "messages_suppress": Asked("Suppression", "create", lambda target: {"email": f"{uuid4().hex}@example.com"}),
    "messages_lift_suppression": Asked("Suppression", "delete"),
    "messages_ask_to_unsubscribe": None,
    "messages_unsubscribe": None,
    "tasks_find": Asked("Task", "read"),
    "tasks_groups": Asked("Task", "read"),
    "tasks_get": Asked("Task", "read"),
    "tasks_replay": Asked("Task", "replay", lambda target: {"ids": [str(target.task)]}),
    "tasks_discard": Asked("Task", "discard", lambda target: {"ids": [str(target.task)]}),
    "tasks_jobs": Asked("Task", "read"),
    "access_explain": Asked("School", "read", query=lambda target: explained(target.school)),
    "users_get_users": ANY_ACTIVE,
    "users_create_user": Asked("Educator", "create", _educator),
    "users_get_user": Asked("Student", "read", lesser="support"),
    "users_update_user": Asked("Student", "update", lambda target: {"newsletter": True}),
    "users_delete_user": Asked("Student", "delete"),
    "users_mint_token": Asked("Student", "mint-token", lambda target: {"hours": 1}),
    "users_bind_school_admin": Asked("Schools", "bind-admin", lambda target: {"user_id": str(target.student)}),
    "users_get_supporters": Asked("Student", "manage-supporters"),
    "users_invite_supporter": Asked(
        "Student",
        "manage-supporters",
        lambda target: {"email": f"{uuid4().hex}@example.com", "supporter_nickname": "Oma"},
    ),
    "users_link_supporter": Asked("Student", "manage-supporters", lambda target: {"supporter_nickname": "Opa"}),
    "users_unlink_supporter": Asked("Student", "manage-supporters"),
    "service_version": None,
    "service_database": None,
}
"""By operationId; None: anybody may."""

OF_EVERYBODY = {"SentEmail", "Schools", "Work", "Edition", "Author", "Illustrator", "Merge", "LabelSet", "LabelChange"}
"""Resources whose rules do not depend on the row: who may not is told so before it is looked for."""
HIDDEN = {"access_explain"}
"""Operations for which what the caller may not read does not exist: the same 404 for both."""
NAMED_IN_BODY = {
    "accounts_create_service_account",
    "booklists_create",
    "collections_create",
    "events_create_event",
    "users_create_user",
    "webhooks_create",
}
"""Operations whose school stands in the body: one that does not exist is a fault of the input (422)."""
ASKED_FIRST = {"users_bind_school_admin"}
"""Operations whose permission is on all schools: who lacks it is told so, whether or not there is the one (403)."""
NO_CONTENT = {"messages_lift_suppression", "users_delete_user", "users_unlink_supporter", "webhooks_delete"}
"""Operations that answer 204."""
ACCEPTED = {"messages_send_email"}
"""Operations that answer 202."""

PROVEN_IN_REQUEST = {
    "sign_in_exchange_firebase_token",
    "sign_in_begin_firebase_session",
    "sign_in_refresh",
    "sign_in_change_email",
    "sign_in_use_class_code",
    "sign_in_register_student",
    "feedback_open_link",
}
"""Operations that want a proof of who it is in the request itself, which is none here: 401, whoever may ask."""

LOOKED_UP_FROM_BODY = {"recommendations_recommend"}
"""Operations whose school stands in the body as the place to look: one that does not exist is not found (404)."""
