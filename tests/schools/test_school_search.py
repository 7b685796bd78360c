from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from app.core.db import Database
from app.schools.models import School, SchoolState
from app.schools.queries import schools_matching
from app.schools.schemas import SchoolFilters, SchoolRecognised, SchoolSelectorOption
from tests.schools.statements import statements
from tests.world import Client, World

RECOGNISED = {"wriveted_identifier", "name", "official_identifier", "country_code", "info", "admins"}
READ = RECOGNISED | {"state", "subscription", "collection"}
INFO = {"state": "NSW", "postcode": "2038", "suburb": "Annandale"}

Caller = Callable[[World, School], Awaitable[Client]]
READERS: dict[str, Caller] = {
    "admin": lambda world, school: world.admin(),
    "backend": lambda world, school: world.service("backend"),
    "lms of the school": lambda world, school: world.lms(school),
    "vendor": lambda world, school: world.service("lms", vendor=True),
    "library of the school": lambda world, school: world.service("school", school),
    "kiosk of the school": lambda world, school: world.service("kiosk", school),
}
OTHERS: dict[str, Caller] = {
    "lms without a school": lambda world, school: world.lms(),
    "library without a school": lambda world, school: world.service("school"),
    "kiosk without a school": lambda world, school: world.service("kiosk"),
}


def place(**members: Any) -> dict[str, Any]:
    """An `info` that stands in a state of its own, so that a test finds its schools alone."""
    return {"location": {"state": uuid4().hex, "postcode": "2038"} | members}


async def found(client: Client, **query: Any) -> list[dict[str, Any]]:
    answer = await client.get("/schools", params=query)
    assert answer.status_code == 200, answer.text
    schools: list[dict[str, Any]] = answer.json()
    return schools


async def names(client: Client, **query: Any) -> list[str]:
    return [school["name"] for school in await found(client, **query)]


@pytest.mark.parametrize("role", READERS)
async def test_who_may_read_a_school_sees_all_of_it_in_the_list(world: World, role: str) -> None:
    info = place() | {"sector": "Government", "experiments": {"no-jokes": True}}
    school = await world.school(info=info)
    collection = await world.collection(school, item_count=7)
    (shown,) = await found(await READERS[role](world, school), state=info["location"]["state"])
    assert shown.keys() == READ
    SchoolSelectorOption.model_validate(shown)
    assert shown["state"] == "active"
    assert shown["info"]["sector"] == "Government"
    assert shown["info"]["experiments"] == {"no-jokes": True}
    assert (shown["admins"], shown["subscription"]) == ([], None)
    assert shown["collection"] == {
        "id": str(collection.id),
        "name": "School library",
        "book_count": 7,
        "school_id": str(school.wriveted_identifier),
        "user_id": None,
        "updated_at": collection.updated_at.isoformat().replace("+00:00", "Z"),
    }


@pytest.mark.parametrize("role", OTHERS)
async def test_everybody_else_sees_what_it_takes_to_recognise_a_school(world: World, role: str) -> None:
    info = place(suburb="Annandale") | {"sector": "Government", "experiments": {"no-jokes": True}}
    school = await world.school(info=info)
    await world.collection(school)
    (shown,) = await found(await OTHERS[role](world, school), state=info["location"]["state"])
    assert shown.keys() == RECOGNISED
    SchoolRecognised.model_validate(shown)
    assert shown["wriveted_identifier"] == str(school.wriveted_identifier)
    assert shown["official_identifier"] == school.official_identifier
    assert shown["info"].keys() == {"location"}
    assert shown["info"]["location"]["suburb"] == "Annandale"


async def test_an_lms_sees_more_of_its_own_schools_than_of_others_on_one_page(world: World) -> None:
    info = place()
    await world.school("Other", info=info)
    own = await world.school("Own", info=info)
    shown = await found(await world.lms(own), state=info["location"]["state"])
    assert [(school["name"], "state" in school) for school in shown] == [("Own", True), ("Other", False)]


async def test_a_stranger_is_asked_who_they_are(http: httpx.AsyncClient) -> None:
    assert (await http.get("/v1/schools")).status_code == 401


@pytest.mark.parametrize(
    ("q", "hits"),
    [
        ("annandale", True),
        ("ANNANDALE north", True),
        ("school annan", True),
        ("ánnandâle", True),
        (" ", True),
        ("nnandale", False),
        ("annandale south", False),
        ("%", False),
        ("annan%", True),
        ("_nnandale", False),
        ("annandale | sydney", False),
        ("annandale & !north", True),
        ("'annandale' : *", True),
        ("\\", False),
        ("official", False),
    ],
)
async def test_a_name_is_found_by_the_beginnings_of_its_words(world: World, q: str, hits: bool) -> None:
    info = place()
    await world.school("Annandale North Public School", info=info, official_identifier=f"official {uuid4()}")
    shown = await names(await world.lms(), q=q, state=info["location"]["state"])
    assert shown == (["Annandale North Public School"] if hits else [])


