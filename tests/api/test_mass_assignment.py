"""Nobody writes what is not theirs to write: a field that an operation does not name is refused, nothing changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.accounts.models import Educator, Parent, Reader, ServiceAccount, Student, Supporter, SupporterReader, User
from app.booklists.models import BookList
from app.books.models import Author, Edition, Merge, Work
from app.classes.models import ClassGroup
from app.collections.models import Collection, CollectionItem, ReadingActivity
from app.core.db import Base
from app.core.outbox import TaskRow
from app.events.models import Event
from app.labelling.models import LabellingRun
from app.labels.models import LabelSet
from app.messages.models import SentEmail, Suppression
from app.schools.models import School
from app.service_accounts.models import ApiKey
from app.webhooks.models import Webhook
from tests.api.expectations import EXPECTED
from tests.api.operations import WRITING, Operation, document
from tests.api.people import ACTIVE_PEOPLE, PersonArchetype
from tests.api.shapes import body_schema, fields, options
from tests.api.targets import Target, call, targets
from tests.books.catalogue import new_isbn
from tests.oracle.oracle import decide
from tests.world import Client, World

BY_NAME = {operation.name: operation for operation in WRITING}
BULK_ROWS = {"CollectionItemCreateIn", "CollectionItemUpdate", "EditionRow"}
"""Rows of bulk loads: what is unknown in them is ignored with a warning, so that one column costs nobody a sync."""
NOBODYS_NUMBER = 1_999_999_999
"""Larger than any id that a test's rows come to."""
STRAY = ("is_admin", "role", "principals", "__class__", "_sa_instance_state", "ID", "Name", "constructor", "$set")


@dataclass(frozen=True)
class Written:
    """The tables that an operation writes; where in its body their fields stand; how the row is found."""

    models: tuple[type[Base], ...]
    at: tuple[str | int, ...] = ()
    row: str = ""


