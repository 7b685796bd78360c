import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select

from app.core.db import Database
from app.events.models import Event
from app.schools.models import School
from app.schools.schemas import SchoolDetail
from tests.schools.statements import statements
from tests.world import Client, World


def annandale(**members: Any) -> dict[str, Any]:
    return {
        "name": "Annandale North Public School",
        "country_code": "AUS",
        "official_identifier": uuid4().hex,
        "info": {"location": {"suburb": "Annandale", "state": "NSW", "postcode": "2038"}},
        **members,
    }


def faults(answer: httpx.Response) -> list[tuple[str, str]]:
    return [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]]


async def number_of(world: World, *identifiers: str) -> int:
    async with world.session() as session:
        found = select(func.count()).where(School.official_identifier.in_(identifiers))
        return (await session.scalars(found)).one()


async def titles_of(world: World, client: Client) -> list[str]:
    async with world.session() as session:
        return list(await session.scalars(select(Event.title).where(Event.user_id == client.id)))


async def test_an_admin_creates_a_school_which_is_inactive_at_first(world: World) -> None:
    admin, given = await world.admin(), annandale(lms_type="Oliver", student_domain="https://pupils.example.edu.au")
    answer = await admin.post("/school", json=given)
    assert answer.status_code == 200, answer.text
    created = answer.json()
    SchoolDetail.model_validate(created)
    assert created["info"]["experiments"] == {"no-jokes": False, "no-choice-option": True}
    assert created["info"]["location"]["suburb"] == "Annandale"
    assert {name: created[name] for name in created if name not in ("wriveted_identifier", "info")} == {
        "name": "Annandale North Public School",
        "country_code": "AUS",
        "official_identifier": given["official_identifier"],
        "state": "inactive",
        "subscription": None,
        "collection": None,
        "country": {"id": "AUS", "name": "Australia"},
        "admins": [],
        "lms_type": "Oliver",
        "bookbot_type": "huey_books",
        "created_at": created["created_at"],
        "updated_at": created["created_at"],
        "student_domain": "https://pupils.example.edu.au",
        "teacher_domain": None,
        "max_removal_percent": None,
        "booklists": [],
    }
    read = await admin.get(f"/school/{created['wriveted_identifier']}")
    assert read.json() == created
    assert await titles_of(world, admin) == ["New school created"]
    async with world.session() as session:
        event = (await session.scalars(select(Event).where(Event.user_id == admin.id))).one()
        assert event.school_id == UUID(created["wriveted_identifier"])


@pytest.mark.parametrize("path", ["/school", "/schools"])
@pytest.mark.parametrize("kind", ["lms", "vendor", "school", "kiosk"])
async def test_nobody_but_an_admin_creates_schools(world: World, path: str, kind: str) -> None:
    school = await world.school()
    client = await (world.service("lms", vendor=True) if kind == "vendor" else world.service(kind, school))
    given = annandale()
    answer = await client.post(path, json=given if path == "/school" else [given])
    assert answer.status_code == 403
    assert answer.json()["permission"] == ("create" if path == "/school" else "batch")
    assert await number_of(world, given["official_identifier"]) == 0


@pytest.mark.parametrize("path", ["/school", "/schools"])
async def test_a_stranger_creates_no_school(http: httpx.AsyncClient, path: str) -> None:
    assert (await http.post(f"/v1{path}", json=annandale())).status_code == 401


async def test_texts_are_trimmed_and_a_blank_identifier_is_none(world: World) -> None:
    info = {"location": {"suburb": "Botany ", "state": " NSW", "postcode": "2019"}}
    given = annandale(name=" Botany  ", country_code="aus", official_identifier=" ", info=info)
    created = (await (await world.admin()).post("/school", json=given)).json()
    assert (created["name"], created["country_code"], created["official_identifier"]) == ("Botany", "AUS", None)
    assert created["info"]["location"] | {"lat": None} == created["info"]["location"]
    assert [created["info"]["location"][name] for name in ("suburb", "state")] == ["Botany", "NSW"]


