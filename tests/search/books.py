"""Books to look for, and what a search answers."""

from typing import Any
from uuid import uuid4

from app.schools.models import School
from tests.books.catalogue import author, new_isbn
from tests.world import Client, World


def word() -> str:
    """A word that no other test uses, of letters alone."""
    return "".join(chr(ord("a") + int(digit, 16)) for digit in uuid4().hex[:14])


async def add_book(client: Client, title: str, *writers: str, **members: Any) -> dict[str, str]:
    """Add a book over HTTP: its ISBN and its work's id."""
    people = [author(last, " ".join(first) or None) for *first, last in map(str.split, writers)]
    isbn = members.pop("isbn", None) or new_isbn()
    answer = await client.post("/edition", json={"isbn": isbn, "title": title, "authors": people, **members})
    assert answer.status_code == 200, answer.text
    return {"isbn": isbn, "work_id": answer.json()["work_id"]}


async def search(client: Client, query: str | None = None, **parameters: Any) -> list[dict[str, Any]]:
    given = {"query": query} if query is not None else {}
    answer = await client.get("/search", params=given | parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["books"]
    return found


async def ids(client: Client, query: str | None = None, **parameters: Any) -> list[str]:
    return [each["id"] for each in await search(client, query, **parameters)]


async def hold(world: World, school: School, *isbns: str, available: int = 1) -> None:
    """Put books on a school's shelves, as its library system does."""
    lms = await world.lms(school)
    rows = [{"isbn": isbn, "copies_total": 2, "copies_available": available} for isbn in isbns]
    answer = await lms.patch(f"/school/{school.wriveted_identifier}/collection", json=rows)
    assert answer.status_code == 200, answer.text