SCHOOL = "SELECT to_jsonb(t) FROM schools t WHERE wriveted_identifier = :school"
COLLECTION = "SELECT to_jsonb(t) FROM collections t WHERE id = :collection"
ITEMS = "SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM collection_items t WHERE collection_id = :collection"
ACCOUNT = "SELECT to_jsonb(t) FROM service_accounts t WHERE id = :account"
KEYS = "SELECT jsonb_agg(to_jsonb(t) ORDER BY id) FROM api_keys t WHERE service_account_id = :account"
BARE = "SELECT count(*) FROM collections WHERE school_id = :bare"
CLASSES = "SELECT count(*) FROM class_groups WHERE school_id = :school"
CLASS = "SELECT to_jsonb(t) FROM class_groups t WHERE id = :class_group"
EVENTS = "SELECT count(*) FROM events WHERE school_id = :school"
STAFF = "SELECT count(*) FROM educators WHERE school_id = :school"
PERSON = "SELECT to_jsonb(u) || to_jsonb(s) FROM users u JOIN students s USING (id) WHERE id = :student"
LINK = "SELECT to_jsonb(t) FROM supporter_reader_association t WHERE reader_id = :student"
WORK = "SELECT to_jsonb(t) FROM works t WHERE id = :work"
ACTIVITY = "SELECT count(*) FROM collection_item_activity_log WHERE collection_item_id = :item"
LISTS = "SELECT count(*) FROM book_lists WHERE school_id = :school"
TASK = "SELECT to_jsonb(t) FROM tasks t WHERE id = :task"
LIST = "SELECT to_jsonb(t) FROM book_lists t WHERE id = :list"
WEBHOOK = "SELECT to_jsonb(t) FROM webhooks t WHERE id = :webhook"
WEBHOOKS = "SELECT count(*) FROM webhooks WHERE school_id = :school"
SUPPORTERS = "SELECT count(*) FROM supporter_reader_association WHERE reader_id = :student"
STRICT: dict[str, Written] = {
    "webhooks_create": Written((Webhook,), row=WEBHOOKS),
    "webhooks_update": Written((Webhook,), row=WEBHOOK),
    "webhooks_rotate_secret": Written((Webhook,), row=WEBHOOK),
    "messages_send_email": Written((SentEmail,)),
    "messages_suppress": Written((Suppression,)),
    "users_invite_supporter": Written((User, Supporter, SupporterReader), row=SUPPORTERS),
    "sign_in_change_email": Written((User,), row=PERSON),
    "accounts_create_service_account": Written((ServiceAccount,)),
    "accounts_update_service_account": Written((ServiceAccount,), row=ACCOUNT),
    "accounts_rotate_service_account_credential": Written((ServiceAccount,), row=ACCOUNT),
    "accounts_create_api_key": Written((ApiKey,), row=KEYS),
    "accounts_rotate_api_key": Written((ApiKey,), row=KEYS),
    "schools_create": Written((School,)),
    "schools_create_many": Written((School,), at=(0,)),
    "schools_update": Written((School,), row=SCHOOL),
    "classes_create": Written((ClassGroup,), row=CLASSES),
    "classes_update": Written((ClassGroup,), row=CLASS),
    "collections_create": Written((Collection,), row=BARE),
    "collections_replace": Written((Collection,), row=COLLECTION),
    "collections_update": Written((Collection,), row=COLLECTION),
    "collections_add_item": Written((CollectionItem,), row=ITEMS),
    "collections_log_activity": Written((ReadingActivity,), row=ACTIVITY),
    "booklists_create": Written((BookList,), row=LISTS),
    "booklists_update": Written((BookList,), row=LIST),
    "editions_create": Written((Edition, Work)),
    "editions_update": Written((Edition, Work)),
    "works_create": Written((Work,)),
    "works_update": Written((Work, LabelSet), row=WORK),
    "authors_create": Written((Author,)),
    "merges_merge_works": Written((Merge,), row=WORK),
    "merges_merge_authors": Written((Merge,)),
    "events_create_event": Written((Event,), row=EVENTS),
    "users_create_user": Written((User, Reader, Student, Educator, Parent), row=STAFF),
    "users_bind_school_admin": Written((Educator, User), row=STAFF),
    "users_update_user": Written((User, Reader, Student, Educator, Parent), row=PERSON),
    "users_mint_token": Written((User,), row=PERSON),
    "users_link_supporter": Written((SupporterReader,), row=LINK),
    "labels_generate_many": Written((LabellingRun,), row=WORK),
    "tasks_replay": Written((TaskRow,), row=TASK),
    "tasks_discard": Written((TaskRow,), row=TASK),
    "recommendations_recommend": Written((Event,), row=EVENTS),
}
BULK: dict[str, Written] = {
    "collections_replace_items": Written((CollectionItem,), at=(0,), row=ITEMS),
    "collections_sync_school": Written((CollectionItem,), at=(0,), row=ITEMS),
    "collections_change_school": Written((CollectionItem,), at=(0,), row=ITEMS),
    "collections_replace": Written((CollectionItem,), at=("items", 0), row=ITEMS),
    "collections_update": Written((CollectionItem,), at=("items", 0), row=ITEMS),
    "editions_add_many": Written((Edition, Work), at=(0,)),
}
OF_LMS = [name for name in STRICT if name.startswith("collections_") and name != "collections_log_activity"]
OF_LMS += ["schools_update", "editions_create"]
"""What a library system may do for its school at all."""
WRITERS = [
    each for each in ACTIVE_PEOPLE if each.name in ("the student", "educator", "school admin", "parent", "supporter")
]
"""Who stands close enough to a student to try."""
NO_FIELDS = {"hydration_queue", "labels_compare"}
"""Lists of ISBNs."""
OF_SUPPORTERS = {"feedback_give"}
"""What only a supporter may send at all: tests/feedback."""
BY_ITEM = {"labels_update_many"}
"""An item with an unknown field is refused by itself: tests/labels."""


def test_every_operation_that_takes_a_body_is_here() -> None:
    taking = {operation.name for operation in WRITING if "requestBody" in operation.described}
    assert taking == STRICT.keys() | BULK.keys() | NO_FIELDS | BY_ITEM | OF_SUPPORTERS


