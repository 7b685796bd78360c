import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccountSchool
from app.collections.models import Collection, CollectionItem
from app.core.account import Account
from app.core.db import Database
from app.core.errors import FieldForbidden
from app.core.security import Claims
from app.events.models import Event
from app.schools import service
from app.schools.models import School
from app.schools.schemas import SchoolDetail, SchoolPatchOptions
from tests.schools.statements import statements
from tests.schools.test_school_search import OTHERS
from tests.world import Client, World

Caller = Callable[[World, School], Awaitable[Client]]
ADMINS: dict[str, Caller] = {
    "admin": lambda world, school: world.admin(),
    "backend": lambda world, school: world.service("backend"),
}
LMS: dict[str, Caller] = {
    "lms of the school": lambda world, school: world.lms(school),
    "vendor": lambda world, school: world.service("lms", vendor=True),
}
READERS: dict[str, Caller] = {
    "library of the school": lambda world, school: world.service("school", school),
    "kiosk of the school": lambda world, school: world.service("kiosk", school),
}
TERMS = {"terms_acceptance": {"huey_books": {"version": "2"}}}
EVERYTHING = {
    "status": "pending",
    "bookbot_type": "school_books",
    "lms_type": "Oliver",
    "name": "Annandale South",
    "info": {"sector": "Government"} | TERMS,
    "student_domain": "https://pupils.example.edu.au",
    "teacher_domain": "https://staff.example.edu.au",
    "max_removal_percent": 0,
}
DEFAULTS = {
    "bookbot_type": "huey_books",
    "lms_type": "none",
    "student_domain": None,
    "teacher_domain": None,
    "max_removal_percent": None,
}


def path_of(school: School) -> str:
    return f"/school/{school.wriveted_identifier}"


def school_admin(school: School, id_: UUID) -> Account:
    """The account behind a user's id, as it will come with people's accounts: what counts is the principals."""
    now = datetime.now(UTC)
    claims = Claims("user-account", id_, "jti", now, now + timedelta(hours=1))
    principals = frozenset({"role:schooladmin", f"schooladmin:{school.wriveted_identifier}"})
    return Account("user", id_, "school_admin", "Sam", principals, claims)


async def events_of(session: AsyncSession, school: School) -> dict[str, Event]:
    found = await session.scalars(select(Event).where(Event.school_id == school.wriveted_identifier))
    return {event.title: event for event in found}


async def shown(world: World, school: School) -> dict[str, Any]:
    answer: dict[str, Any] = (await (await world.admin()).get(path_of(school))).json()
    return answer


@pytest.mark.parametrize("role", ADMINS)
async def test_an_admin_changes_every_field(world: World, role: str) -> None:
    school = await world.school()
    client = await ADMINS[role](world, school)
    answer = await client.patch(path_of(school), json=EVERYTHING)
    assert answer.status_code == 200, answer.text
    changed = answer.json()
    SchoolDetail.model_validate(changed)
    assert changed == await shown(world, school)
    assert changed["state"] == "pending"
    assert changed["updated_at"] > changed["created_at"]
    assert changed["info"]["sector"] == "Government"
    assert changed["info"]["location"]["postcode"] == "2038"
    for name in EVERYTHING.keys() - {"status", "info"}:
        assert changed[name] == EVERYTHING[name]
    assert [
        found["name"]
        for found in (await client.get(f"/schools?q=south&official_identifier={school.official_identifier}")).json()
    ] == ["Annandale South"]