@pytest.mark.parametrize(
    ("filters", "index"),
    [
        (SchoolFilters(q="annan"), "ix_schools_search_name"),
        (SchoolFilters(postcode="2038"), "ix_schools_postcode"),
        (SchoolFilters(), "ix_schools_created_at_id"),
    ],
)
async def test_a_page_is_found_by_an_index(world: World, filters: SchoolFilters, index: str) -> None:
    after = (datetime.now(UTC).isoformat(), 1)
    page = schools_matching(filters, {"role:admin"}, after=None if filters.model_fields_set else after, skip=0, limit=9)
    sql = page.compile(dialect=world.database.engine.dialect, compile_kwargs={"literal_binds": True})
    async with world.session() as session:
        await session.execute(text("SET LOCAL enable_seqscan = off"))
        if filters.model_fields_set:
            await session.execute(text("SET LOCAL enable_indexscan = off"))  # leaves the bitmap scans of a filter
        plan = await session.execute(text(f"EXPLAIN {sql}".replace(":", "\\:")))
        assert index in "\n".join(plan.scalars())


async def test_schools_are_found_by_place_and_identifier_exactly(world: World) -> None:
    client, here, there = await world.lms(), place(postcode="2038"), place(postcode="2039")
    identifier = uuid4().hex
    await world.school("Here", info=here, official_identifier=identifier)
    await world.school("There", info=there)
    await world.school("Across the sea", info=here, country_code="NZL", official_identifier=identifier)
    state = here["location"]["state"]
    assert await names(client, state=state) == ["Across the sea", "Here"]
    assert await names(client, state=state[:-1]) == []
    assert await names(client, state=state, postcode="2038", country_code="aus") == ["Here"]
    assert await names(client, state=state, postcode="2039") == []
    assert await names(client, official_identifier=identifier) == ["Across the sea", "Here"]
    assert await names(client, official_identifier=identifier, country_code="NZL") == ["Across the sea"]


async def test_schools_that_are_not_active_are_inactive_or_pending(world: World) -> None:
    admin, info = await world.admin(), place()
    for state in SchoolState:
        await world.school(state.value, info=info, state=state)
    where = info["location"]["state"]
    assert await names(admin, state=where, is_active=True) == ["active"]
    assert sorted(await names(admin, state=where, is_active=False)) == ["inactive", "pending"]


async def test_schools_are_found_with_a_collection_and_without_one(world: World) -> None:
    admin, info = await world.admin(), place()
    await world.collection(await world.school("With", info=info))
    await world.school("Without", info=info)
    state = info["location"]["state"]
    assert await names(admin, state=state, connected_collection=True) == ["With"]
    assert await names(admin, state=state, connected_collection=False) == ["Without"]


async def test_no_school_has_an_active_subscription(world: World) -> None:
    admin, info = await world.admin(), place()
    await world.school("Annandale", info=info)
    state = info["location"]["state"]
    assert await names(admin, state=state, has_active_subscription=True) == []
    assert await names(admin, state=state, has_active_subscription=False) == ["Annandale"]


@pytest.mark.parametrize("name", ["is_active", "connected_collection", "has_active_subscription"])
@pytest.mark.parametrize("value", [True, False])
async def test_a_filter_tells_nothing_of_schools_that_the_caller_may_not_read(
    world: World, name: str, value: bool
) -> None:
    info = place()
    for state in SchoolState:
        await world.school("Other, without", info=info, state=state)
        await world.collection(await world.school("Other, with", info=info, state=state))
    own = await world.school("Own", info=info)
    shown = await names(await world.lms(own), state=info["location"]["state"], **{name: value})
    assert set(shown) <= {"Own"}


async def test_pages_hold_every_school_once_the_newest_first(world: World, http: httpx.AsyncClient) -> None:
    client, info = await world.lms(), place()
    created = [(await world.school(f"School {n}", info=info)).name for n in range(5)]
    seen: list[str] = []
    path = f"/schools?state={info['location']['state']}&limit=2"
    for _ in range(4):
        page = await client.get(path)
        seen += [school["name"] for school in page.json()]
        await world.school("Arrived meanwhile", info=info)
        if "Link" not in page.headers:
            break
        path = page.headers["Link"].partition("</v1")[2].partition(">")[0]
    assert seen == created[::-1]
    assert await names(client, state=info["location"]["state"], skip=7, limit=1) == ["School 0"]


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "skip=-1", "q=" + "a" * 201, "q=%00", "is_active=2"])
async def test_a_query_out_of_bounds_is_refused(world: World, query: str) -> None:
    assert (await (await world.lms()).get(f"/schools?{query}")).status_code == 422


@pytest.mark.parametrize(
    "odd", ["{}", "[]", "null", '"x"', '{"location": 7}', '{"location": {"state": [], "postcode": 2038}, "URL": {}}']
)
async def test_an_odd_info_breaks_no_page(world: World, odd: str) -> None:
    school = await world.school()
    async with world.session() as session:
        change = text("UPDATE schools SET info = CAST(:odd AS jsonb) WHERE wriveted_identifier = :id")
        await session.execute(change.bindparams(odd=odd, id=school.wriveted_identifier))
    for client in (await world.admin(), await world.lms()):
        (shown,) = await found(client, official_identifier=school.official_identifier)
        assert isinstance(shown["info"]["location"]["state"], str)
    assert (await (await world.admin()).get(f"/school/{school.wriveted_identifier}")).status_code == 200


async def test_a_page_is_one_statement(world: World, database: Database) -> None:
    info = place()
    for _ in range(3):
        await world.collection(await world.school(info=info))
    admin = await world.admin()
    with statements(database) as sent:
        assert len(await found(admin, state=info["location"]["state"])) == 3
    assert sent == ["SELECT"]
