"""Who sees whom, and how much of them: one person, and lists."""

from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import psycopg

from app.accounts.models import User, UserAccountType
from app.accounts.principals import of_user
from app.audit.actions import VIEWED
from app.audit.models import AuditRow
from app.collections.models import Collection
from app.core.db import driver_of
from app.people.bodies import UserFilter
from app.people.queries import people_matching
from app.people.schemas import HueKey, ReadingAbilityKey
from tests.oracle.oracle import decide
from tests.people.cast import KINDS, Cast, Writer, cast, faults
from tests.world import Client, World

PHONE = "+61400000000"
WHOLE = {"created_at", "updated_at", "newsletter", "info"}
SHOWN = ("Student", "PublicReader", "Educator", "SchoolAdmin", "Parent")
"""Of whom the table says what is shown to whom; of others, to themselves and administrators everything."""


CROWD = """
WITH u AS (INSERT INTO users (id, is_active, type, name, newsletter)
           SELECT gen_random_uuid(), true, 'student', 'Crowd ' || number, false
             FROM generate_series(1, 2000) AS number RETURNING id),
     r AS (INSERT INTO readers (id) SELECT id FROM u RETURNING id)
INSERT INTO students (id, username, school_id, class_group_id) SELECT id, id::text, :school_id, :class_group_id FROM r
"""


async def reach(world: World, person: UUID, email: str | None = None) -> str:
    """Give somebody an e-mail address and a phone number; the address."""
    email = email or f"{uuid4().hex}@example.com"
    async with world.session() as session:
        user = await session.get_one(User, person)
        user.email, user.info = email, {"phone_number": PHONE}
    return email


@pytest.mark.parametrize("kind", KINDS)
async def test_everybody_sees_of_somebody_what_the_table_shows_them(world: World, kind: str) -> None:
    here = await cast(world, kind)
    email = await reach(world, here.somebody.id)
    for relation, writer in here.writers.items():
        answer = await writer.client.get(f"/user/{here.somebody.id}")
        check_shown(kind, here, writer, answer.status_code, answer.json(), email, relation)


def check_shown(kind: str, here: Cast, writer: Writer, status: int, seen: Any, email: str, relation: str) -> None:
    def shown(part: str) -> bool:
        if kind in SHOWN:
            return decide(f"{kind}.shown", part, writer.account, here.row)
        return part != "nickname" and decide(kind, "read", writer.account, here.row)

    at = (kind, relation, seen)
    sees_a_little = shown("nickname") if kind in ("Student", "PublicReader") else shown("name")
    assert status == (200 if shown("everything") or sees_a_little else 403), at
    assert (status == 403) or not (decide(kind, "read", writer.account, here.row) and "name" not in seen), at
    if shown("everything"):
        assert seen.keys() >= WHOLE, at
        assert seen["email"] == (email if shown("contact") else None), at
        assert seen["info"]["phone_number"] == (PHONE if shown("contact") else None), at
    elif status == 200:
        assert seen.keys() == {"id", "type", "name" if kind == "Parent" else "first_name"}, at
    else:
        assert (seen["code"], seen["permission"], seen["resource"]) == ("permission_missing", "read", kind), at


@pytest.mark.parametrize("kind", KINDS)
async def test_a_list_holds_whom_the_table_lets_read_and_shows_them_alike(world: World, kind: str) -> None:
    here = await cast(world, kind)
    email = await reach(world, here.somebody.id)
    for relation, writer in here.writers.items():
        found = await everybody(writer.client)
        assert (str(here.somebody.id) in found) is decide(kind, "read", writer.account, here.row), relation
        if (row := found.get(str(here.somebody.id))) is not None:
            seen = (await writer.client.get(f"/user/{here.somebody.id}")).json()
            assert row.items() <= seen.items(), relation
            assert (email in str(row)) is (email in str(seen)), relation


