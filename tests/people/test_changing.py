"""Changes of people: what stays, is cleared, is merged; rights end sessions; another kind keeps the person."""

import asyncio
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from app.accounts.models import PublicReader
from app.collections.models import Collection
from app.people.kinds import CHAINS, TABLES, USERS
from app.sign_in.models import Identity, SignInSession
from tests.people.cast import KINDS, audited, body_of, events_of, faults, somebody_of, stored
from tests.world import HOUR, Client, World

KEYS = list(KINDS.values())
NOW = text("now()")


async def changed(client: Client, person: UUID | str, **fields: Any) -> Any:
    answer = await client.patch(f"/user/{person}", json=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def tables_of(world: World, person: UUID) -> set[str]:
    """Where somebody has a row."""
    async with world.session() as session:
        return {
            table.name
            for table in TABLES
            if (await session.execute(select(table.c.id).where(table.c.id == person))).first() is not None
        }


async def test_absent_keeps_null_clears_and_zero_is_a_value(world: World) -> None:
    admin = await world.admin()
    reader = await world.public_reader(huey_attributes={"age": 8, "goals": ["read more"]})
    assert (await changed(admin, reader.id, newsletter=True))["huey_attributes"]["age"] == 8
    assert (await changed(admin, reader.id, huey_attributes={"age": 0}))["huey_attributes"]["age"] == 0
    cleared = await changed(admin, reader.id, huey_attributes=None, email=None, last_name_initial=None)
    assert cleared["huey_attributes"]["age"] is None
    assert (cleared["email"], cleared["last_name_initial"], cleared["newsletter"]) == (None, None, True)


@pytest.mark.parametrize("name", ["name", "is_active", "newsletter", "username", "school_id", "type"])
async def test_what_everybody_has_is_not_cleared(world: World, name: str) -> None:
    student = await world.student(await world.class_group(await world.school()))
    answer = await (await world.admin()).patch(f"/user/{student.id}", json={name: None})
    assert answer.status_code == 422
    assert faults(answer) == [(f"/{name}", "not_clearable")]


@pytest.mark.parametrize("name", ["first_name", "last_name_initial"])
async def test_a_student_keeps_a_name(world: World, name: str) -> None:
    student = await world.student(await world.class_group(await world.school()))
    assert faults(await student.patch(f"/user/{student.id}", json={name: None})) == [(f"/{name}", "not_clearable")]


async def test_who_lacks_what_their_kind_needs_can_be_changed_all_the_same(world: World) -> None:
    reader = await world.person(PublicReader(name="Robin"))
    assert (await changed(await world.admin(), reader.id, is_active=False))["is_active"] is False


async def test_objects_are_replaced_or_merged_as_is_asked(world: World) -> None:
    admin, reader = await world.admin(), await world.public_reader(huey_attributes={"age": 8, "goals": ["a"]})
    path = f"/user/{reader.id}?merge_dicts=true"
    merged = await admin.patch(path, json={"huey_attributes": {"age": None, "genres": ["b"]}})
    assert (await stored(world, reader.id))["reader"]["huey_attributes"] == {"goals": ["a"], "genres": ["b"]}
    assert merged.json()["huey_attributes"]["goals"] == ["a"]
    await changed(admin, reader.id, huey_attributes={"age": 9})
    assert (await stored(world, reader.id))["reader"]["huey_attributes"] == {"age": 9}
    await admin.patch(path, json={"info": {"other": {"a": {"b": 1}}}})
    await admin.patch(path, json={"info": {"other": {"a": {"c": None, "d": 2}}}})
    assert (await stored(world, reader.id))["user"]["info"] == {"other": {"a": {"b": 1, "d": 2}}}


async def test_objects_do_not_grow_beyond_bounds_by_merging(world: World) -> None:
    admin, reader = await world.admin(), await world.public_reader()
    path = f"/user/{reader.id}?merge_dicts=true"
    for name in ("a", "b", "c"):
        answer = await admin.patch(path, json={"info": {"other": {name: "x" * 7_000}}})
    assert faults(answer) == [("/info", "too_large")]


async def test_a_name_follows_its_parts_while_they_make_it(world: World) -> None:
    student = await world.student(await world.class_group(await world.school()))
    assert (await changed(student, student.id, first_name="Max"))["name"] == "Max K"
    assert (await changed(student, student.id, name="Maxi"))["name"] == "Maxi"
    assert (await changed(student, student.id, last_name_initial="Z"))["name"] == "Maxi"


async def test_a_school_moves_a_student_among_its_own_classes_only(world: World) -> None:
    school, other = await world.school(), await world.school()
    first, second, elsewhere = [await world.class_group(at) for at in (school, school, other)]
    educator, student = await world.educator(school), await world.student(first)
    assert (await changed(educator, student.id, class_group_id=str(second.id)))["class_group_id"] == str(second.id)
    for group in (elsewhere.id, uuid4()):
        answer = await educator.patch(f"/user/{student.id}", json={"class_group_id": str(group)})
        assert faults(answer) == [("/class_group_id", "not_found")]
    assert (await changed(educator, student.id, class_group_id=None))["class_group_id"] is None


async def test_a_student_who_changes_school_leaves_the_class(world: World) -> None:
    school, other = await world.school(), await world.school()
    admin, student = await world.admin(), await world.student(await world.class_group(school))
    moved = await changed(admin, student.id, school_id=str(other.wriveted_identifier))
    assert (moved["school"]["wriveted_identifier"], moved["class_group_id"]) == (str(other.wriveted_identifier), None)
    answer = await admin.patch(f"/user/{student.id}", json={"school_id": str(uuid4())})
    assert faults(answer) == [("/school_id", "not_found")]


async def test_a_taken_user_name_or_address_is_pointed_at_and_nothing_is_written(world: World) -> None:
    school, other = await world.school(), await world.school()
    group, admin = await world.class_group(school), await world.admin()
    await world.student(group, username="brave-otter-47")
    kim = await world.student(group)
    twin = await world.student(await world.class_group(other), username="BRAVE-otter-47")
    email = (await admin.get(f"/user/{admin.id}")).json()["email"]
    for person, body, place in (
        (kim, {"username": "Brave-Otter-47", "first_name": "Max"}, "/username"),
        (kim, {"email": email.upper(), "first_name": "Max"}, "/email"),
        (twin, {"school_id": str(school.wriveted_identifier), "first_name": "Max"}, "/username"),
    ):
        before = await stored(world, person.id)
        answer = await admin.patch(f"/user/{person.id}", json=body)
        assert answer.status_code == 409
        assert faults(answer) == [(place, "already_exists")]
        assert await stored(world, person.id) == before


@pytest.mark.parametrize(
    ("field", "action"),
    [
        ("is_active", "user.deactivated"),
        ("school_id", "user.rights_changed"),
        ("class_group_id", "user.rights_changed"),
        ("type", "user.type_changed"),
    ],
)
async def test_a_change_of_rights_ends_every_session_at_once_and_is_on_record(
    world: World, field: str, action: str
) -> None:
    school = await world.school()
    admin, student = await world.admin(), await world.student(await world.class_group(school))
    async with world.session() as session:
        session.add(SignInSession(user_id=student.id, method="class_code", authenticated_at=NOW, expires_at=NOW))
    values = {
        "is_active": False,
        "school_id": str((await world.school()).wriveted_identifier),
        "class_group_id": str((await world.class_group(school)).id),
        "type": "public",
    }
    assert (await student.get(f"/user/{student.id}")).status_code == 200
    await changed(admin, student.id, **{field: values[field]})
    assert (await student.get(f"/user/{student.id}")).status_code == 401
    async with world.session() as session:
        ended = await session.scalars(select(SignInSession.ended_at).where(SignInSession.user_id == student.id))
        assert None not in ended.all()
    again = Client(world.http, student.id, world.tokens.issue("user-account", student.id, HOUR))
    assert (await again.get(f"/user/{student.id}")).status_code == (401 if field == "is_active" else 200)
    assert [each for each, _ in await audited(world, student.id)] == [action]
    (event,) = await events_of(world, student.id)
    assert (event.title, event.info["actor"]) == ("User updated", f"user:{admin.id}")


async def test_who_is_reactivated_does_not_get_old_tokens_back(world: World) -> None:
    admin, reader = await world.admin(), await world.public_reader()
    await changed(admin, reader.id, is_active=False)
    await changed(admin, reader.id, is_active=True)
    assert (await reader.get("/auth/me")).status_code == 401
    actions = [action for action, _ in await audited(world, reader.id)]
    assert actions == ["user.deactivated", "user.reactivated"]


async def test_a_change_of_no_right_ends_no_session_and_a_change_of_nothing_leaves_no_trace(world: World) -> None:
    student = await world.student(await world.class_group(await world.school()))
    await changed(student, student.id, newsletter=True)
    await changed(student, student.id, newsletter=True)
    assert [event.info["changed"] for event in await events_of(world, student.id)] == [["newsletter"]]
    assert await audited(world, student.id) == []


async def test_a_link_with_a_parent_counts_at_once_and_so_does_its_end(world: World) -> None:
    school = await world.school()
    student, chief = await world.student(await world.class_group(school)), await world.school_admin(school)
    parent = await world.parent()
    assert (await parent.get(f"/user/{student.id}")).status_code == 403
    await changed(chief, student.id, parent_id=str(parent.id))
    assert (await parent.get(f"/user/{student.id}")).status_code == 200
    assert (await changed(chief, student.id, parent_id=None))["parent"] is None
    assert (await parent.get(f"/user/{student.id}")).status_code == 403
    answer = await chief.patch(f"/user/{student.id}", json={"parent_id": str(chief.id)})
    assert faults(answer) == [("/parent_id", "not_found")]
    expected = ("user.rights_changed", {"fields": ["parent_id"]})
    assert await audited(world, student.id) == [expected, expected]


@pytest.mark.parametrize(("before", "after"), [pair for pair in product(KEYS, KEYS) if len(set(pair)) == 2])
async def test_anybody_becomes_any_kind_and_keeps_everything(world: World, before: str, after: str) -> None:
    school, admin = await world.school(), await world.admin()
    group = await world.class_group(school)
    name = {api: oracle for oracle, api in KINDS.items()}[before]
    person = await somebody_of(world, name, school, group)
    await person.post("/events", json={"title": "Huey: Book reviewed", "level": "normal"})
    async with world.session() as session:
        collection = Collection(name="My shelf", user_id=person.id, item_count=0)
        session.add_all([collection, Identity(issuer="google", subject=uuid4().hex, user_id=person.id)])
    body = {key: value for key, value in body_of(after, school, group).items() if key.endswith("_id")}
    answer = await changed(admin, person.id, type=after, **body)
    assert (answer["id"], answer["type"]) == (str(person.id), after)
    kind = next(each for each in CHAINS if each.value == after)
    assert await tables_of(world, person.id) == {USERS.name, *(table.name for table in CHAINS[kind])}
    titles = [event.title for event in await events_of(world, person.id)]
    assert titles == ["Huey: Book reviewed", "User updated"]
    async with world.session() as session:
        assert (await session.get_one(Collection, collection.id)).user_id == person.id
        identities = select(Identity).where(Identity.user_id == person.id)
        assert len((await session.scalars(identities)).all()) == 1
    assert (await person.get("/auth/me")).status_code == 401
    assert await audited(world, person.id) == [("user.type_changed", {"before": before, "after": after})]


@pytest.mark.parametrize(
    ("kind", "missing"),
    [
        ("student", ["/class_group_id", "/last_name_initial", "/school_id"]),
        ("educator", ["/school_id"]),
        ("school_admin", ["/school_id"]),
    ],
)
async def test_what_the_new_kind_needs_has_to_be_said(world: World, kind: str, missing: list[str]) -> None:
    admin = await world.admin()
    person = await world.parent()
    async with world.session() as session:
        await session.execute(text("UPDATE users SET name = 'Pat' WHERE id = :id"), {"id": person.id})
    before = await stored(world, person.id)
    answer = await admin.patch(f"/user/{person.id}", json={"type": kind})
    assert answer.status_code == 422
    assert faults(answer) == [(place, "missing") for place in missing]
    assert await stored(world, person.id) == before


async def test_what_the_new_kind_does_not_have_is_refused(world: World) -> None:
    student = await world.student(await world.class_group(await world.school()))
    body = {"type": "parent", "username": "kim", "huey_attributes": None}
    answer = await (await world.admin()).patch(f"/user/{student.id}", json=body)
    assert faults(answer) == [("/username", "not_applicable")]


async def test_an_educator_who_becomes_school_admin_stays_at_the_school(world: World) -> None:
    school = await world.school()
    educator = await world.educator(school)
    promoted = await changed(await world.admin(), educator.id, type="school_admin")
    assert promoted["school"]["wriveted_identifier"] == str(school.wriveted_identifier)


async def test_children_of_who_is_no_parent_any_more_lose_the_link_and_so_do_supporters(world: World) -> None:
    group, admin = await world.class_group(await world.school()), await world.admin()
    child = await world.student(group)
    parent, supporter = await world.parent(child), await world.supporter(child)
    await changed(admin, parent.id, type="supporter")
    assert (await admin.get(f"/user/{child.id}")).json()["parent"] is None
    await changed(admin, supporter.id, type="parent")
    assert (await admin.get(f"/user/{child.id}/supporters")).json() == []


async def test_a_type_change_takes_as_many_statements_whoever_depends_on_the_person(world: World) -> None:
    group, admin = await world.class_group(await world.school()), await world.admin()
    alone, beloved = await world.parent(), await world.parent(*[await world.student(group) for _ in range(12)])
    await admin.get("/auth/me")
    counts = [await world.count_statements(changed(admin, each.id, type="supporter")) for each in (alone, beloved)]
    assert counts[0] == counts[1]


async def test_changes_at_once_leave_somebody_of_one_kind(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    group, person = await world.class_group(school), await world.public_reader()
    bodies = [
        {"type": kind, **{key: value for key, value in body_of(kind, school, group).items() if key.endswith("_id")}}
        for kind in KEYS
    ]
    answers = await asyncio.gather(*(admin.patch(f"/user/{person.id}", json=body) for body in bodies * 2))
    assert {answer.status_code for answer in answers} <= {200, 422}
    kind = (await admin.get(f"/user/{person.id}")).json()["type"]
    chain = next(chain for each, chain in CHAINS.items() if each.value == kind)
    assert await tables_of(world, person.id) == {USERS.name, *(table.name for table in chain)}
