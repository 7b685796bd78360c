"""What follows from the events that clients post: over both APIs, as in production."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, text

from app.booklists.models import BookList, BookListWork
from app.books.models import Edition
from app.collections.models import ReadingActivity
from app.core.outbox import TaskRow, TaskState
from app.events.models import Event
from app.events.schemas import ProcessEvent
from app.events.titles import PROCESSED_TITLES, SYSTEM_TITLES, is_system_title
from tests.booklists.lists import works
from tests.books.catalogue import new_isbn
from tests.collections.shelves import isbn, library
from tests.world import Client, World

REVIEWED, LOGGED = "Huey: Book reviewed", "Reader timeline event: Reading logged"
BOOK = isbn(51_001)


async def post(client: Client, title: str, info: dict[str, Any], **fields: Any) -> httpx.Response:
    return await client.post("/events", json={"title": title, "level": "normal", "info": info, **fields})


async def process(world: World, queue: httpx.AsyncClient) -> list[int]:
    """Deliver every task of an event, twice, the last first."""
    async with world.session() as session:
        pending = TaskRow.kind == ProcessEvent.kind, TaskRow.state == TaskState.PENDING
        ids = list(await session.scalars(select(TaskRow.id).where(*pending)))
    return [
        (await queue.post("/v1/tasks/process-event", json={"id": str(id_)})).status_code
        for id_ in [*reversed(ids), *ids]
    ]


async def activities(world: World, reader: Client) -> list[str]:
    async with world.session() as session:
        rows = await session.scalars(
            select(ReadingActivity.status)
            .where(ReadingActivity.reader_id == reader.id)
            .order_by(ReadingActivity.timestamp, ReadingActivity.id)
        )
        return [status.value for status in rows]


async def isbns_of(world: World, works: list[int]) -> list[str]:
    async with world.session() as session:
        query = select(Edition.work_id, Edition.isbn).where(Edition.work_id.in_(works))
        found = {row.work_id: row.isbn for row in await session.execute(query)}
    return [found[work] for work in works]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({}, "READING"),
        ({"stopped": True}, "STOPPED_READING"),
        ({"finished": True}, "READ"),
        ({"finished": True, "stopped": True}, "READ"),
    ],
)
async def test_reading_that_was_logged_is_how_things_stand(
    world: World, queue: httpx.AsyncClient, said: dict[str, bool], status: str
) -> None:
    school = await library(world)
    await school.replace([{"isbn": BOOK}])
    item = (await school.shelf())[BOOK]["id"]
    pupil = await world.student(await world.class_group(school.school))
    answer = await post(pupil, LOGGED, {"collection_item_id": item, "emoji": "🙂", "descriptor": "funny", **said})
    assert answer.status_code == 200, answer.text
    assert set(await process(world, queue)) == {204}
    assert await activities(world, pupil) == [status]


async def test_tasks_in_another_order_leave_the_newest_reading(world: World, queue: httpx.AsyncClient) -> None:
    school = await library(world)
    await school.replace([{"isbn": BOOK}])
    item = (await school.shelf())[BOOK]["id"]
    pupil = await world.student(await world.class_group(school.school))
    for said in ({}, {"finished": True}):
        await post(pupil, LOGGED, {"collection_item_id": item, **said})
    await process(world, queue)
    assert await activities(world, pupil) == ["READING", "READ"]


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"collection_item_id": None},
        {"collection_item_id": "many"},
        {"collection_item_id": -1},
        {"collection_item_id": 2**40},
        {"collection_item_id": 2_000_000_000},
        {"collection_item_id": 1, "finished": {"a": 1}},
    ],
)
async def test_event_that_says_nonsense_has_no_effect(
    world: World, queue: httpx.AsyncClient, info: dict[str, Any]
) -> None:
    pupil = await world.student(await world.class_group(await world.school()))
    assert (await post(pupil, LOGGED, info)).status_code == 200
    assert (await post(pupil, REVIEWED, {"reviews": info, **info})).status_code == 200
    assert set(await process(world, queue)) <= {204}
    assert await activities(world, pupil) == []


async def test_one_who_lost_the_right_meanwhile_changes_nothing(world: World, queue: httpx.AsyncClient) -> None:
    school = await library(world)
    await school.replace([{"isbn": BOOK}])
    item = (await school.shelf())[BOOK]["id"]
    pupil = await world.student(await world.class_group(school.school))
    await post(pupil, LOGGED, {"collection_item_id": item})
    async with world.session() as session:
        await session.execute(text("UPDATE users SET is_active = false WHERE id = :id"), {"id": pupil.id})
    assert set(await process(world, queue)) == {204}
    assert await activities(world, pupil) == []


async def test_liked_books_come_to_the_lists_of_reader_class_and_school(world: World, queue: httpx.AsyncClient) -> None:
    school = await library(world)
    one, two, three, disliked = made = await works(world, 4)
    books = await isbns_of(world, made)
    group = await world.class_group(school.school, name=f"3B {uuid4().hex[:6]}")
    pupil = await world.student(group)
    here = {"school_id": str(school.school.wriveted_identifier)}
    await post(pupil, REVIEWED, {"isbn": books[0], "liked": True, "read": True}, **here)
    await process(world, queue)
    many = [
        {"isbn": books[2], "liked": True},
        {"isbn": books[0], "liked": True},
        {"isbn": books[3], "liked": False},
        {"isbn": books[1], "liked": True},
        {"isbn": "no ISBN", "liked": True},
        {"isbn": new_isbn(), "liked": True},
    ]
    await post(pupil, REVIEWED, {"reviews": many}, **here)
    await process(world, queue)
    found = await owned(world, pupil, school.school.wriveted_identifier)
    assert found == {
        "Personal: Liked Books": [one, three, two],
        "School: Liked Books": [one, three, two],
        f"School: {group.name} Liked Books": [one, three, two],
    }
    assert disliked not in {work for listed in found.values() for work in listed}


async def owned(world: World, reader: Client, school_id: Any) -> dict[str, list[int]]:
    async with world.session() as session:
        rows = await session.execute(
            select(BookList.name, BookList.type, BookListWork.work_id)
            .join(BookListWork, BookListWork.booklist_id == BookList.id)
            .where((BookList.user_id == reader.id) | (BookList.school_id == school_id))
            .order_by(BookList.id, BookListWork.order_id)
        )
        found: dict[str, list[int]] = {}
        for name, kind, work_id in rows:
            found.setdefault(f"{kind.value}: {name}", []).append(work_id)
        return found


async def test_many_reviews_at_once_make_one_list_of_each_name(world: World, queue: httpx.AsyncClient) -> None:
    school = await library(world)
    books = await isbns_of(world, await works(world, 12))
    pupil = await world.student(await world.class_group(school.school))
    here = {"school_id": str(school.school.wriveted_identifier)}
    for book in books:
        await post(pupil, REVIEWED, {"isbn": book, "liked": True}, **here)
    await asyncio.gather(*(process(world, queue) for _ in range(3)))
    await process(world, queue)
    async with world.session() as session:
        names = list(
            await session.scalars(select(BookList.name).where(BookList.school_id == school.school.wriveted_identifier))
        )
    assert len(names) == len(set(names)) == 2
    found = await owned(world, pupil, school.school.wriveted_identifier)
    assert {len(listed) for listed in found.values()} == {12}


async def test_event_without_consequences_stores_no_task(world: World) -> None:
    reader = await world.public_reader()
    async with world.session() as session:
        before = set(await session.scalars(select(TaskRow.id)))
    assert (await post(reader, "Test", {"isbn": BOOK, "liked": True})).status_code == 200
    async with world.session() as session:
        assert set(await session.scalars(select(TaskRow.id))) == before


async def test_refused_event_stores_no_task(world: World) -> None:
    reader, other = await world.public_reader(), await world.public_reader()
    async with world.session() as session:
        before = set(await session.scalars(select(TaskRow.id)))
    assert (await post(reader, REVIEWED, {"isbn": BOOK, "liked": True}, user_id=str(other.id))).status_code == 403
    async with world.session() as session:
        assert set(await session.scalars(select(TaskRow.id))) == before
        assert not list(await session.scalars(select(Event.id).where(Event.user_id == other.id)))


def test_whoever_may_post_an_event_causes_what_follows() -> None:
    assert not any(is_system_title(title) for title in PROCESSED_TITLES)
    assert PROCESSED_TITLES.isdisjoint(SYSTEM_TITLES)