def _objects(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[dict[str, Any]]:
    for one in options(schema):
        if str(one) not in above:
            if "properties" in one:
                yield one
            inner = [*one.get("properties", {}).values(), *([one["items"]] if "items" in one else [])]
            for each in inner:
                yield from _objects(each, (*above, str(one)))


def test_every_object_of_every_body_forbids_what_it_does_not_name() -> None:
    objects = [
        each
        for operation in WRITING
        if "requestBody" in operation.described
        for each in _objects(body_schema(operation.described))
    ]
    lenient = {each["title"] for each in objects if each.get("additionalProperties") is not False}
    assert lenient == BULK_ROWS
    assert len(objects) > 20


def columns(operation: Operation, written: Written) -> list[str]:
    """The columns of the written tables that are no field of the body, and words that never are one."""
    place = "".join(f"/{'*' if isinstance(part, int) else part}" for part in written.at)
    known = {name.removeprefix(f"{place}/") for name in fields(body_schema(operation.described))}
    named = {column.key for model in written.models for column in model.__table__.columns}
    return [*sorted(named - known), *STRAY]


def stowed(body: Any, at: tuple[str | int, ...], extra: dict[str, Any]) -> Any:
    """The body with more members in the object that stands at a place."""
    if not at:
        return body | extra
    first, *rest = at
    changed = body.copy()
    changed[first] = stowed(body[first], tuple(rest), extra)
    return changed


async def row_of(world: World, written: Written, target: Target) -> Any:
    if not written.row:
        return None
    values = {
        "school": target.school,
        "bare": target.bare_school,
        "collection": target.collection,
        "account": target.service_account,
        "student": target.student,
        "class_group": target.class_group,
        "work": target.book.work,
        "item": target.item,
        "list": target.booklist,
        "webhook": target.webhook,
        "task": target.task,
    }
    async with world.session() as session:
        used = {name: value for name, value in values.items() if f":{name}" in written.row}
        return (await session.execute(text(written.row), used)).scalar_one()


def plausible(name: str) -> Any:
    """A value that would be taken, were the field known: what is refused is the name."""
    if name.endswith(("_at", "_after", "_until")):
        return "2020-01-01T00:00:00Z"
    if name.startswith("is_") or name == "checked":
        return True
    numbers = ("id", "version", "credential_version", "item_count", "book_count", "attempts", "offers")
    return NOBODYS_NUMBER if name in numbers else str(uuid4())


async def refused(operation: Operation, client: Client, target: Target, body: Any, pointers: set[str]) -> None:
    answer: httpx.Response = await call(client, operation, target, body)
    assert answer.status_code == 422, f"{pointers}: {answer.status_code} {answer.text}"
    problem = answer.json()
    assert problem["code"] == "unknown_field", problem
    assert {error["pointer"] for error in problem["errors"]} == pointers
    assert {error["code"] for error in problem["errors"]} == {"unknown_field"}


@pytest.mark.parametrize(("name", "role"), [(name, "admin") for name in STRICT] + [(name, "lms") for name in OF_LMS])
async def test_columns_that_are_no_fields_are_refused_and_nothing_is_written(
    world: World, name: str, role: str
) -> None:
    operation, written = BY_NAME[name], STRICT[name]
    (target,) = await targets(world, 1)
    client = await world.admin() if role == "admin" else await _lms(world, target)
    asked = EXPECTED[name]
    assert asked is not None
    body = asked.body(target)
    before = await row_of(world, written, target)
    prefix = "".join(f"/{part}" for part in written.at)
    forbidden = columns(operation, written)
    for column in forbidden:
        sent = stowed(body, written.at, {column: plausible(column)})
        await refused(operation, client, target, sent, {f"{prefix}/{column}"})
    together = stowed(body, written.at, {column: plausible(column) for column in forbidden})
    await refused(operation, client, target, together, {f"{prefix}/{column}" for column in forbidden})
    assert await row_of(world, written, target) == before
    assert len(forbidden) > len(STRAY)


async def _lms(world: World, target: Target) -> Client:
    archetype = await world.lms()
    async with world.session() as session:
        for school in (target.school, target.bare_school):
            await session.execute(
                text("INSERT INTO service_account_schools (service_account_id, school_id) VALUES (:account, :school)"),
                {"account": archetype.id, "school": school},
            )
    return archetype


@pytest.mark.parametrize("name", BULK)
async def test_columns_in_a_bulk_row_are_ignored_with_a_warning(world: World, name: str) -> None:
    operation, written = BY_NAME[name], BULK[name]
    (target,) = await targets(world, 1)
    client = await _lms(world, target)
    for column in columns(operation, written):
        row = {"isbn": new_isbn(), "copies_total": 3} if "collections" in name else {"isbn": new_isbn()}
        rows = [row | {column: plausible(column)}]
        body = rows if written.at == (0,) else {"name": "Library", "items": rows}
        answer = await call(client, operation, target, body)
        assert answer.status_code == 200, answer.text
        if name == "collections_replace":
            continue  # its answer is the collection: what became of the rows shows below
        (result,) = answer.json()["results"]
        assert result["status"] in ("added", "created"), result
        assert result["code"] == "unknown_field_ignored"
        assert column in result["hint"]
    if written.row:
        for item in await row_of(world, written, target):
            assert item["collection_id"] == str(target.collection)
            assert item["id"] != NOBODYS_NUMBER
            assert not (item["created_at"] or "").startswith("2020")
            assert not (item["withdrawn_at"] or "").startswith("2020")


@pytest.mark.parametrize("name", sorted(document()["components"]["schemas"]["SchoolPatchOptions"]["properties"]))
async def test_lms_writes_of_a_school_what_is_its_own_alone(world: World, name: str) -> None:
    (target,) = await targets(world, 1)
    client = await _lms(world, target)
    value = {
        "status": "inactive",
        "bookbot_type": "school_books",
        "lms_type": "Oliver",
        "name": "Another name",
        "info": {"sector": "Catholic"},
        "student_domain": "https://students.example.com",
        "teacher_domain": "https://staff.example.com",
        "max_removal_percent": 50,
    }[name]
    before = await row_of(world, STRICT["schools_update"], target)
    answer = await client.patch(f"/school/{target.school}", json={"lms_type": "Infiniti", name: value})
    if name in ("lms_type", "max_removal_percent"):
        assert answer.status_code == 200
    else:
        assert answer.status_code == 403
        assert answer.json()["code"] == "field_forbidden"
        assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]
        assert await row_of(world, STRICT["schools_update"], target) == before


