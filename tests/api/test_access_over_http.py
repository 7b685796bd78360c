"""Who may do what, as callers see it: every operation, every kind of account, against the independent oracle."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.accounts.models import ServiceAccount, ServiceAccountSchool, ServiceAccountType
from app.events.models import Event, EventLevel
from tests.api.data_classes import RESOURCES, SCHEMAS, excesses
from tests.api.expectations import (
    ACCEPTED,
    ASKED_FIRST,
    EXPECTED,
    HIDDEN,
    LOOKED_UP_FROM_BODY,
    NAMED_IN_BODY,
    NO_CONTENT,
    OF_EVERYBODY,
    PROVEN_IN_REQUEST,
    Asked,
)
from tests.api.operations import OPERATIONS, Operation, document
from tests.api.people import ACTIVE_PEOPLE, PEOPLE, Home, PersonArchetype
from tests.api.targets import ACTIVE, ARCHETYPES, NOWHERE, Archetype, Row, Target, call, targets
from tests.books.catalogue import new_isbn
from tests.oracle.oracle import decide, principals
from tests.world import Client, World

ABSENT_IN_TARGETS = {"collections_get_item_by_isbn", "editions_get", "editions_update", "hydration_look"}
"""What these look for is in no target: who may look hears 404."""
LAST = "sign_in_log_out_everywhere"
"""Its token is good for nothing afterwards."""
AT_BARE_SCHOOL = "collections_create"
"""At a school that has a collection there is nothing to create."""
PAGES = {"messages_ask_to_unsubscribe", "messages_unsubscribe"}
"""What these answer is for people: HTML."""
TRIED: Counter[str] = Counter()
GUESSES = {"sign_in_use_class_code", "sign_in_register_student"}
"""What these are refused counts against the address: one of each is enough."""
IN_ORDER = sorted(OPERATIONS, key=lambda operation: operation.name == LAST)


def test_every_operation_has_an_expectation_and_no_other() -> None:
    assert {operation.name for operation in OPERATIONS} == EXPECTED.keys()
    assert {operation.name for operation in OPERATIONS if not operation.guarded} == {
        name for name, asked in EXPECTED.items() if asked is None
    }


def expected_status(operation: Operation, asked: Asked | None, account: Row, target: Target) -> int:
    if asked is None and operation.name in PROVEN_IN_REQUEST:
        return 401
    missing = target is NOWHERE
    in_path = any(word in operation.path for word in ("{wriv", "{booklist", "{id}", "_id}"))
    in_path = in_path or operation.name in LOOKED_UP_FROM_BODY
    if asked is None:
        return 404 if missing and in_path else 200
    if principals(account) == principals({"kind": "anybody"}):
        return 401
    asked_first = operation.name in ASKED_FIRST or asked.resource in OF_EVERYBODY
    if missing and in_path and (not asked_first or asked.granted_to(account, target)):
        return 404
    if operation.name in HIDDEN:
        return 404 if missing or not asked.granted_to(account, target) else 200
    if not asked.granted_to(account, target):
        return 403
    if missing and in_path:
        return 404
    if missing and operation.name in NAMED_IN_BODY:
        return 422
    if operation.name in PROVEN_IN_REQUEST:
        return 401
    if operation.name == "sign_in_log_out":
        return 409  # the token of a test comes from no session
    if operation.name in NO_CONTENT:
        return 204
    if operation.name in ACCEPTED:
        return 202
    return 404 if operation.name in ABSENT_IN_TARGETS else 200


def objection(operation: Operation, asked: Asked | None, expected: int, answer: Any) -> str:
    """What is wrong with an answer; empty where nothing is."""
    if answer.status_code != expected:
        return f"{operation}: {answer.status_code} instead of {expected}: {answer.text[:300]}"
    if expected == 403:
        problem = answer.json()
        if problem["code"] != "permission_missing" or asked is None or problem["permission"] != asked.permission:
            return f"{operation}: {problem}"
    return ""


async def answers(
    operation: Operation, relations: Sequence[str], client: Client, account: Row, aims: Mapping[tuple[str, str], Target]
) -> list[str]:
    """What is wrong with the answers of an operation to an account: with the status, or with what they tell."""
    found = []
    for relation in relations[-1:] if operation.name == LAST or operation.name in GUESSES else relations:
        target = aims[operation.name, relation]
        asked = EXPECTED[operation.name]
        body, query = (example_of(operation), None) if asked is None else (asked.body(target), asked.query(target))
        answer = await call(client, operation, target, body, query)
        TRIED.update(["requests"])
        fault = objection(operation, asked, expected_status(operation, asked, account, target), answer)
        found += [f"{relation}: {fault}"] if fault else []
        if answer.is_success and answer.content and operation.name not in PAGES:
            TRIED.update(["answers looked through"])
            known = known_people(target, account)
            told = {"type": "student", "id": target.student, **known[str(target.student)]} if asked else None
            relates = told if "supporter" in operation.name else None
            found += [
                f"{relation}: {operation} tells {what}"
                for what in excesses(answer.json(), texts(account), known, relates)
            ]
    return found


def known_people(target: Target, account: Row) -> dict[str, Row]:
    """Of whom an answer does not say it, the school."""
    own = {"school": str(account["school"]) if account.get("school") else None}
    return {str(target.student): {"school": str(target.student_school)}, str(account["id"]): own}


def texts(account: Row) -> Row:
    """The account with its ids as answers have them."""
    return {name: str(value) if isinstance(value, UUID) else value for name, value in account.items()}


def example_of(operation: Operation) -> Any:
    """The documentation's example; a pupil whom nobody has guessed at."""
    example = operation.example
    return example | {"username": uuid4().hex} if operation.name == "sign_in_use_class_code" else example


