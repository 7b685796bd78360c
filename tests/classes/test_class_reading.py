"""Who sees which classes, and how much of them."""

from typing import Any

import pytest

from app.accounts.models import User
from app.core.db import Database
from tests.classes.test_class_changes import create
from tests.schools.statements import statements
from tests.world import Client, World

BRIEF = {"id", "school_id", "name", "student_count", "updated_at"}
OF_STAFF = BRIEF | {"note", "join_code", "join_code_expires_at", "students"}
OF_MEMBERS = BRIEF | {"join_code", "students"}


async def listed(client: Client, **query: Any) -> list[str]:
    answer = await client.get("/classes", params=query)
    assert answer.status_code == 200, answer.text
    return [each["name"] for each in answer.json()["data"]]


@pytest.mark.parametrize("role", ["admin", "school_admin", "educator"])
async def test_staff_see_all_of_a_class(world: World, role: str) -> None:
    school = await world.school()
    client = await (world.admin() if role == "admin" else getattr(world, role)(school))
    created = await create(client, school)
    educator = await world.educator(school)
    group = await world.class_group(school)
    student = await world.student(group, username="MerryOtter42")
    body = {"members": [{"action": "add", "user_id": str(student.id)}], "note": "Room 12"}
    await educator.patch(f"/class/{created['id']}", json=body)
    shown = (await client.get(f"/class/{created['id']}")).json()
    assert shown.keys() == OF_STAFF
    assert (shown["join_code"], shown["note"], shown["student_count"]) == (created["join_code"], "Room 12", 1)
    assert shown["students"] == [
        {
            "id": str(student.id),
            "type": "student",
            "name": "Kim K",
            "first_name": "Kim",
            "last_name_initial": "K",
            "username": "MerryOtter42",
            "school": {
                "wriveted_identifier": str(school.wriveted_identifier),
                "name": school.name,
                "official_identifier": school.official_identifier,
                "country_code": "AUS",
            },
        }
    ]


async def test_a_pupil_sees_the_code_and_the_first_names_of_the_own_class(world: World) -> None:
    school = await world.school()
    group = await world.class_group(school, "4A")
    kim = await world.student(group, username="MerryOtter42")
    gone = await world.student(group, first_name="Lee", last_name_initial=None)
    await world.student(group, first_name="Ann", last_name_initial="B", username="ZestyYak77")
    async with world.session() as session:
        (await session.get_one(User, gone.id)).is_active = False
    answer = await kim.get(f"/class/{group.id}")
    shown = answer.json()
    assert shown.keys() == OF_MEMBERS
    assert shown["students"] == [
        {"first_name": "Ann", "last_name_initial": "B"},
        {"first_name": "Kim", "last_name_initial": "K"},
    ]
    assert not [name for name in ("MerryOtter42", "ZestyYak77", str(kim.id)) if name in answer.text]


async def test_others_of_the_school_see_a_class_in_brief(world: World) -> None:
    school = await world.school()
    group = await world.class_group(school)
    student = await world.student(await world.class_group(school))
    for client in (student, await world.service("kiosk", school), await world.service("school", school)):
        shown = await client.get(f"/class/{group.id}")
        assert (shown.status_code, shown.json().keys()) == (200, BRIEF)


async def test_everybody_else_sees_no_class(world: World) -> None:
    school, other = await world.school(), await world.school()
    group = await world.class_group(school)
    strangers = [
        await world.lms(school),
        await world.public_reader(),
        await world.parent(),
        await world.educator(other),
        await world.student(await world.class_group(other)),
        await world.service("kiosk", other),
    ]
    for client in strangers:
        answer = await client.get(f"/class/{group.id}")
        assert (answer.status_code, answer.json()["permission"]) == (403, "read")
        assert await listed(client, school_id=str(school.wriveted_identifier)) == []
    assert (await world.http.get(f"/v1/class/{group.id}")).status_code == 401
    assert (await world.http.get("/v1/classes")).status_code == 401


async def test_the_list_has_the_own_schools_classes_by_name_with_their_sizes(world: World) -> None:
    school, other = await world.school(), await world.school()
    group = await world.class_group(school, "B")
    await world.class_group(school, "A")
    await world.class_group(other, "C")
    student = await world.student(group)
    for client in (await world.educator(school), student, await world.service("kiosk", school)):
        answer = (await client.get("/classes")).json()
        assert [(each["name"], each["student_count"]) for each in answer["data"]] == [("A", 0), ("B", 1)]
        assert {frozenset(each) for each in answer["data"]} == {frozenset(BRIEF)}
        assert answer["pagination"] == {"skip": 0, "limit": 100, "total": 2, "page": 1}
    admin = await world.admin()
    assert await listed(admin, school_id=str(other.wriveted_identifier)) == ["C"]
    assert len(await listed(admin, limit=3)) == 3


async def test_text_is_looked_for_as_it_is(world: World) -> None:
    school = await world.school()
    for name in ("100% readers", "1000 readers", "a_b", "aXb", r"back\slash"):
        await world.class_group(school, name)
    educator = await world.educator(school)
    assert await listed(educator, query="0%") == ["100% readers"]
    assert await listed(educator, query="A_B") == ["a_b"]
    assert await listed(educator, query="\\") == [r"back\slash"]
    assert await listed(educator, query="READERS") == ["100% readers", "1000 readers"]


async def test_pages_follow_each_other_by_cursor_and_by_skip(world: World) -> None:
    school = await world.school()
    names = [f"Class {number:02}" for number in range(7)]
    for name in reversed(names):
        await world.class_group(school, name)
    educator = await world.educator(school)
    seen, path = [], "/classes?limit=3"
    while path:
        answer = await educator.get(path)
        seen += [each["name"] for each in answer.json()["data"]]
        path = answer.links["next"]["url"].removeprefix("/v1") if "next" in answer.links else ""
    assert seen == names
    assert await listed(educator, skip=2, limit=3) == names[2:5]
    for query in ({"limit": 0}, {"limit": 1001}, {"skip": -1}, {"school_id": "1"}, {"query": "x" * 201}):
        assert (await educator.get("/classes", params=query)).status_code == 422


async def test_lists_and_details_take_as_many_statements_whatever_the_number_of_rows(
    world: World, database: Database
) -> None:
    sent = []
    for number in (1, 9):
        school = await world.school()
        educator = await world.educator(school)
        groups = [await world.class_group(school) for _ in range(number)]
        for _ in range(number):
            await world.student(groups[0])
        with statements(database) as words:
            assert len(await listed(educator)) == number
            assert len((await educator.get(f"/class/{groups[0].id}")).json()["students"]) == number
        sent.append(words)
    assert sent[0] == sent[1] == ["SELECT"] * 6