async def everybody(client: Client, **query: Any) -> dict[str, Any]:
    """All rows of the list, by id; each comes once."""
    rows: list[Any] = []
    answer = await client.get("/users", params={"limit": 1000, **query})
    while True:
        assert answer.status_code == 200, answer.text
        rows += answer.json()["data"]
        if "next" not in answer.links:
            assert len({row["id"] for row in rows}) == len(rows)
            return {row["id"]: row for row in rows}
        answer = await client.get(answer.links["next"]["url"].removeprefix("/v1"))


async def test_a_school_admin_lists_the_students_and_staff_of_the_school(world: World) -> None:
    school, other = await world.school(), await world.school()
    group = await world.class_group(school)
    caller = await world.school_admin(school)
    of_school = [await world.student(group), await world.educator(school), await world.school_admin(school), caller]
    strangers = [await world.student(await world.class_group(other)), await world.educator(other)]
    await world.parent(of_school[0])
    found = await everybody(caller)
    assert found.keys() == {str(each.id) for each in of_school}
    assert found.keys().isdisjoint({str(each.id) for each in strangers})
    educator = await everybody(of_school[1])
    assert educator.keys() == found.keys()
    assert [row["email"] for row in educator.values() if row["email"]] == [found[str(of_school[1].id)]["email"]]


async def test_an_unknown_person_is_not_found_and_a_strange_id_is_invalid(world: World) -> None:
    admin = await world.admin()
    for method, path in product(("GET", "PATCH", "DELETE"), (f"/user/{uuid4()}", "/user/somebody")):
        answer = await admin.request(method, path, json={} if method == "PATCH" else None)
        assert answer.status_code == (422 if path.endswith("body") else 404)


@pytest.mark.parametrize("kind", ["Student", "PublicReader"])
async def test_who_looked_at_a_child_is_on_record_but_for_the_child_and_the_parents(world: World, kind: str) -> None:
    here = await cast(world, kind)
    for writer in here.writers.values():
        await writer.client.get(f"/user/{here.somebody.id}")
    viewed = select(AuditRow.actor).where(AuditRow.action == VIEWED, AuditRow.subject == f"user:{here.somebody.id}")
    async with world.session() as session:
        actors = set(await session.scalars(viewed))
    lookers = ["admin", "supporter", *(["educator", "school admin"] if kind == "Student" else [])]
    expected = {f"user:{here.writers[name].client.id}" for name in lookers}
    assert actors == expected | {f"service_account:{here.writers['backend'].client.id}"}


async def test_a_reader_is_shown_with_the_own_collection(world: World) -> None:
    reader = await world.public_reader()
    async with world.session() as session:
        session.add(Collection(name="My shelf", user_id=reader.id))
    seen = (await reader.get(f"/user/{reader.id}")).json()
    collection = seen["collection"]
    assert (collection["name"], collection["book_count"], collection["user_id"]) == ("My shelf", 0, str(reader.id))
    assert (seen["booklists"], seen["reading_path"]) == ([], {"read_now": None, "read_next": None})


async def test_a_supporter_sees_whom_they_cheer_on_and_only_while_the_link_is_active(world: World) -> None:
    group = await world.class_group(await world.school())
    kim, max_ = await world.student(group), await world.student(group, first_name="Max")
    supporter, sleeping = await world.supporter(kim), await world.supporter(max_, is_active=False)
    seen = (await supporter.get(f"/user/{supporter.id}")).json()
    nana = {"id": str(kim.id), "type": "student", "first_name": "Kim", "supporter_nickname": "Nana"}
    assert seen["readers"] == [nana]
    assert (await sleeping.get(f"/user/{sleeping.id}")).json()["readers"] == []
    assert (await sleeping.get(f"/user/{max_.id}")).status_code == 403


@pytest.mark.parametrize("q", ["100%", "a_b", "back\\slash"])
async def test_a_text_is_looked_for_as_it_stands(world: World, q: str) -> None:
    admin, tag = await world.admin(), uuid4().hex
    mine = await world.public_reader()
    await world.public_reader()
    async with world.session() as session:
        (await session.get_one(User, mine.id)).name = f"{tag} {q} end"
    other = q.replace("%", "x").replace("_", "x").replace("\\", "")
    assert set(await everybody(admin, q=f"{tag} {q.upper()}")) == {str(mine.id)}
    assert await everybody(admin, q=f"{tag} {other}") == {}