@pytest.mark.parametrize(
    ("name", "extra", "pointer"),
    [
        ("schools_create", {"info": {"location": {"state": "NSW", "postcode": "2038", "id": 1}}}, "/info/location/id"),
        (
            "accounts_create_service_account",
            {"schools": [{"wriveted_identifier": str(uuid4()), "id": 1}]},
            "/schools/0/id",
        ),
        ("editions_create", {"authors": [{"last_name": "Dahl", "id": 1}]}, "/authors/0/id"),
        ("editions_create", {"info": {"pages": "32", "hydrated_at": "2020-01-01"}}, "/info/hydrated_at"),
        ("works_update", {"labelset": {"min_age": 5, "checked_at": "2020-01-01"}}, "/labelset/checked_at"),
        ("works_create", {"authors": [{"last_name": "Dahl", "id": 1}]}, "/authors/0/id"),
        ("editions_update", {"illustrators": [{"last_name": "Blake", "info": {}}]}, "/illustrators/0/info"),
        ("collections_add_item", {"info": {"title": "Matilda", "id": 1}}, "/info/id"),
        ("collections_add_item", {"info": {"title": "M", "feedback": {"id": 1}}}, "/info/feedback/id"),
    ],
)
async def test_unknown_fields_deep_in_a_body_are_refused_where_they_stand(
    world: World, name: str, extra: dict[str, Any], pointer: str
) -> None:
    (target,) = await targets(world, 1)
    asked = EXPECTED[name]
    assert asked is not None
    body = asked.body(target) | extra
    await refused(BY_NAME[name], await world.admin(), target, body, {pointer})


BY_PEOPLE = ("users_update_user", "users_create_user", "classes_create", "classes_update", "schools_update")
BY_PEOPLE += ("users_link_supporter", "events_create_event", "collections_update", "collections_add_item")


@pytest.mark.parametrize("archetype", WRITERS, ids=str)
async def test_people_write_no_column_that_is_no_field(world: World, archetype: PersonArchetype) -> None:
    """Whatever else they may write of the row: an unknown name is refused before anything is written."""
    own = await archetype.targets(world, len(BY_PEOPLE))
    senders = await archetype.senders(world, own)
    for name, target, sender in zip(BY_PEOPLE, own, senders, strict=True):
        operation, written, asked = BY_NAME[name], STRICT[name], EXPECTED[name]
        assert asked is not None
        before = await row_of(world, written, target)
        granted = asked.granted_to(sender.account, target)
        forbidden = columns(operation, written)
        sent = stowed(asked.body(target), written.at, {column: plausible(column) for column in forbidden})
        if granted:
            await refused(operation, sender.client, target, sent, {f"/{column}" for column in forbidden})
        else:
            assert (await call(sender.client, operation, target, sent)).status_code in (403, 422)
        assert await row_of(world, written, target) == before, name


@pytest.mark.parametrize("archetype", WRITERS, ids=str)
async def test_people_write_the_fields_of_a_student_that_the_oracle_lets(
    world: World, archetype: PersonArchetype
) -> None:
    values: dict[str, Any] = {
        "name": "Max M",
        "first_name": "Max",
        "last_name_initial": "M",
        "huey_attributes": {"age": 9},
        "newsletter": True,
        "username": uuid4().hex,
        "class_group_id": None,
        "email": "max@example.com",
        "is_active": False,
        "type": "educator",
        "school_id": str(uuid4()),
        "info": {"other": {"role": "admin"}},
    }
    own = await archetype.targets(world, len(values))
    senders = await archetype.senders(world, own)
    named = {"class_group_id": "class_group", "school_id": "school"}
    for (name, value), target, sender in zip(values.items(), own, senders, strict=True):
        row = {"id": target.student, "school": target.student_school}
        may_update = decide("Student", "update", sender.account, row)
        granted = may_update and decide("Student.fields", named.get(name, name), sender.account, row)
        before = await row_of(world, STRICT["users_update_user"], target)
        answer = await sender.client.patch(f"/user/{target.student}", json={name: value})
        after = await row_of(world, STRICT["users_update_user"], target)
        assert answer.status_code == (200 if granted else 403), f"{name}: {answer.text}"
        assert (after == before) is not granted, name
        if may_update and not granted:
            assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}"]
