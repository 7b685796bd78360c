"""New people: what each kind needs, who may bring whom in, and that all of a family comes or nobody."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from app.accounts.models import Student, User
from app.people import usernames
from tests.people.cast import KINDS, audited, body_of, events_of, faults, somebody_of, stored
from tests.world import World

NOBODY = "00000000-0000-4000-8000-000000000001"
"""The id of nothing."""
SCHOOLED = ("student", "educator", "school_admin")


async def count(world: World, *names: str) -> int:
    """How many people are called so."""
    async with world.session() as session:
        return (await session.scalars(select(func.count()).where(User.name.in_(names)))).one()


@pytest.mark.parametrize("kind", KINDS.values())
async def test_an_admin_creates_reads_lists_and_updates_somebody_of_any_kind(world: World, kind: str) -> None:
    admin, school = await world.admin(), await world.school()
    group = await world.class_group(school)
    name = f"Somebody {uuid4().hex}"
    answer = await admin.post("/user", json=body_of(kind, school, group) | {"name": name})
    assert answer.status_code == 200, answer.text
    created = answer.json()
    assert (created["type"], created["name"], created["is_active"]) == (kind, name, True)
    assert (await admin.get(f"/user/{created['id']}")).json() == created
    listed = (await admin.get("/users", params={"q": name})).json()
    assert [(each["id"], each["type"]) for each in listed["data"]] == [(created["id"], kind)]
    updated = await admin.patch(f"/user/{created['id']}", json={"newsletter": True})
    assert updated.status_code == 200, updated.text
    assert updated.json() == created | {"newsletter": True, "updated_at": updated.json()["updated_at"]}
    assert [event.title for event in await events_of(world, created["id"])] == ["User created", "User updated"]
    assert await audited(world, created["id"]) == [("user.created", {"type": kind})]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"first_name": "Kim", "last_name_initial": "K"}, ("Kim K", "Kim", "K")),
        ({"name": "Kim Lee Kato"}, ("Kim Lee Kato", "Kim", "K")),
        ({"name": "Kim"}, ("Kim", "Kim", None)),
        ({"first_name": "Kim"}, ("Kim", "Kim", None)),
        ({"name": "Kimberly Kato", "first_name": "Kim"}, ("Kimberly Kato", "Kim", "K")),
        ({"name": "  E\u0301mile Zola "}, ("\u00c9mile Zola", "\u00c9mile", "Z")),
    ],
)
async def test_a_name_and_its_parts_make_each_other(
    world: World, given: dict[str, Any], expected: tuple[str, str, str | None]
) -> None:
    answer = await (await world.admin()).post("/user", json=given)
    assert answer.status_code == 200, answer.text
    created = answer.json()
    assert created["type"] == "public"
    assert (created["name"], created["first_name"], created["last_name_initial"]) == expected


@pytest.mark.parametrize(
    ("body", "missing"),
    [
        ({}, {"/name", "/first_name"}),
        ({"type": "student", "name": "Kim K"}, {"/school_id", "/class_group_id"}),
        ({"type": "student"}, {"/name", "/first_name", "/last_name_initial", "/school_id", "/class_group_id"}),
        ({"type": "student", "name": "Kim"}, {"/last_name_initial", "/school_id", "/class_group_id"}),
        ({"type": "educator", "name": "Edith"}, {"/school_id"}),
        ({"type": "school_admin"}, {"/name", "/school_id"}),
        ({"type": "parent", "children": [{"type": "student", "name": "A B"}]}, None),
        ({"type": "supporter"}, {"/name"}),
        ({"type": "wriveted"}, {"/name"}),
    ],
)
async def test_what_a_kind_needs_and_is_not_given_is_named(
    world: World, body: dict[str, Any], missing: set[str] | None
) -> None:
    answer = await (await world.admin()).post("/user", json=body)
    assert answer.status_code == 422, answer.text
    expected = missing or {"/name", "/children/0/school_id", "/children/0/class_group_id"}
    assert faults(answer) == sorted((place, "missing") for place in expected)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"username": "kim"}, "/username"),
        ({"school_id": 1}, "/school_id"),
        ({"class_group_id": NOBODY}, "/class_group_id"),
        ({"type": "parent", "huey_attributes": {"age": 8}}, "/huey_attributes"),
        ({"type": "supporter", "parent_id": NOBODY}, "/parent_id"),
        ({"children": [{"name": "A B"}]}, "/children"),
        ({"type": "parent", "children": [{"name": "A", "children": [{"name": "B"}]}]}, "/children/0/children"),
        ({"type": "parent", "children": [{"type": "parent", "name": "A"}]}, "/children/0/type"),
        ({"type": "parent", "children": [{"name": "A", "parent_id": NOBODY}]}, "/children/0/parent_id"),
    ],
)
async def test_what_a_kind_does_not_have_is_refused_not_ignored(world: World, body: dict[str, Any], place: str) -> None:
    answer = await (await world.admin()).post("/user", json={"name": "Some Body"} | body)
    assert answer.status_code == 422
    assert (place, "not_applicable") in faults(answer)


async def test_a_school_is_named_by_its_uuid_or_by_its_small_number(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    for identifier in (str(school.wriveted_identifier), school.id):
        answer = await admin.post("/user", json={"type": "educator", "name": "Edith", "school_id": identifier})
        assert answer.json()["school"]["wriveted_identifier"] == str(school.wriveted_identifier)


@pytest.mark.parametrize("identifier", [NOBODY, 2**31 - 1])
async def test_a_school_that_does_not_exist_is_pointed_at(world: World, identifier: Any) -> None:
    body = {"type": "educator", "name": "Edith", "school_id": identifier}
    answer = await (await world.admin()).post("/user", json=body)
    assert answer.status_code == 422
    assert faults(answer) == [("/school_id", "not_found")]


async def test_a_class_has_to_be_one_of_the_school(world: World) -> None:
    admin, school, other = await world.admin(), await world.school(), await world.school()
    elsewhere = await world.class_group(other)
    for group in (str(elsewhere.id), str(uuid4())):
        body = body_of("student", school, elsewhere) | {"class_group_id": group}
        answer = await admin.post("/user", json=body)
        assert answer.status_code == 422
        assert faults(answer) == [("/class_group_id", "not_found")]


async def test_a_parent_has_to_be_one(world: World) -> None:
    admin, reader, parent = await world.admin(), await world.public_reader(), await world.parent()
    for identifier in (uuid4(), reader.id):
        answer = await admin.post("/user", json={"name": "A B", "parent_id": str(identifier)})
        assert faults(answer) == [("/parent_id", "not_found")]
    answer = await admin.post("/user", json={"name": "A B", "parent_id": str(parent.id)})
    assert answer.json()["parent"] == {"id": str(parent.id), "type": "parent", "name": "Pat Parent"}


@pytest.mark.parametrize(("first", "second"), [("kim@example.com", "KIM@Example.COM"), ("ÉMIL@b.co", "émil@b.co")])
async def test_an_address_is_of_one_account_however_it_is_written(world: World, first: str, second: str) -> None:
    admin, tag = await world.admin(), uuid4().hex
    assert (await admin.post("/user", json={"name": "A", "email": tag + first})).status_code == 200
    answer = await admin.post("/user", json={"name": "B", "email": tag.upper() + second})
    assert answer.status_code == 409
    assert faults(answer) == [("/email", "already_exists")]


async def test_of_many_at_once_who_ask_for_one_address_one_gets_it(world: World) -> None:
    admin, email = await world.admin(), f"{uuid4().hex}@example.com"
    asked = [admin.post("/user", json={"name": "A", "email": email.upper() if n % 2 else email}) for n in range(8)]
    statuses = sorted(answer.status_code for answer in await asyncio.gather(*asked))
    assert statuses == [200] + [409] * 7


async def test_two_children_with_one_address_are_both_pointed_at_and_nobody_is_created(world: World) -> None:
    admin, name, email = await world.admin(), f"Pat {uuid4().hex}", f"{uuid4().hex}@example.com"
    children = [{"name": f"{name} A", "email": email}, {"name": "Other"}, {"name": f"{name} B", "email": email}]
    answer = await admin.post("/user", json={"type": "parent", "name": name, "children": children})
    assert answer.status_code == 409
    assert faults(answer) == [("/children/0/email", "already_exists"), ("/children/2/email", "already_exists")]
    assert await count(world, name, f"{name} A", f"{name} B") == 0


async def test_a_family_is_created_together_whatever_its_size_in_as_many_statements(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    group = await world.class_group(school)

    async def create(number: int) -> dict[str, Any]:
        student = {**body_of("student", school, group)}
        children = [student if n % 2 else {"name": f"Child {n}"} for n in range(number)]
        answer = await admin.post("/user", json={"type": "parent", "name": "Pat", "children": children})
        assert answer.status_code == 200, answer.text
        created: dict[str, Any] = answer.json()
        return created

    family = await create(7)
    assert len(family["children"]) == 7
    for child in family["children"]:
        assert (await admin.get(f"/user/{child['id']}")).json()["parent"]["id"] == family["id"]
        assert [event.title for event in await events_of(world, child["id"])] == ["User created"]
        assert [action for action, _ in await audited(world, child["id"])] == ["user.created"]
    assert await world.count_statements(create(4)) == await world.count_statements(create(50))


async def test_a_family_with_one_fault_is_not_created_at_all(world: World) -> None:
    admin, name = await world.admin(), f"Pat {uuid4().hex}"
    children = [{"name": f"{name} A"}, {"type": "student", "name": "B C"}]
    answer = await admin.post("/user", json={"type": "parent", "name": name, "children": children})
    assert answer.status_code == 422
    assert await count(world, name, f"{name} A") == 0


async def test_a_student_without_a_user_name_gets_one_that_tells_nothing_of_the_child(world: World) -> None:
    school = await world.school()
    group, educator = await world.class_group(school), await world.educator(school)
    answer = await educator.post("/user", json=body_of("student", school, group))
    adjective, noun, _ = answer.json()["username"].split("-")
    assert adjective in usernames.ADJECTIVES
    assert noun in usernames.NOUNS


async def test_a_user_name_is_of_one_student_of_the_school_in_any_case(world: World) -> None:
    school, other = await world.school(), await world.school()
    group, educator = await world.class_group(school), await world.educator(school)
    given = body_of("student", school, group) | {"username": "Brave-Otter"}
    assert (await educator.post("/user", json=given)).status_code == 200
    answer = await educator.post("/user", json=given | {"username": "brave-OTTER"})
    assert answer.status_code == 409
    assert faults(answer) == [("/username", "already_exists")]
    elsewhere = body_of("student", other, await world.class_group(other)) | {"username": "brave-otter"}
    assert (await (await world.educator(other)).post("/user", json=elsewhere)).status_code == 200


async def test_students_created_at_once_never_share_a_user_name(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few there are to choose from, a race is lost with a 409 that says to try again."""
    monkeypatch.setattr(usernames, "NOUNS", ("otter",))
    monkeypatch.setattr(usernames, "ADJECTIVES", ("brave",))
    school = await world.school()
    group, educator = await world.class_group(school), await world.educator(school)
    asked = [educator.post("/user", json=body_of("student", school, group)) for _ in range(12)]
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"busy"}
    async with world.session() as session:
        names = list(await session.scalars(select(Student.username).where(Student.class_group_id == group.id)))
    assert len(set(names)) == len(names) == sum(answer.status_code == 200 for answer in answers)


