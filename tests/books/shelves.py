"""Works and people to test with, made over HTTP."""

from typing import Any

from sqlalchemy import text

from tests.books.catalogue import Json, author, new_isbn, unique
from tests.world import Client, World


async def new_work(client: Client, *isbns: str, **members: Any) -> Json:
    """A work as it is shown, by an author of its own unless it says otherwise."""
    body = {"title": unique("Matilda"), "authors": [author(unique("Dahl"))], "editions": list(isbns)} | members
    answer = await client.post("/work", json=body)
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def work_shown(client: Client, work_id: str) -> Json:
    answer = await client.get(f"/work/{work_id}")
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def edition_shown(client: Client, isbn: str) -> Json:
    answer = await client.get(f"/edition/{isbn}")
    assert answer.status_code == 200, answer.text
    shown: Json = answer.json()
    return shown


async def events_about(world: World, title: str, key: str, value: Any) -> list[Json]:
    """The infos of the events of a title whose info has that member, in their order."""
    async with world.session() as session:
        found = await session.execute(
            text("SELECT info FROM events WHERE title = :title AND info ->> :key = :value ORDER BY timestamp"),
            {"title": title, "key": key, "value": str(value)},
        )
        return list(found.scalars())


async def held(world: World, client: Client) -> tuple[str, int]:
    """An edition that a school holds, and the id of the holding."""
    school = await world.school()
    collection, isbn = await world.collection(school), new_isbn()
    answer = await client.patch(f"/collection/{collection.id}", json={"items": [{"edition_isbn": isbn}]})
    assert answer.status_code == 200, answer.text
    async with world.session() as session:
        item = await session.execute(
            text("SELECT id FROM collection_items WHERE collection_id = :id"), {"id": collection.id}
        )
        return isbn, item.scalar_one()
