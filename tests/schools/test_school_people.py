"""A school's people: who sees its admins, and what becomes of everybody when it is deactivated or deleted."""

from uuid import UUID

import pytest
from sqlalchemy import func, select

from app.accounts.models import Educator, PublicReader, Reader, SchoolAdmin, Student, User, UserAccountType
from app.audit.models import AuditRow
from app.classes.models import ClassGroup
from app.core.db import Database
from app.schools.models import School
from tests.schools.statements import statements
from tests.world import Client, World


def path_of(school: School) -> str:
    return f"/school/{school.wriveted_identifier}"


async def found(client: Client, school: School) -> dict[str, object]:
    answer = await client.get("/schools", params={"official_identifier": school.official_identifier})
    (one,) = answer.json()
    return dict(one)


@pytest.mark.parametrize("role", ["admin", "school_admin"])
async def test_who_looks_after_a_school_sees_its_admins_by_name(world: World, role: str) -> None:
    school, other = await world.school(), await world.school()
    await world.school_admin(other)
    await world.educator(school)
    first = await world.school_admin(school)
    second = await world.school_admin(school)
    async with world.session() as session:
        (await session.get_one(User, first.id)).name = "Zoe Admin"
        (await session.get_one(User, second.id)).is_active = False
    client = first if role == "school_admin" else await world.admin()
    shown = (await client.get(path_of(school))).json()["admins"]
    assert [(each["id"], each["name"], each["is_active"]) for each in shown] == [
        (str(second.id), "Sam Admin", False),
        (str(first.id), "Zoe Admin", True),
    ]
    assert all(each["type"] == "school_admin" and "@" in each["email"] for each in shown)
    assert (await found(client, school))["admins"] == shown


async def test_nobody_else_sees_who_a_schools_admins_are(world: World) -> None:
    school, other = await world.school(), await world.school()
    await world.school_admin(school)
    for client in (
        await world.educator(school),
        await world.student(await world.class_group(school)),
        await world.lms(school),
        await world.service("kiosk", school),
        await world.service("school", school),
        await world.school_admin(other),
        await world.public_reader(),
    ):
        assert (await found(client, school))["admins"] == []
        answer = await client.get(path_of(school))
        assert answer.status_code == 403 or answer.json()["admins"] == []
        assert "Sam Admin" not in answer.text


async def test_admins_cost_no_statement(world: World, database: Database) -> None:
    admin = await world.admin()
    sent = []
    for number in (0, 5):
        school = await world.school()
        for _ in range(number):
            await world.school_admin(school)
        with statements(database) as words:
            assert len((await admin.get(path_of(school))).json()["admins"]) == number
            assert len(list((await found(admin, school))["admins"])) == number  # type: ignore[call-overload]
        sent.append(words)
    assert sent[0] == sent[1] == ["SELECT"] * 3


async def test_deactivating_a_school_takes_its_students_out_at_once_and_lets_them_back(world: World) -> None:
    school = await world.school()
    admin, educator = await world.school_admin(school), await world.educator(school)
    student = await world.student(await world.class_group(school))
    assert (await student.get("/classes")).status_code == 200
    for status, students, staff in (("inactive", 401, 200), ("pending", 200, 200), ("active", 200, 200)):
        assert (await admin.patch(path_of(school), json={"status": status})).status_code == 200
        assert (await student.get("/classes")).status_code == students
        assert (await educator.get("/classes")).status_code == staff


async def test_a_deleted_school_erases_its_students_and_leaves_its_staff_as_readers_who_are_not_active(
    world: World,
) -> None:
    school, other, admin = await world.school(), await world.school(), await world.admin()
    group = await world.class_group(school)
    student, classless = await world.student(group), await world.student(group)
    educator, head = await world.educator(school), await world.school_admin(school)
    await world.parent(student)
    await world.supporter(student)
    elsewhere = await world.student(await world.class_group(other))
    async with world.session() as session:
        (await session.get_one(Student, classless.id)).class_group_id = None
    answer = await admin.delete(path_of(school))
    assert (answer.status_code, answer.json()) == (200, {"msg": "School deleted"})
    async with world.session() as session:
        for table, ids, left in (
            (User, [student.id, classless.id], 0),
            (Reader, [student.id, classless.id], 0),
            (Educator, [educator.id, head.id], 0),
            (SchoolAdmin, [head.id], 0),
            (ClassGroup, [group.id], 0),
            (PublicReader, [educator.id, head.id], 2),
        ):
            rows = select(func.count()).select_from(table.__table__).where(table.__table__.c.id.in_(ids))
            assert (await session.scalars(rows)).one() == left, table
        for person in (educator, head):
            user = await session.get_one(User, person.id)
            assert isinstance(user, PublicReader)
            assert (user.type, user.is_active) == (UserAccountType.PUBLIC, False)
        rows = select(AuditRow.action, AuditRow.details).where(AuditRow.school_id == school.wriveted_identifier)
        noted = {row.action: row.details for row in await session.execute(rows)}
    assert noted["user.deleted"] == {"students": 2}
    assert {UUID(each) for each in noted["user.type_changed"]["user_ids"]} == {educator.id, head.id}
    for person in (student, educator, head):
        assert (await person.get("/auth/me")).status_code == 401
    assert (await elsewhere.get("/classes")).status_code == 200


async def test_deleting_a_school_takes_as_many_statements_whatever_its_size(world: World, database: Database) -> None:
    admin = await world.admin()
    sent = []
    for number in (0, 6):
        school = await world.school()
        group = await world.class_group(school)
        for _ in range(number):
            await world.student(group)
            await world.educator(school)
        with statements(database) as words:
            assert (await admin.delete(path_of(school))).status_code == 200
        sent.append([word for word in words if word != "INSERT"])
    assert sent[0] == sent[1] == ["SELECT", "SELECT", "WITH", "WITH", "DELETE"]