@pytest.mark.parametrize("kind", KINDS.values())
@pytest.mark.parametrize(
    "role", ["educator", "school_admin", "student", "parent", "public", "supporter", "lms", "school"]
)
async def test_staff_bring_in_people_of_their_school_and_nobody_else_does(world: World, role: str, kind: str) -> None:
    school = await world.school()
    group = await world.class_group(school)
    names = {api: name for name, api in KINDS.items()}
    caller = await (somebody_of(world, names[role], school, group) if role in names else world.service(role, school))
    body = body_of(kind, school, group)
    if role == "educator":
        body.pop("email", None)
    answer = await caller.post("/user", json=body)
    granted = (role == "educator" and kind == "student") or (role == "school_admin" and kind in SCHOOLED)
    assert answer.status_code == (200 if granted else 403), answer.text
    if not granted:
        assert (answer.json()["permission"], answer.json()["resource"]) == ("create", names[kind])


@pytest.mark.parametrize("kind", SCHOOLED)
async def test_staff_bring_nobody_in_at_another_school(world: World, kind: str) -> None:
    school, other = await world.school(), await world.school()
    group, caller = await world.class_group(other), await world.school_admin(school)
    body = body_of(kind, other, group)
    for identifier in (str(other.wriveted_identifier), other.id, str(uuid4()), 2**31 - 1):
        answer = await caller.post("/user", json=body | {"school_id": identifier})
        assert answer.status_code == 403, answer.text