async def test_people_are_found_by_name_user_name_and_an_address_that_the_caller_may_see(world: World) -> None:
    school = await world.school()
    group, tag = await world.class_group(school), uuid4().hex
    student = await world.student(group, username=f"Otter-{tag}")
    await reach(world, student.id, f"kim.{tag}@example.com")
    chief, educator = await world.school_admin(school), await world.educator(school)
    for caller in (chief, educator, await world.admin()):
        assert set(await everybody(caller, q=f"otter-{tag}")) == {str(student.id)}
    assert set(await everybody(chief, q=f"KIM.{tag}")) == {str(student.id)}
    assert await everybody(educator, q=f"KIM.{tag}") == {}
    assert set(await everybody(student, q=f"kim.{tag}")) == {str(student.id)}


async def test_filters_narrow_the_list(world: World) -> None:
    school, other = await world.school(), await world.school()
    first, second = await world.class_group(school), await world.class_group(school)
    chief, admin = await world.school_admin(school), await world.admin()
    kim, max_ = await world.student(first), await world.student(second, is_active=False)
    elsewhere = await world.student(await world.class_group(other))
    key = str(school.wriveted_identifier)
    expected: list[tuple[dict[str, Any], set[Client]]] = [
        ({"school_id": key}, {kim, max_, chief}),
        ({"school_id": key, "type": "student"}, {kim, max_}),
        ({"school_id": key, "is_active": False}, {max_}),
        ({"school_id": key, "is_active": True}, {kim, chief}),
        ({"class_group_id": str(second.id)}, {max_}),
        ({"class_group_id": str(second.id), "is_active": True}, set()),
        ({"school_id": key, "active_subscription_type": "family"}, set()),
        ({"school_id": str(uuid4())}, set()),
        ({"school_id": key, "q": "  "}, {kim, max_, chief}),
    ]
    for (query, people), caller in product(expected, (admin, chief)):
        assert set(await everybody(caller, **query)) == {str(each.id) for each in people}, query
    assert await everybody(chief, school_id=str(other.wriveted_identifier)) == {}
    assert str(elsewhere.id) in await everybody(admin, school_id=str(other.wriveted_identifier))


async def test_active_people_come_first_by_name_and_every_way_of_paging_agrees(world: World) -> None:
    school = await world.school()
    group, chief = await world.class_group(school), await world.school_admin(school, is_active=True)
    names = ["Cleo", "Ada", "Bo", "Ada", "Zoe", "Bo"]
    for place, name in enumerate(names):
        await world.student(group, name=name, is_active=place % 2 == 0)
    rows = list((await everybody(chief)).values())
    assert [(not row["is_active"], row["name"]) for row in rows] == sorted(
        (not row["is_active"], row["name"]) for row in rows
    )
    for size in (1, 2, 3, 7):
        assert list((await everybody(chief, limit=size)).values()) == rows
        skipped = [
            row
            for skip in range(0, len(rows) + size, size)
            for row in (await chief.get("/users", params={"limit": size, "skip": skip})).json()["data"]
        ]
        assert skipped == rows


async def test_a_page_tells_how_many_there_are_unless_it_is_asked_for_by_a_cursor(world: World) -> None:
    school = await world.school()
    group, chief = await world.class_group(school), await world.school_admin(school)
    for _ in range(4):
        await world.student(group)
    for query in ({}, {"limit": 2}, {"limit": 5}, {"limit": 2, "skip": 4}, {"skip": 9}, {"limit": 1, "skip": 1}):
        answer = await chief.get("/users", params=query)
        assert answer.json()["pagination"]["total"] == 5, query
    first = await chief.get("/users", params={"limit": 2})
    second = await chief.get(first.links["next"]["url"].removeprefix("/v1"))
    assert second.json()["pagination"]["total"] is None


