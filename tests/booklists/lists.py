"""What tests about booklists share: works to put on a list, and a look at what is on it."""

from collections.abc import Awaitable
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import text

from app.books.models import Edition, Work
from tests.books.catalogue import new_isbn, statements
from tests.world import Client, World

Json = dict[str, Any]


async def works(world: World, number: int, *, editions: bool = True) -> list[int]:
    """The ids of that many new works, each with an edition unless it says otherwise."""
    made = [Work(title=f"Work {place}", match_title=f"work {uuid4().hex}") for place in range(number)]
    async with world.session() as session:
        session.add_all(made)
        await session.flush()
        if editions:
            session.add_all(
                Edition(isbn=new_isbn(), work_id=work.id, title=work.title, edition_title=work.title) for work in made
            )
    return [work.id for work in made]


def sent(answer: httpx.Response) -> Json:
    """The body of an answer that has to be a success."""
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


async def make(client: Client, kind: str = "Personal", *work_ids: int, **fields: Any) -> Json:
    """A new list with these works."""
    items = [{"work_id": work_id} for work_id in work_ids]
    return sent(await client.post("/list", json={"name": f"A {kind} list", "type": kind, "items": items, **fields}))


async def on_list(client: Client, list_id: str) -> list[int]:
    """The works of a list in their order, whose positions have to be 0, 1, 2 …"""
    body = sent(await client.get(f"/list/{list_id}", params={"limit": 1000}))
    assert [item["order_id"] for item in body["data"]] == list(range(len(body["data"])))
    assert body["book_count"] == body["pagination"]["total"] == len(body["data"])
    return [item["work_id"] for item in body["data"]]


async def number_of_statements(work: Awaitable[Any]) -> int:
    """How many statements the work asks, beside those that count requests now and then."""
    with statements() as asked:
        await work
    return sum("rate_limits" not in statement for statement in asked)


async def edit(client: Client, list_id: str, *items: Json) -> httpx.Response:
    return await client.patch(f"/list/{list_id}", json={"items": items})


async def delete_work(world: World, work_id: int) -> None:
    """As a catalogue does that drops a work and its editions."""
    async with world.session() as session:
        await session.execute(text("DELETE FROM editions WHERE work_id = :id"), {"id": work_id})
        await session.execute(text("DELETE FROM works WHERE id = :id"), {"id": work_id})


def add(work_id: int, **fields: Any) -> Json:
    return {"action": "add", "work_id": work_id, **fields}


def move(work_id: int, order_id: int) -> Json:
    return {"action": "update", "work_id": work_id, "order_id": order_id}


def drop(work_id: int) -> Json:
    return {"action": "remove", "work_id": work_id}
