from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.core.db import Database
from app.schools.schemas import SchoolDetail
from tests.schools.statements import statements
from tests.schools.test_school_search import OTHERS, READERS
from tests.world import World

DOORS = ("", "/bot", "/bookbot")


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("role", READERS)
async def test_who_may_read_a_school_is_shown_it(world: World, role: str, door: str) -> None:
    school = await world.school()
    client = await READERS[role](world, school)
    answer = await client.get(f"/school/{school.wriveted_identifier}{door}")
    assert (answer.status_code, answer.json()["name"]) == (200, school.name)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("role", OTHERS)
async def test_everybody_else_is_told_which_permission_is_missing(world: World, role: str, door: str) -> None:
    school = await world.school()
    client = await OTHERS[role](world, school)
    answer = await client.get(f"/school/{school.wriveted_identifier}{door}")
    assert (answer.status_code, answer.json()["permission"]) == (403, "read")
    assert school.name not in answer.text


@pytest.mark.parametrize("door", DOORS)
async def test_a_school_that_does_not_exist_is_not_found(world: World, http: httpx.AsyncClient, door: str) -> None:
    admin = await world.admin()
    assert (await admin.get(f"/school/{uuid4()}{door}")).status_code == 404
    assert (await admin.get(f"/school/1{door}")).status_code == 422
    assert (await http.get(f"/v1/school/{uuid4()}{door}")).status_code == 401


async def test_anybody_may_ask_whether_a_school_exists(world: World, http: httpx.AsyncClient) -> None:
    school = await world.school()
    there = await http.get(f"/v1/school/{school.wriveted_identifier}/exists")
    assert (there.status_code, there.json()) == (200, True)
    assert (await http.get(f"/v1/school/{uuid4()}/exists")).status_code == 404
    assert (await http.get("/v1/school/annandale/exists")).status_code == 422


async def test_a_school_is_shown_with_its_collection_in_two_statements(world: World, database: Database) -> None:
    school = await world.school()
    collection = await world.collection(school, item_count=3)
    lms = await world.lms(school)
    with statements(database) as sent:
        shown = (await lms.get(f"/school/{school.wriveted_identifier}")).json()
    assert sent == ["SELECT", "SELECT"]
    SchoolDetail.model_validate(shown)
    assert (shown["collection"]["id"], shown["collection"]["book_count"]) == (str(collection.id), 3)
    assert shown["country"] == {"id": "AUS", "name": "Australia"}


@pytest.mark.parametrize(
    ("info", "experiments"),
    [
        (
            '{"experiments": {"no-jokes": true, "no-choice-option": false}}',
            {"no-jokes": True, "no-choice-option": False},
        ),
        ("{}", {}),
        ("[]", {}),
        ('{"experiments": {"no-jokes": "perhaps"}}', {}),
    ],
)
async def test_a_bot_is_told_of_the_schools_experiments(world: World, info: str, experiments: dict[str, Any]) -> None:
    school = await world.school()
    async with world.session() as session:
        change = text("UPDATE schools SET info = CAST(:info AS jsonb) WHERE wriveted_identifier = :id")
        await session.execute(change.bindparams(info=info, id=school.wriveted_identifier))
    client = await world.service("kiosk", school)
    answer = await client.get(f"/school/{school.wriveted_identifier}/bot")
    assert answer.json() == {
        "name": school.name,
        "type": "huey_books",
        "experiments": experiments,
        "supporter": False,
    }


async def test_a_bookbot_is_told_whether_the_school_is_active(world: World) -> None:
    school = await world.school()
    client = await world.service("kiosk", school)
    answer = await client.get(f"/school/{school.wriveted_identifier}/bookbot")
    assert answer.json() == {
        "wriveted_identifier": str(school.wriveted_identifier),
        "name": school.name,
        "state": "active",
        "bookbot_type": "huey_books",
    }
