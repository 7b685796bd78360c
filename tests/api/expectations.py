"""What each operation asks of its caller, in the words of the oracle; written from the specification of access."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.api.targets import Row, Target
from tests.books.catalogue import new_isbn
from tests.oracle.oracle import decide


@dataclass(frozen=True)
class Asked:
    """A permission on a resource. ``body`` makes a request that succeeds for who holds it."""

    resource: str
    permission: str
    body: Callable[[Target], Any] = lambda target: None

    def granted_to(self, account: Row, target: Target) -> bool:
        return decide(self.resource, self.permission, account, row_of(self.resource, target))


def row_of(resource: str, target: Target) -> Row:
    """The row of a resource that a target stands for."""
    collection = {"school": target.school}
    rows: dict[str, Row] = {
        "School": {"id": target.school},
        "Collection": collection,
        "CollectionItem": {"collection": collection},
        "BookList": {"type": "School", "sharing": "restricted", "school": target.school},
        "ReadingActivity": {"reader": target.service_account},
        "ServiceAccount": {"schools": [target.school]},
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


def _rows(target: Target) -> list[dict[str, Any]]:
    return [{"info": {"title": f"Our School {uuid4()}"}, "copies_total": 2}]


ANY_ACTIVE = Asked("Schools", "search")
"""Asked of every active account: the specification lets each search schools, and gives no rule of its own here."""
READ_COLLECTION = Asked("Collection", "read")

EXPECTED: dict[str, Asked | None] = {
    "sign_in_get_current_account": ANY_ACTIVE,
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
    "schools_find": Asked("Schools", "search"),
    "schools_create_many": Asked("Schools", "batch", lambda target: [_school(target)]),
    "schools_create": Asked("Schools", "create", _school),
    "schools_get": Asked("School", "read"),
    "schools_update": Asked("School", "update", lambda target: {"lms_type": "Oliver"}),
    "schools_delete": Asked("School", "delete"),
    "schools_exists": None,
    "schools_bot": Asked("School", "read"),
    "schools_bookbot": Asked("School", "read"),
    "collections_create": Asked(
        "Collection", "create", lambda target: {"name": "Library", "school_id": str(target.bare_school)}
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
        lambda target: {
            "collection_item_id": target.item,
            "reader_id": str(target.service_account),
            "status": "READ",
        },
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
    "events_get_events": ANY_ACTIVE,
    "events_create_event": Asked(
        "Event",
        "create",
        lambda target: {"title": "Huey: Book reviewed", "level": "normal", "school_id": str(target.school)},
    ),
    "events_get_event_types": ANY_ACTIVE,
    "service_version": None,
    "service_database": None,
}
"""By operationId; None: anybody may."""

NAMED_IN_BODY = {"accounts_create_service_account", "booklists_create", "collections_create", "events_create_event"}
"""Operations whose school stands in the body: one that does not exist is a fault of the input (422)."""
