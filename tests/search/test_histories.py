"""Projections after random histories over HTTP, and where two change at once what one is derived from."""

import random
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import pytest_asyncio

from app.core.db import Database
from app.main import create_public_app
from tests.books.catalogue import new_isbn
from tests.conftest import settings_for
from tests.recommendations.books import LABELS
from tests.search.definition import check
from tests.world import Client, World

WORDS = ("Matilda", "The Twits", "Esio Trot", "Où est Spot?", "Danny")
NAMES = (("Roald", "Dahl"), ("Eric", "Hill"), (None, "Homer"))
SEEDS = range(4)
DEEDS = 40


@pytest.fixture
def url(make_database: Callable[[], str]) -> str:
    return make_database()


@pytest_asyncio.fixture(loop_scope="session")
async def own_world(url: str) -> AsyncIterator[World]:
    settings = settings_for(url)
    database = Database(settings)
    app = create_public_app(settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as http:
        yield World(database, http)
    await database.dispose()


@pytest.mark.parametrize("seed", SEEDS)
async def test_projections_equal_their_definition_after_any_calls(own_world: World, url: str, seed: int) -> None:
    chance = random.Random(seed)
    admin = await own_world.admin()
    shelves = [
        f"/school/{school.wriveted_identifier}/collection" for school in [await own_world.school() for _ in range(3)]
    ]
    isbns: list[str] = []
    works: list[str] = []
    for _ in range(DEEDS):
        answer = await _deed(chance, admin, shelves, isbns, works)
        assert answer.status_code < 500, answer.text
    with psycopg.connect(url) as connection:
        check(connection)
        assert connection.execute("SELECT count(*) > 0 FROM work_search").fetchone() == (True,)


async def _deed(
    chance: random.Random, admin: Client, shelves: list[str], isbns: list[str], works: list[str]
) -> httpx.Response:
    """One call of a history: more often than anything else a book is added."""
    deeds: list[Callable[[], Any]] = [
        *[lambda: _add(chance, admin, isbns, works)] * 4,
        lambda: admin.patch(chance.choice(shelves), json=_rows(chance, isbns)),
        lambda: admin.post(chance.choice(shelves), json=_rows(chance, isbns, ("add",))),
        lambda: admin.patch(f"/work/{chance.choice(works)}", json=_work(chance)),
        lambda: admin.patch(f"/work/{chance.choice(works)}", json={"labelset": _labels(chance)}),
        lambda: admin.patch(f"/edition/{chance.choice(isbns)}", json=_edition(chance, works)),
        lambda: admin.post(f"/work/{chance.choice(works)}/merge", json={"duplicate_id": int(chance.choice(works))}),
        lambda: admin.delete(f"/work/{chance.choice(works)}"),
    ]
    answer: httpx.Response = await (chance.choice(deeds)() if works else deeds[0]())
    return answer


async def _add(chance: random.Random, admin: Client, isbns: list[str], works: list[str]) -> httpx.Response:
    isbn = chance.choice([*isbns, *[new_isbn()] * 5])
    first, last = chance.choice(NAMES)
    body = {
        "isbn": isbn,
        "title": chance.choice(WORDS),
        "subtitle": chance.choice([None, "A story"]),
        "authors": [{"first_name": first, "last_name": last}],
        "series_name": chance.choice([None, "The Best of Dahl"]),
        "cover_url": chance.choice([None, "https://covers.example.com/1.jpg"]),
    }
    answer = await admin.post("/edition", json=body)
    if answer.status_code == 200:
        isbns.append(isbn)
        works.append(answer.json()["work_id"])
    return answer


def _rows(chance: random.Random, isbns: list[str], actions: tuple[str, ...] = ("add", "remove", "update")) -> list[Any]:
    picked = chance.sample(isbns, k=chance.randint(0, len(isbns)))
    return [{"isbn": isbn, "action": chance.choice(actions)} for isbn in [*picked, new_isbn()]]


def _work(chance: random.Random) -> dict[str, Any]:
    first, last = chance.choice(NAMES)
    return {"title": chance.choice(WORDS), "authors": [{"first_name": first, "last_name": last}], "subtitle": None}


def _labels(chance: random.Random) -> dict[str, Any]:
    hues = ("hue01_dark_suspense", "hue05_funny_comic")
    return LABELS | {
        "hue_primary_key": chance.choice(hues),
        "min_age": chance.randint(1, 6),
        "recommend_status": chance.choice(["GOOD", "BAD_BORING"]),
    }


def _edition(chance: random.Random, works: list[str]) -> dict[str, Any]:
    changes: list[dict[str, Any]] = [
        {"cover_url": None},
        {"cover_url": "https://covers.example.com/2.jpg"},
        {"edition_title": chance.choice(WORDS)},
        {"work_id": chance.choice([None, int(chance.choice(works))])},
    ]
    return chance.choice(changes)


@pytest.fixture
def pair(url: str) -> Iterator[tuple[psycopg.Connection[Any], psycopg.Connection[Any]]]:
    """Two connections to a database of a labelled work with an edition, and of two collections that hold nothing."""
    with psycopg.connect(url) as one, psycopg.connect(url) as other:
        for school in (uuid4(), uuid4()):
            one.execute(
                """INSERT INTO schools (wriveted_identifier, country_code, state, name, search_name, bookbot_type,
                                        lms_type, info)
                   VALUES (%s, 'AUS', 'active', 'S', 's', 'huey_books', 'none', '{}')""",
                (school,),
            )
            one.execute("INSERT INTO collections (id, name, school_id) VALUES (%s, 'C', %s)", (uuid4(), school))
        one.execute("INSERT INTO works (id, type, title, match_title) VALUES (1, 'book', 'Danny', 'danny')")
        one.execute("INSERT INTO works (id, type, title, match_title) VALUES (2, 'book', 'Other', 'other')")
        one.execute("INSERT INTO editions (isbn, work_id, cover_url) VALUES (1, 1, 'http://c')")
        one.execute("INSERT INTO labelsets (id, work_id, min_age, max_age) VALUES (1, 1, 5, 8)")
        one.commit()
        yield one, other


SHELVE = """INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)
            VALUES (%s, 1, '', 1, 1)"""
CHANGES = (
    "INSERT INTO labelset_hues SELECT 1, 'primary', min(id) FROM hues",
    "UPDATE labelsets SET recommend_status = 'BAD_BORING'",
    "UPDATE editions SET work_id = 2",
    "UPDATE editions SET cover_url = NULL",
)


def collections(connection: psycopg.Connection[Any]) -> list[UUID]:
    return [id_ for (id_,) in connection.execute("SELECT id FROM collections ORDER BY id").fetchall()]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("sync_is_first", [True, False])
def test_a_sync_and_a_change_of_what_it_shelves_see_each_other(
    pair: tuple[psycopg.Connection[Any], psycopg.Connection[Any]], change: str, sync_is_first: bool
) -> None:
    one, other = pair
    shelf = collections(one)[0]
    deeds: list[tuple[str, tuple[Any, ...]]] = [(SHELVE, (shelf,)), (change, ())]
    first, second = deeds if sync_is_first else deeds[::-1]
    one.execute(*first)

    def follow() -> None:
        other.execute(*second)
        other.commit()

    follower = threading.Thread(target=follow)
    follower.start()
    follower.join(0.5)
    one.commit()
    follower.join(10)
    assert not follower.is_alive()
    check(one)


def test_two_syncs_of_one_book_do_not_wait_and_both_are_counted(
    pair: tuple[psycopg.Connection[Any], psycopg.Connection[Any]],
) -> None:
    one, other = pair
    here, there = collections(one)
    one.commit()
    one.execute(SHELVE, (here,))
    other.execute("SET lock_timeout = '100ms'")
    other.execute(SHELVE, (there,))
    other.commit()
    one.commit()
    check(one)
    assert one.execute("SELECT count(*) FROM holder_changes").fetchone() == (1,)
    one.execute("DELETE FROM collection_items WHERE collection_id = %s", (here,))
    check(one)
    assert one.execute("SELECT holders FROM work_holders WHERE work_id = 1").fetchone() == (1,)
    assert one.execute("SELECT count(*) FROM holder_changes").fetchone() == (0,)