async def test_mixed_people_cost_as_many_statements_whatever_their_number(world: World) -> None:
    admin, tag = await world.admin(), uuid4().hex

    async def add(number: int) -> None:
        group = await world.class_group(await world.school())
        for _ in range(number):
            child = await world.student(group, name=f"{tag} child")
            people = [child, await world.parent(child), await world.supporter(child), await world.educator(school)]
            async with world.session() as session:
                await session.execute(
                    text("UPDATE users SET name = :name WHERE id = ANY(:ids)"),
                    {"name": tag, "ids": [each.id for each in people]},
                )

    async def listed(number: int) -> None:
        answer = await admin.get("/users", params={"q": tag, "limit": 500})
        assert len(answer.json()["data"]) == number

    school = await world.school()
    await add(1)
    await listed(4)
    few = await world.count_statements(listed(4))
    await add(9)
    assert await world.count_statements(listed(40)) == few <= 2


@pytest.mark.parametrize("query", [{}, {"class_group_id": UUID(int=2)}, {"school_id": UUID(int=1)}])
@pytest.mark.parametrize("after", [None, (False, "K", str(UUID(int=3)))])
async def test_people_of_a_school_are_found_from_the_school_and_then_by_their_keys(
    world: World, query: dict[str, Any], after: Any
) -> None:
    held = of_user(UUID(int=9), UserAccountType.SCHOOL_ADMIN, school=UUID(int=1))
    plan = await plan_of(world, people_matching(UserFilter(**query), held, after=after, skip=0, limit=100))
    found, _, page = plan.partition("CTE Scan on found")
    assert "school_id = ANY" in found
    assert "ix_users_active_first" not in plan
    assert "Seq Scan on users" not in plan
    assert "pk_users" in page


@pytest.mark.parametrize("after", [None, (False, "K", str(UUID(int=3)))])
async def test_everybody_is_listed_along_an_index(world: World, after: Any) -> None:
    held = of_user(UUID(int=9), UserAccountType.WRIVETED)
    plan = await plan_of(world, people_matching(UserFilter(), held, after=after, skip=0, limit=100))
    assert "ix_users_active_first" in plan
    assert "Seq Scan on users" not in plan


async def plan_of(world: World, query: Any) -> str:
    """How the database would go about it, were there so many people that no table is read through."""
    compiled = query.compile(dialect=psycopg.dialect(), compile_kwargs={"render_postcompile": True})
    values = {name: getattr(value, "value", value) for name, value in compiled.params.items()}
    async with world.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = await driver_of(session).execute(f"EXPLAIN {compiled}", values)
        return "\n".join(line for (line,) in await plan.fetchall())


async def test_a_school_of_two_thousand_costs_three_statements(world: World) -> None:
    school = await world.school()
    group, chief = await world.class_group(school), await world.school_admin(school)
    async with world.session() as session:
        await session.execute(text(CROWD), {"school_id": group.school_id, "class_group_id": group.id})

    async def page(**query: Any) -> None:
        answer = await chief.get("/users", params={"limit": 100, **query})
        assert len(answer.json()["data"]) == 100

    await page()
    assert await world.count_statements(page()) <= 3
    assert await world.count_statements(page(class_group_id=str(group.id))) <= 3
    assert len(await everybody(chief)) == 2_001


@pytest.mark.parametrize("query", [{"type": "reader"}, {"school_id": "1"}, {"is_active": "maybe"}, {"q": "x" * 201}])
async def test_a_filter_that_means_nothing_is_refused(world: World, query: dict[str, str]) -> None:
    answer = await (await world.admin()).get("/users", params=query)
    assert answer.status_code == 422
    assert [place for place, _ in faults(answer)] == [f"/query/{name}" for name in query]


async def test_words_of_what_readers_like_are_those_of_the_catalogue(world: World) -> None:
    """People stand below labels, and spell the keys themselves."""
    async with world.session() as session:
        hues = set(await session.scalars(text("SELECT key FROM hues")))
        abilities = set(await session.scalars(text("SELECT key FROM reading_abilities")))
    assert hues == set(HueKey)
    assert abilities == set(ReadingAbilityKey)