async def aims_for(world: World) -> dict[tuple[str, str], Target]:
    """A target of its own for each request that may change it."""
    made = iter(await targets(world, 2 * len(OPERATIONS)))
    aims = {(operation.name, relation): next(made) for operation in OPERATIONS for relation in ("own", "other")}
    return aims | {(operation.name, "missing"): NOWHERE for operation in OPERATIONS}


@pytest.mark.parametrize("archetype", ARCHETYPES, ids=str)
async def test_account_is_answered_as_the_oracle_says(world: World, archetype: Archetype) -> None:
    aims = await aims_for(world)
    own = [target for (_, relation), target in aims.items() if relation == "own"]
    schools = [school for target in own for school in (target.school, target.bare_school)]
    client = await archetype.client(world, schools)
    account = archetype.values(client.id, schools)
    found = [
        fault
        for operation in IN_ORDER
        for fault in await answers(operation, ("missing", "other", "own"), client, account, aims)
    ]
    assert found == []


@pytest.mark.parametrize("archetype", PEOPLE, ids=str)
async def test_person_is_answered_as_the_oracle_says(world: World, archetype: PersonArchetype) -> None:
    """For each operation somebody else, of a target that nobody else touches."""
    own = await archetype.targets(world, len(OPERATIONS))
    (other,) = await targets(world, 1, together=True)
    homes: list[Home] = ["bare_school" if each.name == AT_BARE_SCHOOL else "school" for each in OPERATIONS]
    senders = await archetype.senders(world, own, homes)
    found = []
    for operation, target, sender in zip(OPERATIONS, own, senders, strict=True):
        aims = {
            (operation.name, relation): at for relation, at in (("missing", NOWHERE), ("other", other), ("own", target))
        }
        found += await answers(operation, ("missing", "other", "own"), sender.client, sender.account, aims)
    assert found == []


@pytest.mark.parametrize("archetype", ACTIVE_PEOPLE, ids=str)
@pytest.mark.parametrize("kind", ["student", "educator", "school_admin", "parent", "public", "supporter", "wriveted"])
async def test_people_are_created_by_whom_the_oracle_lets(world: World, archetype: PersonArchetype, kind: str) -> None:
    own, other = await targets(world, 2, together=True)
    (sender,) = await archetype.senders(world, [own])
    resource = RESOURCES.get(kind, "User")
    for target in (own, other):
        body = {"type": kind, "name": "Noor N"}
        body |= {"school_id": str(target.school)} if kind in ("student", "educator", "school_admin") else {}
        body |= {"class_group_id": str(target.class_group)} if kind == "student" else {}
        at = {"id": uuid4(), "school": target.school if "school_id" in body else None}
        granted = decide(resource, "create", sender.account, at)
        answer = await sender.client.post("/user", json=body)
        assert answer.status_code == (200 if granted else 403), answer.text
        assert granted or answer.json()["permission"] == "create"


