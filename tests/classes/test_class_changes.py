"""Creating, changing and deleting classes, by who asks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from app.accounts.models import Student, User
from app.audit.models import AuditRow
from app.classes.codes import ALPHABET, LENGTH
from app.classes.models import ClassGroup
from app.core.db import Database
from app.events.models import Event
from app.schools.models import School
from tests.schools.statements import statements
from tests.world import Client, World

Caller = Callable[[World, School], Awaitable[Client]]


async def a_student(world: World, school: School) -> Client:
    return await world.student(await world.class_group(school))


STAFF: dict[str, Caller] = {
    "admin": lambda world, school: world.admin(),
    "school admin": lambda world, school: world.school_admin(school),
    "educator": lambda world, school: world.educator(school),
}
OTHERS: dict[str, Caller] = {
    "student of the school": a_student,
    "kiosk of the school": lambda world, school: world.service("kiosk", school),
    "library system of the school": lambda world, school: world.lms(school),
    "public reader": lambda world, school: world.public_reader(),
}


async def create(client: Client, school: School, name: str = "3B", **body: Any) -> Any:
    answer = await client.post(f"/school/{school.wriveted_identifier}/class", json={"name": name, **body})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def student_row(world: World, client: Client) -> tuple[UUID | None, bool]:
    async with world.session() as session:
        student = await session.get_one(Student, client.id)
        return student.class_group_id, student.is_active


async def events_of(world: World, school: School) -> list[Event]:
    async with world.session() as session:
        found = select(Event).where(Event.school_id == school.wriveted_identifier).order_by(Event.timestamp)
        return list(await session.scalars(found))


@pytest.mark.parametrize("role", STAFF)
async def test_staff_create_a_class_with_a_code(world: World, role: str) -> None:
    school = await world.school()
    created = await create(await STAFF[role](world, school), school, " 3B ")
    assert created == created | {
        "school_id": str(school.wriveted_identifier),
        "name": "3B",
        "student_count": 0,
        "note": None,
    }
    assert len(created["join_code"]) == LENGTH
    assert set(created["join_code"]) <= set(ALPHABET)
    assert datetime.fromisoformat(created["join_code_expires_at"]) > datetime.now(UTC) + timedelta(days=364)
    (event,) = await events_of(world, school)
    assert (event.title, event.info["class_group_id"]) == ("New class created", created["id"])
    assert created["join_code"] not in str(event.info) + event.description


async def test_the_code_is_nowhere_in_the_database_to_be_read(world: World) -> None:
    school = await world.school()
    key = {"Idempotency-Key": uuid4().hex}
    admin = await world.admin()
    answer = await admin.post(f"/school/{school.wriveted_identifier}/class", json={"name": "3B"}, headers=key)
    code = answer.json()["join_code"]
    async with world.database.transaction(reading=True) as transaction:
        for table in ("class_groups", "idempotency_records", "events", "audit_log"):
            found = await transaction.driver.execute(f"SELECT {table}::text FROM {table}")
            assert not [row for (row,) in await found.fetchall() if code in row or code.encode().hex() in row], table
    again = await admin.post(f"/school/{school.wriveted_identifier}/class", json={"name": "3B"}, headers=key)
    assert again.json() == answer.json()


@pytest.mark.parametrize("role", OTHERS)
async def test_nobody_else_creates_changes_deletes_or_rotates(world: World, role: str) -> None:
    school = await world.school()
    group = await world.class_group(school, "4A")
    client = await OTHERS[role](world, school)
    for method, path, permission in (
        ("POST", f"/school/{school.wriveted_identifier}/class", "create"),
        ("PATCH", f"/class/{group.id}", "update"),
        ("DELETE", f"/class/{group.id}", "delete"),
        ("POST", f"/class/{group.id}/rotate-code", "update"),
    ):
        answer = await client.request(method, path, json={"name": "3B"})
        assert (answer.status_code, answer.json()["permission"]) == (403, permission), path
    assert await events_of(world, school) == []


@pytest.mark.parametrize("role", ["school admin", "educator"])
async def test_staff_of_one_school_do_nothing_in_another(world: World, role: str) -> None:
    own, other = await world.school(), await world.school()
    group = await world.class_group(other)
    client = await STAFF[role](world, own)
    for method, path in (
        ("POST", f"/school/{other.wriveted_identifier}/class"),
        ("GET", f"/class/{group.id}"),
        ("PATCH", f"/class/{group.id}"),
        ("DELETE", f"/class/{group.id}"),
        ("POST", f"/class/{group.id}/rotate-code"),
    ):
        body = {} if method == "GET" else {"json": {"name": "3B"}}
        assert (await client.request(method, path, **body)).status_code == 403, path


async def test_the_school_of_the_path_is_the_school(world: World) -> None:
    own, other = await world.school(), await world.school()
    educator = await world.educator(own)
    assert (await create(educator, own, school_id=str(own.wriveted_identifier)))["name"] == "3B"
    answer = await educator.post(
        f"/school/{own.wriveted_identifier}/class", json={"name": "4A", "school_id": str(other.wriveted_identifier)}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/school_id")
    async with world.session() as session:
        where = ClassGroup.school_id.in_([own.wriveted_identifier, other.wriveted_identifier])
        assert (await session.scalars(select(func.count()).where(where))).one() == 1


async def test_a_school_that_does_not_exist_is_not_found(world: World) -> None:
    admin = await world.admin()
    assert (await admin.post(f"/school/{uuid4()}/class", json={"name": "3B"})).status_code == 404
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-code")):
        assert (await admin.request(method, f"/class/{uuid4()}{path}", json={})).status_code == 404


async def test_a_name_is_once_in_a_school_also_in_a_race(world: World) -> None:
    school, other, admin = await world.school(), await world.school(), await world.admin()
    path = f"/school/{school.wriveted_identifier}/class"
    answers = await asyncio.gather(*(admin.post(path, json={"name": "3B"}) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    refused = next(answer for answer in answers if answer.status_code == 409).json()
    assert (refused["code"], refused["errors"][0]["pointer"]) == ("already_exists", "/name")
    await create(admin, other)
    group = await create(admin, school, "4A")
    renamed = await admin.patch(f"/class/{group['id']}", json={"name": "3B"})
    assert (renamed.status_code, renamed.json()["errors"][0]["pointer"]) == (409, "/name")


@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": " "}, {"name": None}, {"name": "x" * 257}, {"name": "a\0"}]
)
async def test_a_class_needs_a_name(world: World, body: Any) -> None:
    school, admin = await world.school(), await world.admin()
    answer = await admin.post(f"/school/{school.wriveted_identifier}/class", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/name")


async def test_name_and_note_are_stored_absent_keeps_and_null_clears_the_note(world: World) -> None:
    school = await world.school()
    educator = await world.educator(school)
    path = f"/class/{(await create(educator, school))['id']}"
    noted = (await educator.patch(path, json={"note": "Room 12"})).json()
    assert (noted["name"], noted["note"]) == ("3B", "Room 12")
    renamed = (await educator.patch(path, json={"name": "4A"})).json()
    assert (renamed["name"], renamed["note"]) == ("4A", "Room 12")
    assert (await educator.patch(path, json={"note": None})).json()["note"] is None
    refused = await educator.patch(path, json={"name": None})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/name")
    read = (await educator.get(path)).json()
    assert (read["name"], read["note"]) == ("4A", None)
    titles = [event.title for event in await events_of(world, school)]
    assert titles == ["New class created", *["Class Updated"] * 3]


async def test_a_change_that_changes_nothing_leaves_no_event(world: World) -> None:
    school = await world.school()
    educator = await world.educator(school)
    group = await create(educator, school)
    for change in ({}, {"name": "3B"}, {"note": None}, {"members": []}, {"members": None, "admins": None}):
        assert (await educator.patch(f"/class/{group['id']}", json=change)).status_code == 200
    assert [event.title for event in await events_of(world, school)] == ["New class created"]


async def test_a_class_has_no_admins_of_its_own(world: World) -> None:
    school = await world.school()
    educator = await world.educator(school)
    group = await create(educator, school)
    body = {"name": "4A", "admins": [{"action": "add", "user_id": str(educator.id)}]}
    answer = await educator.patch(f"/class/{group['id']}", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/admins")
    assert (await educator.get(f"/class/{group['id']}")).json()["name"] == "3B"


async def test_members_are_moved_in_and_out_at_once(world: World) -> None:
    school = await world.school()
    educator = await world.educator(school)
    old, new = await world.class_group(school), await world.class_group(school)
    moving, leaving, staying = await world.student(old), await world.student(new), await world.student(new)
    body = {
        "members": [
            {"action": "add", "user_id": str(moving.id)},
            {"action": "add", "user_id": str(staying.id)},
            {"action": "remove", "user_id": str(leaving.id)},
        ]
    }
    answer = await educator.patch(f"/class/{new.id}", json=body)
    assert answer.status_code == 200, answer.text
    assert {each["id"] for each in answer.json()["students"]} == {str(moving.id), str(staying.id)}
    assert answer.json()["student_count"] == 2
    assert await student_row(world, moving) == (new.id, True)
    assert await student_row(world, leaving) == (None, True)
    (event,) = await events_of(world, school)
    assert (event.info["added"], event.info["removed"]) == ([str(moving.id)], [str(leaving.id)])
    assert (await moving.get(f"/class/{new.id}")).status_code == 200
    assert set((await moving.get(f"/class/{old.id}")).json()) == {
        "id",
        "school_id",
        "name",
        "student_count",
        "updated_at",
    }


async def test_members_that_cannot_be_moved_are_pointed_at_and_nothing_is_written(world: World) -> None:
    school, other = await world.school(), await world.school()
    educator = await world.educator(school)
    group = await world.class_group(school)
    fine, foreign = await world.student(await world.class_group(school)), await a_student(world, other)
    elsewhere, twice = await a_student(world, school), await world.student(group)
    members = [
        ("add", fine.id, None),
        ("add", foreign.id, "not_found"),
        ("add", educator.id, "not_found"),
        ("remove", uuid4(), "not_found"),
        ("remove", elsewhere.id, "not_a_member"),
        ("add", twice.id, "duplicate"),
        ("remove", twice.id, "duplicate"),
    ]
    body = {"note": "x", "members": [{"action": action, "user_id": str(id_)} for action, id_, _ in members]}
    answer = await educator.patch(f"/class/{group.id}", json=body)
    expected = [(f"/members/{n}/user_id", code) for n, (_, _, code) in enumerate(members) if code]
    assert answer.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == expected
    assert (await educator.get(f"/class/{group.id}")).json()["note"] is None
    assert (await student_row(world, fine))[0] != group.id
    assert (await student_row(world, foreign))[1]


async def test_moving_many_takes_a_fixed_number_of_statements(world: World, database: Database) -> None:
    school = await world.school()
    educator = await world.educator(school)
    group, other = await world.class_group(school), await world.class_group(school)
    students = [await world.student(other) for _ in range(12)]
    sent = []
    for some in (students[:2], students[2:]):
        body = {"members": [{"action": "add", "user_id": str(each.id)} for each in some]}
        with statements(database) as words:
            assert (await educator.patch(f"/class/{group.id}", json=body)).status_code == 200
        sent.append(words)
    assert sent[0] == sent[1]


@pytest.mark.parametrize("role", STAFF)
async def test_a_deleted_class_leaves_its_students_in_the_school_without_a_class_and_inactive(
    world: World, role: str
) -> None:
    school = await world.school()
    client = await STAFF[role](world, school)
    group, other = await world.class_group(school, "4A"), await world.class_group(school)
    inside, outside = await world.student(group), await world.student(other)
    answer = await client.delete(f"/class/{group.id}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == answer.json() | {"id": str(group.id), "name": "4A", "student_count": 1}
    assert (await client.delete(f"/class/{group.id}")).status_code == 404
    assert await student_row(world, inside) == (None, False)
    assert await student_row(world, outside) == (other.id, True)
    assert (await inside.get("/auth/me")).status_code == 401
    assert (await outside.get(f"/class/{other.id}")).status_code == 200
    (event,) = await events_of(world, school)
    assert (event.title, event.info["student_count"]) == ("Class Deleted", 1)
    async with world.session() as session:
        noted = (await session.scalars(select(AuditRow).where(AuditRow.subject == f"class_group:{group.id}"))).one()
        assert (noted.action, noted.details) == ("user.deactivated", {"user_ids": [str(inside.id)]})
        assert (await session.get_one(User, inside.id)).is_active is False


async def test_a_rotated_code_is_another_good_for_a_whole_lifetime_and_on_record(world: World) -> None:
    school = await world.school()
    educator = await world.educator(school)
    created = await create(educator, school)
    async with world.session() as session:
        (await session.get_one(ClassGroup, UUID(created["id"]))).join_code_expires_at = datetime.now(UTC)
    rotated = await educator.post(f"/class/{created['id']}/rotate-code")
    assert rotated.status_code == 200, rotated.text
    assert rotated.json()["join_code"] != created["join_code"]
    assert rotated.json()["join_code_expires_at"] > created["join_code_expires_at"]
    assert (await educator.get(f"/class/{created['id']}")).json()["join_code"] == rotated.json()["join_code"]
    async with world.session() as session:
        subject = f"class_group:{created['id']}"
        noted = (await session.scalars(select(AuditRow).where(AuditRow.subject == subject))).one()
        assert (noted.action, noted.actor) == ("class_code.rotated", f"user:{educator.id}")
    titles = [event.title for event in await events_of(world, school)]
    assert titles == ["New class created", "Class code rotated"]
