"""Who is recommended what: only those who may read a school's collection get books of it."""

from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest

from app.schools.models import School
from tests.recommendations.books import labelled, library, recommend, works
from tests.world import Client, World

Make = Callable[[World, School], Awaitable[Client]]


async def a_student(world: World, school: School) -> Client:
    return await world.student(await world.class_group(school))


READERS: dict[str, Make] = {
    "student": a_student,
    "educator": lambda world, school: world.educator(school),
    "school admin": lambda world, school: world.school_admin(school),
    "library system": lambda world, school: world.lms(school),
    "vendor": lambda world, school: world.service("lms", vendor=True),
    "library": lambda world, school: world.service("school", school),
    "kiosk": lambda world, school: world.service("kiosk", school),
    "backend": lambda world, school: world.service("backend"),
    "admin": lambda world, school: world.admin(),
}
STRANGERS: dict[str, Make] = {
    "student": a_student,
    "educator": lambda world, school: world.educator(school),
    "school admin": lambda world, school: world.school_admin(school),
    "library system": lambda world, school: world.lms(school),
    "kiosk": lambda world, school: world.service("kiosk", school),
    "library without schools": lambda world, school: world.service("school"),
    "public reader": lambda world, school: world.public_reader(),
    "parent": lambda world, school: world.parent(),
    "supporter": lambda world, school: world.supporter(),
}


@pytest.mark.parametrize("who", READERS)
async def test_those_of_the_school_are_recommended_its_books(world: World, who: str) -> None:
    school = await library(world, book := await labelled(await world.admin()))
    client = await READERS[who](world, school)
    assert works(await recommend(client, school)) == [book["work_id"]]


@pytest.mark.parametrize("who", STRANGERS)
async def test_strangers_are_refused_and_told_what_is_missing(world: World, who: str) -> None:
    school, other = await library(world, await labelled(await world.admin())), await world.school()
    client = await STRANGERS[who](world, other)
    body = {"wriveted_identifier": str(school.wriveted_identifier), "fallback": True}
    answer = await client.post("/recommend", json=body)
    assert answer.status_code == 403
    assert answer.json()["permission"] == "read"
    assert (await client.post("/recommend", json={})).status_code == 200


async def test_school_without_a_collection_has_no_books_for_its_own_and_none_for_others(world: World) -> None:
    await labelled(await world.admin())
    school = await world.school()
    output = await recommend(await world.educator(school), school)
    assert output["books"] == []
    assert output["query"]["school_id"] == school.id
    stranger = await world.public_reader()
    body = {"wriveted_identifier": str(school.wriveted_identifier)}
    assert (await stranger.post("/recommend", json=body)).status_code == 403


async def test_unknown_school_is_404_and_nobody_is_asked_without_a_token(world: World) -> None:
    body = {"wriveted_identifier": str(uuid4())}
    assert (await (await world.admin()).post("/recommend", json=body)).status_code == 404
    assert (await world.http.post("/v1/recommend", json=body)).status_code == 401