async def test_a_change_of_everything_leaves_its_events(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    await admin.patch(path_of(school), json=EVERYTHING)
    async with world.session() as session:
        events = await events_of(session, school)
        assert events.keys() == {"School account made PENDING", "Huey Books terms accepted", "School Updated"}
        assert {event.user_id for event in events.values()} == {admin.id}
        terms = events["Huey Books terms accepted"].info
        assert (terms["version"], terms["accepted_by_user_id"]) == ("2", str(admin.id))
        assert set(events["School Updated"].info["changed"]) == EVERYTHING.keys() - {"status"} | {"state"}


async def test_accepting_terms_alone_is_no_update_of_the_school(world: World) -> None:
    school = await world.school()
    await (await world.admin()).patch(path_of(school), json={"info": TERMS})
    async with world.session() as session:
        assert (await events_of(session, school)).keys() == {"Huey Books terms accepted"}


@pytest.mark.parametrize("change", [{}, {"status": "active"}, {"info": {"location": {"state": "NSW"}}}])
async def test_a_change_that_changes_nothing_leaves_no_event(world: World, change: dict[str, Any]) -> None:
    school = await world.school()
    before = await shown(world, school)
    assert (await (await world.admin()).patch(path_of(school), json=change)).json() == before
    async with world.session() as session:
        assert await events_of(session, school) == {}


@pytest.mark.parametrize("name", EVERYTHING)
async def test_null_clears_what_can_be_empty_and_absent_keeps(world: World, name: str) -> None:
    school, admin = await world.school(), await world.admin()
    before = (await admin.patch(path_of(school), json=EVERYTHING)).json()
    answer = await admin.patch(path_of(school), json={name: None})
    after = await shown(world, school)
    if name in DEFAULTS:
        assert answer.status_code == 200
        assert after == before | {name: DEFAULTS[name], "updated_at": after["updated_at"]}
    else:
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{name}")
        assert after == before


@pytest.mark.parametrize("role", LMS)
async def test_an_lms_changes_what_concerns_it(world: World, role: str) -> None:
    school = await world.school()
    change = {"lms_type": "Oliver", "max_removal_percent": 20}
    answer = await (await LMS[role](world, school)).patch(path_of(school), json=change)
    assert answer.status_code == 200
    assert answer.json().items() >= change.items()


@pytest.mark.parametrize("name", sorted(EVERYTHING.keys() - service.LMS_MAY_WRITE))
@pytest.mark.parametrize("role", LMS)
async def test_an_lms_may_not_write_any_other_field_and_nothing_is_written(world: World, role: str, name: str) -> None:
    school = await world.school()
    before = await shown(world, school)
    change = {"lms_type": "Oliver", name: EVERYTHING[name]}
    answer = await (await LMS[role](world, school)).patch(path_of(school), json=change)
    assert (answer.status_code, answer.json()["code"]) == (403, "field_forbidden")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"/{name}"]
    assert await shown(world, school) == before


@pytest.mark.parametrize("role", [*READERS, *OTHERS])
@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_everybody_else_changes_nothing(world: World, role: str, method: str) -> None:
    school = await world.school()
    before = await shown(world, school)
    client = await (READERS | OTHERS)[role](world, school)
    answer = await client.request(method, path_of(school), json={"lms_type": "Oliver"})
    permission = "update" if method == "PATCH" else "delete"
    assert (answer.status_code, answer.json()["permission"]) == (403, permission)
    assert await shown(world, school) == before


async def test_a_school_admin_writes_every_field_of_the_own_school_alone(world: World) -> None:
    own, other, user = await world.school(), await world.school(), await world.admin()
    account, patch = school_admin(own, user.id), SchoolPatchOptions.model_validate(EVERYTHING)
    async with world.session() as session:
        changeable = await service.school_by_id(session, own.wriveted_identifier, locked=True)
        await service.update_school(session, account, changeable, patch)
        with pytest.raises(FieldForbidden):
            await service.update_school(session, account, other, patch)
    changed = await shown(world, own)
    assert {name: changed[name] for name in DEFAULTS} == {name: EVERYTHING[name] for name in DEFAULTS}
    assert (changed["state"], changed["name"]) == ("pending", "Annandale South")
    assert changed["info"]["terms_acceptance"]["huey_books"]["accepted_by_user_id"] == str(user.id)
    assert (await shown(world, other))["name"] == other.name