def test_each_field_of_a_person_a_class_and_a_school_has_a_class_of_data() -> None:
    known = document()["components"]["schemas"]
    people = {name for name, schema in known.items() if is_of_a_person(schema)}
    assert people <= SCHEMAS.keys()
    for name, classes in SCHEMAS.items():
        assert known[name]["properties"].keys() <= classes.keys(), name


def is_of_a_person(schema: Any) -> bool:
    """Whether a schema is of what goes out, and says something of a person that a name does not."""
    fields = schema.get("properties", {}).keys()
    return bool({"id", "type"} <= fields and fields & {"email", "first_name", "last_login_at", "username"})


def test_answers_were_looked_through() -> None:
    """How much was tried by this worker; on the terminal with -s."""
    print(f"\naccess over HTTP: {dict(TRIED)}")  # noqa: T201  told to whoever runs this
    assert TRIED["answers looked through"] <= TRIED["requests"]


async def test_anonymous_reaches_what_is_public_and_nothing_else(world: World) -> None:
    target = (await targets(world, 1))[0]
    for operation in OPERATIONS:
        answer = await world.http.request(operation.method, operation.at(**target.in_path), json=operation.example)
        refused = operation.guarded or operation.name in PROVEN_IN_REQUEST
        assert answer.status_code == (401 if refused else 200), f"{operation}: {answer.text}"
        assert answer.headers.get("www-authenticate", "").startswith("Bearer" if refused else "")
        assert refused or "www-authenticate" not in answer.headers


@pytest.mark.parametrize("archetype", ACTIVE, ids=str)
async def test_state_of_a_school_is_written_by_whom_the_oracle_lets(world: World, archetype: Archetype) -> None:
    own, other = await targets(world, 2)
    client = await archetype.client(world, [own.school])
    account = archetype.values(client.id, [own.school])
    for target in (own, other):
        row = {"id": target.school}
        may_update = decide("School", "update", account, row)
        granted = may_update and decide("School.fields", "state", account, row)
        answer = await client.patch(f"/school/{target.school}", json={"status": "inactive"})
        assert answer.status_code == (200 if granted else 403), answer.text
        assert granted or answer.json()["code"] == ("field_forbidden" if may_update else "permission_missing")


@pytest.mark.parametrize("archetype", ACTIVE, ids=str)
async def test_work_of_an_edition_is_named_by_admins_alone(world: World, archetype: Archetype) -> None:
    client = await archetype.client(world, [(await targets(world, 1))[0].school])
    admin = await world.admin()
    known = (await admin.post("/edition", json={"isbn": new_isbn(), "title": "A Wrinkle in Time"})).json()
    body = {"isbn": new_isbn(), "work_id": int(known["work_id"])}
    answer = await client.post("/edition", json=body)
    if decide("Work", "update", archetype.values(client.id, []), {}):
        assert answer.json()["work_id"] == known["work_id"]
    else:
        assert answer.status_code == 403
        assert (await admin.get(f"/edition/{body['isbn']}")).status_code == 404


@pytest.mark.parametrize("archetype", ACTIVE, ids=str)
async def test_list_of_schools_shows_of_each_what_the_oracle_lets_see(world: World, archetype: Archetype) -> None:
    postcode = uuid4().hex
    info = {"location": {"state": "NSW", "postcode": postcode}, "sector": "Catholic"}
    own, other = await targets(world, 2, info=info)
    client = await archetype.client(world, [own.school])
    account = archetype.values(client.id, [own.school])
    answer = await client.get("/schools", params={"postcode": postcode})
    shown = {school["wriveted_identifier"]: school for school in answer.json()}
    assert len(shown) == 4
    for target in (own, other):
        school = shown[str(target.school)]
        for field in ("state", "subscription", "collection"):
            assert (field in school) is decide("School.shown", field, account, {"id": target.school}), field
        assert ("sector" in school["info"]) is decide("School", "read", account, {"id": target.school})
        assert school["admins"] == []


