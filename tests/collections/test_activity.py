"""Reading activity: who notes and sees what a reader reads, and how things stand by it."""

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.collections.schemas import CollectionItemActivityBrief, CollectionItemsResponse
from tests.collections.shelves import Library, isbn, library
from tests.world import Client, World

HUNGER_GAMES, PHILOSOPHERS_STONE, TWILIGHT = BOOKS = isbn(4001), isbn(4002), isbn(4003)


class Reading:
    """A school's shelf of three books, its people, and strangers."""

    def __init__(self, school: Library, items: dict[str, int], collection: str, people: dict[str, Client]) -> None:
        self.school, self.items, self.collection, self.people = school, items, collection, people

    async def log(self, who: str, reader: str, book: str, status: str = "READING") -> Any:
        body = {"collection_item_id": self.items[book], "reader_id": str(self.people[reader].id), "status": status}
        return await self.people[who].post("/collection-item-activity", json=body)

    async def books(self, who: str, **filters: Any) -> list[str]:
        answer = await self.people[who].get(f"/collection/{self.collection}/items", params=filters)
        assert answer.status_code == 200, answer.text
        page = CollectionItemsResponse.model_validate(answer.json())
        assert page.pagination.total == len(page.data)
        return [item.edition.isbn for item in page.data if item.edition]

    def id(self, who: str) -> str:
        return str(self.people[who].id)


async def reading(world: World) -> Reading:
    school, elsewhere = await library(world), await world.school("Elsewhere")
    await school.replace([{"isbn": book} for book in BOOKS])
    items = {book: item["id"] for book, item in (await school.shelf()).items()}
    group = await world.class_group(school.school)
    pupil = await world.student(group)
    people = {
        "pupil": pupil,
        "classmate": await world.student(group),
        "parent": await world.parent(pupil),
        "supporter": await world.supporter(pupil),
        "teacher": await world.educator(school.school),
        "school admin": await world.school_admin(school.school),
        "teacher elsewhere": await world.educator(elsewhere),
        "public reader": await world.public_reader(),
        "library": await world.service("school", school.school),
        "kiosk": await world.service("kiosk", school.school),
        "lms": school.lms,
        "vendor": await world.service("lms", vendor=True),
        "admin": await world.admin(),
    }
    return Reading(school, items, str(await school.id()), people)


MAY = {"pupil", "parent", "teacher", "school admin"}


async def test_who_may_note_and_see_what_a_pupil_reads(world: World) -> None:
    """Never a library system, a library or a kiosk, though they see the shelf."""
    around = await reading(world)
    for who in around.people:
        answer = await around.log(who, "pupil", HUNGER_GAMES)
        assert answer.status_code == (200 if who in MAY else 403), (who, answer.text)
        if who in MAY:
            assert CollectionItemActivityBrief.model_validate(answer.json()).status == "READING"
        else:
            assert answer.json()["permission"] == "create"
        seen = await around.people[who].get(
            f"/collection/{around.collection}/items", params={"reader_id": around.id("pupil")}
        )
        sees_shelf = who not in ("parent", "supporter", "teacher elsewhere", "public reader")
        assert seen.status_code == (200 if who in MAY and sees_shelf else 403), who
    assert (await world.http.post("/v1/collection-item-activity", json={})).status_code == 401


async def test_newest_status_is_how_it_stands(world: World) -> None:
    """B10: one row for a book however often it was noted, and the latest of each reader and book."""
    around = await reading(world)
    for status in ("TO_READ", "READING", "READ"):
        await around.log("pupil", "pupil", HUNGER_GAMES, status)
    await around.log("pupil", "pupil", TWILIGHT, "READ")
    await around.log("teacher", "pupil", TWILIGHT, "STOPPED_READING")
    await around.log("classmate", "classmate", TWILIGHT, "READ")
    await around.log("classmate", "classmate", PHILOSOPHERS_STONE, "READ")
    pupil = {"reader_id": around.id("pupil")}
    assert sorted(await around.books("teacher", **pupil)) == sorted([HUNGER_GAMES, TWILIGHT])
    assert await around.books("teacher", **pupil, read_status="READ") == [HUNGER_GAMES]
    assert await around.books("pupil", **pupil, read_status="STOPPED_READING") == [TWILIGHT]
    assert await around.books("pupil", **pupil, read_status="READING") == []
    everybody = [HUNGER_GAMES, PHILOSOPHERS_STONE, TWILIGHT]
    assert sorted(await around.books("teacher", read_status="READ")) == sorted(everybody)
    assert await around.books("pupil", read_status="READ") == [HUNGER_GAMES], "of others a pupil sees nothing"
    for who in ("lms", "library", "kiosk", "admin", "vendor"):
        assert await around.books(who, read_status="READ") == []
    assert await around.books("teacher", **pupil, query="nothing has this title") == []


async def test_a_book_that_was_withdrawn_comes_back_with_its_history(world: World) -> None:
    """B4: each full sync deleted what was read."""
    around = await reading(world)
    await around.log("pupil", "pupil", TWILIGHT, "READ")
    mine = {"reader_id": around.id("pupil"), "read_status": "READ"}
    await around.school.replace([{"isbn": HUNGER_GAMES}])
    assert await around.books("pupil", **mine) == []
    await around.school.replace([{"isbn": TWILIGHT}])
    assert await around.books("pupil", **mine) == [TWILIGHT]