@pytest.mark.parametrize(
    ("change", "pointer", "code"),
    [
        ({"statu": "active"}, "/statu", "unknown_field"),
        ({"official_identifier": "1"}, "/official_identifier", "unknown_field"),
        ({"status": "open"}, "/status", "enum"),
        ({"max_removal_percent": 101}, "/max_removal_percent", "less_than_equal"),
        ({"max_removal_percent": -1}, "/max_removal_percent", "greater_than_equal"),
        ({"name": ""}, "/name", "string_too_short"),
        ({"info": []}, "/info", "dict_type"),
        ({"info": {"sectr": "x"}}, "/info/sectr", "unknown_field"),
        ({"info": {"location": None}}, "/info/location", "missing"),
        ({"student_domain": "javascript:alert(1)"}, "/student_domain", "string_pattern_mismatch"),
    ],
)
async def test_a_faulty_change_is_refused_with_a_pointer_and_nothing_is_written(
    world: World, change: dict[str, Any], pointer: str, code: str
) -> None:
    school = await world.school()
    before = await shown(world, school)
    answer = await (await world.admin()).patch(path_of(school), json={"lms_type": "Oliver"} | change)
    faults = [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]
    assert (answer.status_code, faults) == (422, [(pointer, code)])
    assert await shown(world, school) == before


async def test_who_accepted_terms_is_recorded_from_the_caller(world: World) -> None:
    school, admin, somebody = await world.school(), await world.admin(), str(uuid4())
    forged = {"version": "2", "accepted_at": "1999-01-01T00:00:00Z", "accepted_by_user_id": somebody}
    answer = await admin.patch(path_of(school), json={"info": {"terms_acceptance": {"huey_books": forged}}})
    recorded = answer.json()["info"]["terms_acceptance"]["huey_books"]
    assert recorded["accepted_by_user_id"] == str(admin.id)
    assert datetime.now(UTC) - datetime.fromisoformat(recorded["accepted_at"]) < timedelta(minutes=1)


async def test_two_changes_at_once_both_last(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    changes = [{"info": {"experiments": {f"experiment-{n}": True}}} for n in range(5)]
    answers = await asyncio.gather(*(admin.patch(path_of(school), json=change) for change in changes))
    assert {answer.status_code for answer in answers} == {200}
    assert len((await shown(world, school))["info"]["experiments"]) == 5


async def test_a_change_is_a_handful_of_statements(world: World, database: Database) -> None:
    school, admin = await world.school(), await world.admin()
    with statements(database) as sent:
        await admin.patch(path_of(school), json={"lms_type": "Oliver"})
    assert sent == ["SELECT", "UPDATE", "INSERT", "SELECT"]


async def test_a_deleted_school_leaves_nothing_but_the_events_about_it(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    lms, collection = await world.lms(school), await world.collection(school, item_count=1)
    await (await world.admin()).patch(path_of(school), json={"lms_type": "Oliver"})
    async with world.session() as session:
        session.add(CollectionItem(collection_id=collection.id, sort_title="x", copies_total=1, copies_available=1))
    answer = await admin.delete(path_of(school))
    assert (answer.status_code, answer.json()) == (200, {"msg": "School deleted"})
    assert (await admin.get(path_of(school))).status_code == 404
    assert (await admin.delete(path_of(school))).status_code == 404
    assert (await lms.get(path_of(school))).status_code == 404
    async with world.session() as session:
        for column, value in (
            (Collection.school_id, school.wriveted_identifier),
            (CollectionItem.collection_id, collection.id),
            (ServiceAccountSchool.school_id, school.wriveted_identifier),
            (Event.school_id, school.wriveted_identifier),
        ):
            assert (await session.scalars(select(func.count()).where(column == value))).one() == 0
        event = (await session.scalars(select(Event).where(Event.user_id == admin.id))).one()
        assert (event.title, event.school_id) == ("School Deleted", None)
        assert UUID(event.info["wriveted_identifier"]) == school.wriveted_identifier
        assert event.info["name"] == school.name


@pytest.mark.parametrize("role", LMS)
async def test_nobody_but_an_admin_deletes_a_school(world: World, role: str) -> None:
    school = await world.school()
    answer = await (await LMS[role](world, school)).delete(path_of(school))
    assert (answer.status_code, answer.json()["permission"]) == (403, "delete")


async def test_a_school_whose_info_is_odd_can_be_put_right(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    async with world.session() as session:
        change = text("UPDATE schools SET info = '[7]' WHERE wriveted_identifier = :id")
        await session.execute(change.bindparams(id=school.wriveted_identifier))
    renamed = await admin.patch(path_of(school), json={"name": "Annandale"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "Annandale")
    info = {"location": {"state": "NSW", "postcode": "2038"}}
    mended = await admin.patch(path_of(school), json={"info": info})
    assert mended.json()["info"]["location"]["postcode"] == "2038"
