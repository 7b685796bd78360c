"""Labelled books on a school's shelves, and what is recommended of them."""

from typing import Any

from app.schools.models import School
from tests.books.catalogue import new_isbn
from tests.search.books import add_book, hold, word
from tests.world import Client, World

LABELS: dict[str, Any] = {
    "hue_primary_key": "hue05_funny_comic",
    "min_age": 6,
    "max_age": 9,
    "reading_ability_keys": ["TREEHOUSE"],
    "huey_summary": "A nasty couple get what they deserve.",
}


async def labelled(
    admin: Client, *writers: str, labels: dict[str, Any] | None = None, cover: bool = True, **members: Any
) -> dict[str, str]:
    """Add a book and label it; ``labels`` are laid over `LABELS`."""
    isbn = members.pop("isbn", None) or new_isbn()
    cover_url = f"https://covers.example.com/{isbn}.jpg" if cover else None
    names = writers or (f"Ann {word()}",)
    book = await add_book(
        admin, members.pop("title", None) or word(), *names, isbn=isbn, cover_url=cover_url, **members
    )
    said = {key: value for key, value in (LABELS | (labels or {})).items() if value is not None}
    answer = await admin.patch(f"/work/{book['work_id']}", json={"labelset": said})
    assert answer.status_code == 200, answer.text
    return book


async def library(world: World, *books: dict[str, str], available: int = 1) -> School:
    """A school that holds these books."""
    school = await world.school()
    await hold(world, school, *[book["isbn"] for book in books], available=available)
    return school


async def recommend(client: Client, school: School | None, limit: int | None = None, **asked: Any) -> dict[str, Any]:
    where = {} if school is None else {"wriveted_identifier": str(school.wriveted_identifier)}
    parameters = {} if limit is None else {"limit": limit}
    answer = await client.post("/recommend", json={**where, **asked}, params=parameters)
    assert answer.status_code == 200, answer.text
    output: dict[str, Any] = answer.json()
    assert output["count"] == len(output["books"])
    return output


def works(output: dict[str, Any]) -> list[str]:
    return [str(book["work_id"]) for book in output["books"]]