@pytest.mark.parametrize(
    ("role", "kind", "field", "value"),
    [
        ("educator", "student", "email", "child@example.com"),
        ("educator", "student", "info", {"sign_in_provider": "google.com"}),
        ("educator", "student", "parent_id", NOBODY),
        ("school_admin", "student", "email", "child@example.com"),
        ("school_admin", "educator", "info", {"phone_number": "+61400000000"}),
    ],
)
async def test_who_brings_somebody_in_says_no_more_of_them_than_they_may_write(
    world: World, role: str, kind: str, field: str, value: Any
) -> None:
    school = await world.school()
    group = await world.class_group(school)
    caller = await (world.educator(school) if role == "educator" else world.school_admin(school))
    answer = await caller.post("/user", json=body_of(kind, school, group) | {field: value})
    assert answer.status_code == 403
    assert faults(answer) == [(f"/{field}", "field_forbidden")]


async def test_what_this_release_does_not_have_is_refused(world: World) -> None:
    admin = await world.admin()
    answer = await admin.post("/user", json={"name": "A", "checkout_session_id": "cs_1"})
    assert faults(answer) == [("/checkout_session_id", "not_available")]
    answer = await admin.post("/user?generate_pathway_lists=true", json={"name": "A"})
    assert faults(answer) == [("/query/generate_pathway_lists", "not_available")]
    body = {"name": "A", "checkout_session_id": None}
    assert (await admin.post("/user?generate_pathway_lists=false", json=body)).status_code == 200


