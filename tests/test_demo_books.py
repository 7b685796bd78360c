"""The books of the demonstration set: well-formed as they are kept, and worth asking for once they are planted."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from app.core.db import Database
from app.core.isbn import understand
from app.core.text import fold
from app.demo import plant, planted_classes
from app.demo.books import books, stories
from app.labels.models import RecommendStatus
from app.main import create_public_app
from app.recommendations.schemas import HueKey, ReadingAbilityKey
from tests.conftest import settings_for

STATE = """
SELECT (SELECT count(*) FROM collection_items WHERE withdrawn_at IS NULL) AS held,
       (SELECT count(*) FROM works) AS works, (SELECT count(*) FROM labelsets) AS labelled,
       (SELECT count(*) FROM book_list_works) AS listed, (SELECT count(*) FROM labelset_changes) AS changes,
       (SELECT count(*) FROM events) AS events
"""
AGED = """
WITH lists AS (DELETE FROM book_lists), items AS (DELETE FROM collection_items WHERE id % 2 = 0 OR edition_isbn IS NULL)
DELETE FROM labelsets
"""
"""What makes a planted set one of an older release: half of the books, no labels, no lists."""


class Demo:
    """The public API on the planted set, asked by role."""

    def __init__(self, http: httpx.AsyncClient, tokens: dict[str, str], group: dict[str, Any]) -> None:
        self.http, self.tokens, self.group = http, tokens, group
        self.school = ""

    async def ask(self, role: str | None, method: str, path: str, **options: Any) -> Any:
        headers = {} if role is None else {"Authorization": f"Bearer {self.tokens[role]}"}
        answer = await self.http.request(method, path, headers=headers, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def titles(self, query: str, **more: Any) -> list[str]:
        found = await self.ask("student", "GET", "/search", params={"query": query, "limit": 5, **more})
        return [book["title"] for book in found["books"]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def demo(make_database: Callable[[], str]) -> AsyncIterator[Demo]:
    settings = settings_for(make_database(), WRIVETED_ENVIRONMENT="development")
    tokens = await plant(settings)
    ((_, group),) = (await planted_classes(settings)).items()
    app = create_public_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver/v1") as http,
    ):
        planted = Demo(http, tokens, dict(group))
        signed_in = {"username": "MerryOtter42", "class_joining_code": group["join_code"]}
        answer = await http.post("/auth/class-code", json=signed_in)
        planted.tokens["student"] = answer.json()["access_token"]
        me = await planted.ask("student", "GET", "/auth/me")
        planted.school = me["user"]["school"]["wriveted_identifier"]
        yield planted


def test_the_books_that_are_kept_are_well_formed() -> None:
    rows = books()
    isbns = [row["isbn"] for row in rows]
    assert len(set(isbns)) == len(rows) > 300
    assert [isbn for isbn in isbns if understand(isbn) != (int(isbn), None, None, ())] == []
    known = {(fold(row["title"]), row["authors"], row["series_number"]) for row in rows if row["source"] == "goodbooks"}
    assert len(known) == sum(row["source"] == "goodbooks" for row in rows)
    for row in rows:
        hues = [part for part in row["hues"].split("; ") if part]
        assert set(hues) <= set(HueKey)
        assert len(set(hues)) == len(hues) <= 3
        assert set(row["reading_abilities"].split("; ")) <= {"", *ReadingAbilityKey}
        assert row["recommend_status"] in {"", *RecommendStatus}
        assert bool(row["min_age"]) is bool(row["max_age"]) is bool(row["reading_abilities"])
        assert not row["min_age"] or 0 <= int(row["min_age"]) <= int(row["max_age"]) <= 18
        assert 0 <= int(row["available"]) <= int(row["copies"])
        assert row["title"] == row["title"].strip() != ""
        assert (row["series"] == "") is (row["series_number"] == "")
        assert row["source"] in {"classroom", "goodbooks"}


def test_the_stories_that_are_kept_are_free_and_named_once() -> None:
    rows = stories()
    assert len({fold(row["title"]) for row in rows}) == len(rows) > 20
    assert {row["licence"] for row in rows} == {"CC BY"}
    assert all(row["authors"] for row in rows)


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("diary of a wimpy", "Diary of a Wimpy Kid"),
        ("matilda", "Matilda"),
        ("the twits", "Twits"),
        ("harry poter", "Harry Potter and the Sorcerer's Stone"),
        ("chocolat factory", "Charlie and the Chocolate Factory"),
        ("wild thngs", "Where the Wild Things Are"),
        ("9780141301068", "Matilda"),
        ("0141301066", "Matilda"),
        ("dav pilkey", "Adventures of Captain Underpants"),
    ],
)
async def test_a_pupil_finds_a_book_as_it_is_typed(demo: Demo, query: str, title: str) -> None:
    assert title in await demo.titles(query)


async def test_a_pupil_sees_what_can_be_borrowed_at_school(demo: Demo) -> None:
    found = await demo.ask("student", "GET", "/search", params={"query": "wimpy kid", "school_id": demo.school})
    copies = [book["availability"] for book in found["books"]]
    assert {each["copies_available"] for each in copies} >= {0, 1}
    assert all(each["copies_total"] >= each["copies_available"] for each in copies)


@pytest.mark.parametrize(
    ("age", "hue"),
    [
        (4, "hue09_charming_playful"),
        (6, "hue02_beautiful_whimsical"),
        (8, "hue05_funny_comic"),
        (10, "hue08_charming_courageous"),
        (12, "hue01_dark_suspense"),
    ],
)
async def test_a_pupil_is_recommended_books_of_the_school_by_age_and_hue(demo: Demo, age: int, hue: str) -> None:
    asked = {"wriveted_identifier": demo.school, "age": age, "hues": [hue]}
    answer = await demo.ask("student", "POST", "/recommend", json=asked)
    assert (answer["count"], answer["fallback_level"]) == (5, 0)
    for book in answer["books"]:
        assert hue in [each["key"] for each in book["labels"]["hues"]]
        assert book["labels"]["min_age"] <= age <= book["labels"]["max_age"]
        assert {book["labels"][f"{group}_origin"] for group in ("hue", "age", "reading_ability")} == {"OTHER"}
        assert book["labels"]["recommend_status"] == "GOOD"
        assert isinstance(book["available"], bool)
        assert book["cover_url"].endswith(f"{book['isbn']}-M.jpg")


async def test_a_book_of_reference_is_found_and_not_recommended(demo: Demo) -> None:
    assert "Animal Atlas" in await demo.titles("animal atlas")
    rows = [row for row in books() if row["recommend_status"] == "BAD_REFERENCE"]
    assert [row["title"] for row in rows] == ["Animal Atlas"]


async def test_series_and_shelves_are_as_the_books_say(demo: Demo) -> None:
    edition = await demo.ask("student", "GET", "/edition/9780439064866")
    assert (edition["series_name"], edition["series_number"]) == ("Harry Potter", 2)
    held = sum(row["copies"] != "0" for row in books())
    collection = (await demo.ask("student", "GET", f"/school/{demo.school}"))["collection"]
    assert collection["book_count"] == held + len(stories())
    info = await demo.ask("school_admin", "GET", f"/collection/{collection['id']}/info")
    assert (info["total_editions"], info["without_isbn"]) == (collection["book_count"], len(stories()))


async def test_lists_are_there_for_everybody_and_for_the_school(demo: Demo) -> None:
    shown = await demo.ask(None, "GET", "/public-list/laugh-out-loud", params={"enriched": True})
    assert (shown["name"], shown["book_count"]) == ("Laugh out loud", len(shown["data"]))
    assert {item["work"]["labelset"]["hues"][0]["key"] for item in shown["data"]} == {"hue05_funny_comic"}
    lists = (await demo.ask("student", "GET", "/lists", params={"list_type": "School"}))["data"]
    assert [each["name"] for each in lists] == ["Room 3 is brave"]
    assert lists[0]["book_count"] > 5


async def test_planting_again_changes_nothing(make_database: Callable[[], str]) -> None:
    settings = settings_for(make_database(), WRIVETED_ENVIRONMENT="development")
    states = []
    for _ in range(2):
        await plant(settings)
        database = Database(settings)
        async with database.transaction() as transaction:
            states.append((await transaction.session.execute(text(STATE))).one())
        await database.dispose()
    assert states[0] == states[1]
    assert min(states[0]) > 0


async def test_a_set_that_was_planted_with_fewer_books_is_completed(make_database: Callable[[], str]) -> None:
    settings = settings_for(make_database(), WRIVETED_ENVIRONMENT="development")
    states = []
    for undone in (AGED, "SELECT 1"):
        await plant(settings)
        database = Database(settings)
        async with database.transaction() as transaction:
            states.append((await transaction.session.execute(text(STATE))).one())
            await transaction.session.execute(text(undone))
        await database.dispose()
    assert (states[0].held, states[0].works, states[0].labelled, states[0].listed) == (
        states[1].held,
        states[1].works,
        states[1].labelled,
        states[1].listed,
    )