@pytest.mark.parametrize(
    ("members", "pointer", "code"),
    [
        ({"country_code": "XYZ"}, "/country_code", "unknown_country"),
        ({"country_code": "AU"}, "/country_code", "string_too_short"),
        ({"name": " "}, "/name", "string_too_short"),
        ({"name": "n" * 257}, "/name", "string_too_long"),
        ({"name": "Annan\0dale"}, "/name", "null_character"),
        ({"official_identifier": "9" * 513}, "/official_identifier", "string_too_long"),
        ({"lms_type": "x" * 51}, "/lms_type", "string_too_long"),
        ({"bookbot_type": "other"}, "/bookbot_type", "enum"),
        ({"student_domain": "example.edu.au"}, "/student_domain", "string_pattern_mismatch"),
        ({"teacher_domain": "https://" + "x" * 249}, "/teacher_domain", "string_too_long"),
        ({"info": {}}, "/info/location", "missing"),
        ({"info": {"location": {"state": "NSW"}}}, "/info/location/postcode", "missing"),
        ({"info": None}, "/info", "model_attributes_type"),
        ({"state": "active"}, "/state", "unknown_field"),
        ({"id": 7}, "/id", "unknown_field"),
    ],
)
async def test_a_faulty_school_is_refused_with_a_pointer_alone_and_in_a_batch(
    world: World, members: dict[str, Any], pointer: str, code: str
) -> None:
    admin, good, bad = await world.admin(), annandale(), annandale(**members)
    alone = await admin.post("/school", json=bad)
    assert (alone.status_code, faults(alone)) == (422, [(pointer, code)])
    batch = await admin.post("/schools", json=[good, bad])
    assert (batch.status_code, faults(batch)) == (422, [(f"/1{pointer}", code)])
    assert await number_of(world, good["official_identifier"], bad["official_identifier"]) == 0


async def test_an_identifier_is_taken_once_in_a_country(world: World) -> None:
    admin, given = await world.admin(), annandale()
    assert (await admin.post("/school", json=given)).status_code == 200
    again = await admin.post("/school", json=given)
    assert (again.status_code, again.json()["code"]) == (409, "already_exists")
    assert faults(again) == [("/official_identifier", "already_exists")]
    assert (await admin.post("/school", json=given | {"country_code": "NZL"})).status_code == 200
    unnumbered = annandale(official_identifier=None)
    assert [(await admin.post("/school", json=unnumbered)).status_code for _ in range(2)] == [200, 200]


async def test_of_two_racing_creates_of_one_identifier_one_is_refused(world: World) -> None:
    admin, given = await world.admin(), annandale()
    answers = await asyncio.gather(*(admin.post("/school", json=given) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert await number_of(world, given["official_identifier"]) == 1


async def test_a_repeated_request_with_its_key_has_its_effect_once(world: World) -> None:
    admin, given, key = await world.admin(), annandale(), {"Idempotency-Key": uuid4().hex}
    first = await admin.post("/school", json=given, headers=key)
    second = await admin.post("/school", json=given, headers=key)
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert await titles_of(world, admin) == ["New school created"]


async def test_a_batch_is_added_with_one_insert_and_one_event(world: World, database: Database) -> None:
    admin = await world.admin()
    batch = [annandale(name=f"School {n}") for n in range(1_000)]
    with statements(database) as sent:
        answer = await admin.post("/schools", json=batch)
    assert (answer.status_code, answer.json()) == (200, {"msg": "Added 1000 new schools"})
    assert sent == ["INSERT", "INSERT"]
    assert await number_of(world, *(school["official_identifier"] for school in batch)) == 1_000
    async with world.session() as session:
        event = (await session.scalars(select(Event).where(Event.user_id == admin.id))).one()
        assert (event.title, event.info["count"]) == ("Bulk created schools", 1_000)
        known = select(func.count()).where(
            School.wriveted_identifier.in_([UUID(id_) for id_ in event.info["wriveted_identifiers"]])
        )
        assert (await session.scalars(known)).one() == 1_000


async def test_a_batch_with_conflicts_is_refused_as_a_whole_and_points_at_each(world: World) -> None:
    admin = await world.admin()
    taken, *new = [annandale() for _ in range(4)]
    assert (await admin.post("/school", json=taken)).status_code == 200
    answer = await admin.post("/schools", json=[new[0], taken, new[1], new[2], new[2]])
    assert (answer.status_code, answer.json()["code"]) == (409, "already_exists")
    assert faults(answer) == [(f"/{index}/official_identifier", "already_exists") for index in (1, 4)]
    assert await number_of(world, *(school["official_identifier"] for school in new)) == 0
    assert await titles_of(world, admin) == ["New school created"]


@pytest.mark.parametrize(("number", "status"), [(0, 200), (1_001, 422)])
async def test_a_batch_has_at_most_a_thousand_schools(world: World, number: int, status: int) -> None:
    admin = await world.admin()
    answer = await admin.post("/schools", json=[annandale() for _ in range(number)])
    assert answer.status_code == status
    assert await titles_of(world, admin) == []
