"""``include=permissions`` tells of each row what its reader may do with it, by the rules, and only when asked."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select

from app.collections.models import Collection, CollectionItem
from app.core.acl import permissions_of
from app.events.models import Event, EventLevel
from tests.books.catalogue import new_isbn
from tests.collections.shelves import Library, library
from tests.oracle import oracle
from tests.world import Client, World

WITH = {"include": "permissions"}


@dataclass
class Place:
    """A school with a library, an edition and an event, and accounts that see them."""

    mine: Library
    collection: UUID
    item: int
    edition: str
    word: str
    callers: dict[str, tuple[Client, dict[str, Any]]]

    @property
    def school(self) -> UUID:
        return self.mine.school.wriveted_identifier

    def granted(self, who: str, resource: str, row: dict[str, Any]) -> list[str]:
        """By the independent table."""
        account = self.callers[who][1]
        return sorted(each for each in oracle.permissions(resource) if oracle.decide(resource, each, account, row))


@pytest_asyncio.fixture(loop_scope="session")
async def place(world: World) -> Place:
    mine = await library(world)
    await mine.replace([{"isbn": new_isbn()}, {"info": {"title": "Our School"}}])
    collection = await mine.id()
    school, word, isbn = mine.school.wriveted_identifier, uuid4().hex, new_isbn()
    async with world.session() as session:
        item = await session.scalar(select(CollectionItem.id).where(CollectionItem.collection_id == collection))
        session.add(Event(title=word, level=EventLevel.NORMAL, school_id=school))
    assert item is not None
    made = {
        "admin": (await world.admin(), {"kind": "admin"}),
        "lms": (mine.lms, {"kind": "lms", "schools": [school]}),
        "school_admin": (await world.school_admin(mine.school), {"kind": "school_admin", "school": school}),
        "educator": (await world.educator(mine.school), {"kind": "educator", "school": school}),
        "student": (
            await world.student(await world.class_group(mine.school)),
            {"kind": "student", "school": school},
        ),
    }
    admin = made["admin"][0]
    assert (await admin.post("/edition", json={"isbn": isbn, "title": word})).status_code == 200
    callers = {who: (client, account | {"id": client.id}) for who, (client, account) in made.items()}
    return Place(mine, collection, item, isbn, word, callers)


CALLERS = ("admin", "lms", "school_admin", "educator", "student")
STAFF = ("admin", "school_admin", "educator")


def rows_of(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    body = answer.json()
    found = body if isinstance(body, list) else body.get("data", [body])
    assert found
    return list(found)


async def told(client: Client, path: str, **query: str) -> list[list[str]]:
    """The permissions of each row, which are there when asked for, and not otherwise."""
    with_them = rows_of(await client.get(path, params=query | WITH))
    without = rows_of(await client.get(path, params=query))
    permissions = [row.pop("permissions") for row in with_them]
    assert with_them == without
    return permissions


@pytest.mark.parametrize("who", CALLERS)
async def test_permissions_are_those_of_the_independent_table(place: Place, who: str) -> None:
    client = place.callers[who][0]
    collection = {"school": place.school, "user": None}
    of_school = place.granted(who, "School", {"id": place.school})
    of_collection = place.granted(who, "Collection", collection)
    identifier = place.mine.school.official_identifier or ""
    assert await told(client, f"/school/{place.school}") == [of_school]
    assert await told(client, "/schools", official_identifier=identifier) == [of_school]
    assert await told(client, f"/collection/{place.collection}") == [of_collection]
    assert await told(client, f"/collection/{place.collection}/items") == [of_collection] * 2
    assert await told(client, f"/collection-item/{place.item}") == [of_collection]
    of_edition = sorted(set(place.granted(who, "Edition", {})) - {"batch"})
    assert await told(client, f"/edition/{place.edition}") == [of_edition]
    assert await told(client, "/editions", query=place.word) == [of_edition]
    assert await told(client, "/works", query=place.word) == [of_edition]
    work = rows_of(await client.get("/works", params={"query": place.word}))[0]["id"]
    for full_detail in ("true", "false"):
        assert await told(client, f"/work/{work}", full_detail=full_detail) == [of_edition]


@pytest.mark.parametrize("who", STAFF)
async def test_permissions_on_events_and_service_accounts(place: Place, who: str) -> None:
    client = place.callers[who][0]
    title = {"school": place.school, "user": None, "title": place.word, "level": "normal"}
    of_event = [each for each in place.granted(who, "Event", title) if who == "admin" or each != "create"]
    assert await told(client, "/events", query=place.word) == [of_event]
    of_account = sorted(set(place.granted(who, "ServiceAccount", {"schools": [place.school]})) - {"deactivate"})
    if of_account:
        assert await told(client, f"/service-account/{place.mine.lms.id}") == [of_account]
        listed = rows_of(await client.get("/service-accounts", params={**WITH, "limit": "1000"}))
        assert [row["permissions"] for row in listed if row["id"] == str(place.mine.lms.id)] == [of_account]


@pytest.mark.parametrize("who", ["admin", "school_admin", "educator", "student"])
async def test_permissions_on_booklists(place: Place, who: str) -> None:
    teacher, reader = place.callers["educator"][0], place.callers[who][0]
    made: dict[str, dict[str, Any]] = {}
    for kind, maker, sharing in (("School", teacher, "restricted"), ("Personal", reader, "private")):
        given = {"name": f"A {kind} list", "type": kind, "sharing": sharing}
        answer = await maker.post("/list", json=given)
        owner = {"school": place.school, "user": None} if kind == "School" else {"school": None, "user": reader.id}
        made[answer.json()["id"]] = {"type": kind, "sharing": sharing, **owner}
    expected = {id_: place.granted(who, "BookList", row) for id_, row in made.items()}
    assert len({tuple(each) for each in expected.values()}) == (2 if who == "student" else 1)
    shown = {id_: (await reader.get(f"/list/{id_}", params=WITH)).json() for id_ in made}
    assert {id_: each.pop("permissions") for id_, each in shown.items()} == expected
    assert shown == {id_: (await reader.get(f"/list/{id_}")).json() for id_ in made}
    listed = rows_of(await reader.get("/lists", params={**WITH, "limit": "50"}))
    assert {row["id"]: row["permissions"] for row in listed if row["id"] in made} == expected


async def test_permissions_differ_from_row_to_row_of_one_list(world: World, place: Place) -> None:
    postcode = uuid4().hex
    info = {"location": {"state": "NSW", "postcode": postcode}}
    mine, other = await world.school(info=info), await world.school(info=info)
    admin = await world.school_admin(mine)
    found = rows_of(await admin.get("/schools", params={"postcode": postcode, **WITH}))
    by_id = {row["wriveted_identifier"]: row["permissions"] for row in found}
    assert by_id == {
        str(mine.wriveted_identifier): ["manage-classes", "read", "read-collection", "read-staff", "update"],
        str(other.wriveted_identifier): [],
    }


@pytest.mark.parametrize(
    "path",
    ["/schools", "/service-accounts", "/events", "/editions", "/works", "/lists", "/collection/{collection}/items"],
)
async def test_permissions_take_no_statement_per_row(world: World, place: Place, path: str) -> None:
    admin = place.callers["admin"][0]
    for _ in range(3):
        school = await world.school()
        await world.lms(school)
        await admin.post("/list", json={"name": "Mine", "type": "Personal"})
        async with world.session() as session:
            session.add(Event(title=place.word, level=EventLevel.NORMAL, school_id=school.wriveted_identifier))
    at = path.format(collection=place.collection)

    async def statements(limit: int, **query: str) -> int:
        return await world.count_statements(admin.get(at, params={"limit": limit, **query}))

    await statements(1)
    assert await statements(1, **WITH) == await statements(4, **WITH) <= await statements(4) + 1


@pytest.mark.parametrize(
    "path",
    [
        "/school/{school}",
        "/schools",
        "/collection/{collection}",
        "/collection/{collection}/items",
        "/collection-item/{item}",
        "/edition/{edition}",
        "/editions",
        "/works",
        "/service-accounts",
        "/service-account/{lms}",
        "/events",
        "/lists",
    ],
)
async def test_what_cannot_be_included_is_refused(place: Place, path: str) -> None:
    admin = place.callers["admin"][0]
    at = path.format(
        school=place.school,
        collection=place.collection,
        item=place.item,
        edition=place.edition,
        lms=place.mine.lms.id,
    )
    for include in ("secrets", "permissions,secrets", "", "Permissions"):
        answer = await admin.get(at, params={"include": include})
        assert answer.status_code == 422, answer.text
        assert [(each["pointer"], each["code"]) for each in answer.json()["errors"]] == [
            ("/query/include", "literal_error")
        ]
    assert (await admin.get(f"{at}?include=permissions&include=permissions")).status_code == 422


async def test_permissions_are_told_though_the_collection_is_as_it_was(place: Place) -> None:
    client, path = place.mine.lms, f"/collection/{place.collection}"
    seen = {"If-None-Match": (await client.get(path)).headers["etag"]}
    assert (await client.get(path, headers=seen)).status_code == 304
    assert "permissions" in (await client.get(path, headers=seen, params=WITH)).json()


async def test_next_page_tells_permissions_too(place: Place) -> None:
    path = f"/collection/{place.collection}/items"
    first = await place.mine.lms.get(path, params={"limit": 1, **WITH})
    second = await place.mine.lms.get(first.links["next"]["url"].removeprefix("/v1"))
    assert rows_of(second)[0]["permissions"] == ["batch", "create", "read", "update"]


def test_all_covers_what_no_rule_names() -> None:
    assert permissions_of(Collection(), {"role:admin"}) == {"create", "read", "update", "delete", "batch"}


async def test_permissions_are_told_though_the_work_is_as_it_was(place: Place) -> None:
    client = place.callers["educator"][0]
    work = rows_of(await client.get("/works", params={"query": place.word}))[0]["id"]
    seen = {"If-None-Match": (await client.get(f"/work/{work}")).headers["etag"]}
    assert (await client.get(f"/work/{work}", headers=seen)).status_code == 304
    answer = await client.get(f"/work/{work}", headers=seen, params=WITH)
    assert answer.json()["permissions"] == ["add", "read"]
    assert answer.headers["etag"] == seen["If-None-Match"]