async def test_a_reader_notes_only_what_the_reader_can_see(world: World) -> None:
    around, other = await reading(world), await library(world)
    await other.replace([{"isbn": isbn(1)}])
    foreign = (await other.shelf())[isbn(1)]["id"]
    body = {"collection_item_id": foreign, "reader_id": around.id("pupil"), "status": "READ"}
    refused = await around.people["pupil"].post("/collection-item-activity", json=body)
    assert (refused.status_code, refused.json()["permission"]) == (403, "read")
    absent = await around.people["pupil"].post(
        "/collection-item-activity", json=body | {"collection_item_id": 2**31 - 1}
    )
    assert (absent.status_code, absent.json()["errors"][0]["pointer"]) == (422, "/collection_item_id")
    grown_up = body | {"reader_id": around.id("teacher"), "collection_item_id": around.items[TWILIGHT]}
    answer = await around.people["teacher"].post("/collection-item-activity", json=grown_up)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/reader_id")
    nobody = await around.people["teacher"].post("/collection-item-activity", json=body | {"reader_id": str(uuid4())})
    assert nobody.status_code == 403
    for bad in ({"status": "BURNT"}, {"reader_id": "x"}, {"collection_item_id": 2**31}, {"timestamp": "2020-01-01"}):
        assert (await around.people["pupil"].post("/collection-item-activity", json=body | bad)).status_code == 422
    for query in ("reader_id=x", "read_status=BURNT", f"reader_id={uuid4()}"):
        answer = await around.people["teacher"].get(f"/collection/{around.collection}/items?{query}")
        assert answer.status_code == (403 if "-" in query else 422)


async def test_a_child_keeps_a_shelf_of_its_own(world: World) -> None:
    """A book is added and how far the reader is noted, in one; or, where something is wrong, neither."""
    child = await world.public_reader()
    parent = await world.parent(child)
    own = (await child.post("/collection", json={"name": "Mine", "user_id": str(child.id)})).json()
    path = f"/collection/{own['id']}"
    noted = {"read_status": "READ", "reader_id": str(child.id)}
    for who, book in ((child, HUNGER_GAMES), (parent, TWILIGHT)):
        assert (await who.post(f"{path}/item", json={"edition_isbn": book, **noted})).status_code == 200
    listed = await parent.get(f"{path}/items", params={"reader_id": str(child.id), "read_status": "READ"})
    assert listed.json()["pagination"]["total"] == 2
    half = await child.post(f"{path}/item", json={"edition_isbn": isbn(2), "read_status": "READ"})
    assert half.status_code == 422
    stranger = await world.public_reader()
    theirs = {"edition_isbn": isbn(2), "read_status": "READ", "reader_id": str(stranger.id)}
    assert (await child.post(f"{path}/item", json=theirs)).status_code == 403
    assert (await child.get(path)).json()["book_count"] == 2


async def test_library_system_adds_a_book_but_notes_nothing(world: World) -> None:
    around = await reading(world)
    noted = {"read_status": "READ", "reader_id": around.id("pupil")}
    path = f"/collection/{around.collection}/item"
    refused = await around.people["lms"].post(path, json={"edition_isbn": isbn(9), **noted})
    assert (refused.status_code, refused.json()["permission"]) == (403, "create")
    assert (await around.people["teacher"].post(path, json={"edition_isbn": isbn(9), **noted})).status_code == 200
    assert await around.books("pupil", reader_id=around.id("pupil")) == [isbn(9)]


async def test_notes_of_many_at_once_are_all_kept(world: World) -> None:
    around = await reading(world)
    statuses = ["TO_READ", "READING", "READ", "STOPPED_READING"] * 4
    answers = await asyncio.gather(*(around.log("teacher", "pupil", TWILIGHT, status) for status in statuses))
    assert {answer.status_code for answer in answers} == {200}
    async with world.session() as session:
        count = text("SELECT count(*) FROM collection_item_activity_log WHERE collection_item_id = :item")
        assert await session.scalar(count, {"item": around.items[TWILIGHT]}) == len(statuses)


async def test_a_note_that_is_sent_twice_is_kept_once(world: World) -> None:
    around = await reading(world)
    body = {"collection_item_id": around.items[TWILIGHT], "reader_id": around.id("pupil"), "status": "READ"}
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = [
        await around.people["pupil"].post("/collection-item-activity", json=body, headers=headers) for _ in range(2)
    ]
    assert first.json() == second.json()
    events = (await around.people["parent"].get("/events", params={"query": "Collection item activity"})).json()["data"]
    assert len(events) == 1
    assert events[0]["info"]["status"] == "READ"


async def test_what_was_read_is_never_rewritten_and_goes_with_the_reader(world: World) -> None:
    around = await reading(world)
    await around.log("pupil", "pupil", TWILIGHT, "READ")
    with pytest.raises(DBAPIError, match="not rewritten"):
        async with world.session() as session:
            await session.execute(text("UPDATE collection_item_activity_log SET status = 'UNREAD'"))
    count = text("SELECT count(*) FROM collection_item_activity_log WHERE reader_id = :id")
    reader = {"id": around.people["pupil"].id}
    async with world.session() as session:
        await session.execute(text("DELETE FROM students WHERE id = :id"), reader)
        assert await session.scalar(count, reader) == 1, "a change of the account's kind keeps it"
        await session.execute(text("DELETE FROM users WHERE id = :id"), reader)
        assert await session.scalar(count, reader) == 0


async def test_pages_of_what_somebody_reads_are_full(world: World) -> None:
    around = await reading(world)
    for book in BOOKS:
        await around.log("pupil", "pupil", book)
    path = f"/collection/{around.collection}/items?reader_id={around.id('pupil')}&limit=2"
    first = await around.people["teacher"].get(path)
    rest = await around.people["teacher"].get(first.links["next"]["url"].removeprefix("/v1"))
    found = [item["edition"]["isbn"] for item in first.json()["data"] + rest.json()["data"]]
    assert (len(found), set(found)) == (3, set(BOOKS))
    assert first.json()["pagination"]["total"] == 3