@pytest.mark.parametrize("archetype", ACTIVE, ids=str)
@pytest.mark.parametrize("private", ["is_active", "connected_collection", "has_active_subscription"])
async def test_filter_on_what_is_hidden_finds_only_what_may_be_read(
    world: World, archetype: Archetype, private: str
) -> None:
    """Or the filter would tell, school by school, what the list does not show."""
    postcode = uuid4().hex
    own, other = await targets(world, 2, info={"location": {"state": "NSW", "postcode": postcode}})
    client = await archetype.client(world, [own.school])
    account = archetype.values(client.id, [own.school])
    all_schools = {own.school, other.school, own.bare_school, other.bare_school}
    readable = {str(school) for school in all_schools if decide("School", "read", account, {"id": school})}
    found = []
    for value in (True, False):
        answer = await client.get("/schools", params={"postcode": postcode, private: value})
        found += [school["wriveted_identifier"] for school in answer.json()]
    assert sorted(found) == sorted(readable)


@pytest.mark.parametrize("archetype", ACTIVE, ids=str)
async def test_lists_of_events_hold_what_may_be_read_and_nothing_else(world: World, archetype: Archetype) -> None:
    own, other = await targets(world, 2)
    client = await archetype.client(world, [own.school])
    account = archetype.values(client.id, [own.school])
    word = uuid4().hex
    events = [
        Event(id=uuid4(), title=f"{word} {number}", level=EventLevel.NORMAL, school_id=school, service_account_id=by)
        for number, (school, by) in enumerate(
            [
                (own.school, None),
                (other.school, None),
                (None, None),
                (None, other.service_account),
                (own.school, client.id if archetype.kind != "admin" else None),
            ]
        )
    ]
    async with world.session() as session:
        session.add_all(events)
    readable = {
        event.title
        for event in events
        if decide("Event", "read", account, {"school": event.school_id, "title": event.title})
    }
    assert {event["title"] for event in await _paged(client, "/events", query=word)} == readable
    filters: list[dict[str, Any]] = [{"school_id": str(other.school)}, {"service_account_id": str(own.service_account)}]
    for wanted in filters:
        assert {event["title"] for event in await _paged(client, "/events", query=word, **wanted)} <= readable
    titles = set(await _paged(client, "/event-types"))
    assert {title for title in titles if title.startswith(word)} == readable


@pytest.mark.parametrize("archetype", ACTIVE, ids=str)
async def test_list_of_service_accounts_holds_what_may_be_read_and_nothing_else(
    world: World, archetype: Archetype
) -> None:
    own, other = await targets(world, 2)
    client = await archetype.client(world, [own.school])
    account = archetype.values(client.id, [own.school])
    linked = {uuid4(): [own.school], uuid4(): [other.school], uuid4(): [own.school, other.school], uuid4(): []}
    async with world.session() as session:
        for account_id, schools in linked.items():
            links = [ServiceAccountSchool(school_id=school) for school in schools]
            session.add(ServiceAccount(id=account_id, name="A", type=ServiceAccountType.LMS, links=links))
    readable = {str(of) for of, at in linked.items() if decide("ServiceAccount", "read", account, {"schools": at})}
    listed = {found["id"] for found in await _paged(client, "/service-accounts")}
    assert listed & {str(of) for of in linked} == readable
    assert account["kind"] in ("admin", "backend") or not listed


async def _paged(client: Client, path: str, **query: Any) -> list[Any]:
    """Every row of a list, whatever its envelope."""
    rows: list[Any] = []
    answer = await client.get(path, params={"limit": 1000, **query})
    while True:
        assert answer.status_code == 200, answer.text
        body = answer.json()
        rows += body if isinstance(body, list) else body["data"]
        if "next" not in answer.links:
            return rows
        answer = await client.get(answer.links["next"]["url"].removeprefix("/v1"))