async def test_a_retry_with_its_key_creates_nobody_twice(world: World) -> None:
    admin, name = await world.admin(), f"Once {uuid4().hex}"
    headers = {"Idempotency-Key": uuid4().hex}
    answers = [await admin.post("/user", json={"name": name}, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert await count(world, name) == 1


@pytest.mark.parametrize(
    "body",
    [
        {"name": "A", "email": "no address"},
        {"name": "", "type": "public"},
        {"name": "A", "last_name_initial": "KK"},
        {"name": "A", "type": "reader"},
        {"name": "A", "huey_attributes": {"hues": ["hue99"]}},
        {"name": "A", "huey_attributes": {"birthdate": "yesterday"}},
        {"name": "A", "info": {"phone_number": "0400 000 000"}},
        {"name": "A", "info": {"other": {"long": ["x" * 9_000, "y" * 9_000]}}},
        {"name": "A", "newsletter": "maybe"},
        {"name": "A", "type": "student", "school_id": -1},
        {"name": "A", "type": "parent", "children": [{"name": "B"}] * 51},
    ],
)
async def test_what_cannot_be_is_a_fault_of_the_input(world: World, body: dict[str, Any]) -> None:
    answer = await (await world.admin()).post("/user", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


async def test_nobodys_name_or_address_stands_in_events_or_the_audit(world: World) -> None:
    admin, name, email = await world.admin(), f"Secret{uuid4().hex}", f"{uuid4().hex}@example.com"
    created = (await admin.post("/user", json={"name": name, "email": email})).json()["id"]
    await admin.patch(f"/user/{created}", json={"name": f"{name} B", "email": f"new-{email}"})
    told = [f"{event.description} {event.info}" for event in await events_of(world, created)]
    told += [str(row) for row in await audited(world, created)]
    assert len(told) == 4
    assert not any(name in line or email in line for line in told)
    assert (await stored(world, created))["user"]["email"] == f"new-{email}"
