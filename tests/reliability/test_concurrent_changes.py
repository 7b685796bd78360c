"""Many clients change the same things at once: nothing is lost, doubled or answered with a failure of ours.

The answer to a change carries the collection's version, so changes have an order, and a model that applies them one by
one in that order has to end with the same shelf.
"""

import asyncio
import os
import random
import secrets
import sys
from collections.abc import Sequence
from typing import Any

import httpx
import psycopg
import pytest

from app.schools.models import School
from tests.collections.shelves import Library, copies, isbn, library
from tests.world import Client, World

Copies = tuple[int, int]
Row = dict[str, Any]
MOST_TRIES = 60


@pytest.fixture
def chance() -> random.Random:
    seed = int(os.environ.get("TEST_SEED") or secrets.randbits(32))
    sys.stdout.write(f"replay with TEST_SEED={seed}\n")
    return random.Random(seed)


async def insistent(client: Client, method: str, path: str, rows: Any, **headers: str) -> httpx.Response:
    """Send a request as the documentation asks integrators to: with a key, and again when told to come again."""
    headers = {"Idempotency-Key": secrets.token_hex(8)} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    for _ in range(MOST_TRIES):
        answer = await client.request(method, path, json=rows, headers=headers)
        if answer.status_code not in (409, 503):
            return answer
        await asyncio.sleep(int(answer.headers["retry-after"]) / 10)
    raise AssertionError(f"no answer after {MOST_TRIES} tries: {answer.text}")


def version_of(answer: httpx.Response) -> int:
    return int(answer.headers["etag"].strip('"').rpartition("-")[2])


def is_effective(answer: httpx.Response) -> bool:
    summary = answer.json()["summary"]
    return bool(summary["added"] or summary["updated"] or summary["removed"])


def applied(shelf: dict[str, Copies], method: str, rows: Sequence[Row]) -> dict[str, Copies]:
    """What a request makes of a shelf, by the words of the documentation."""
    after = dict(shelf)
    for row in rows:
        book, action = row["isbn"], row.get("action", "add")
        if action == "remove":
            after.pop(book, None)
        elif action == "add" or book in shelf:
            after[book] = (row["copies_total"], row["copies_available"])
    if method == "POST":
        named = {row["isbn"] for row in rows}
        after = {book: held for book, held in after.items() if book in named}
    return after


def some_changes(chance: random.Random, books: int, rows: int) -> list[Row]:
    """Additions, updates and removals, of a book each."""
    changes: list[Row] = []
    for number in chance.sample(range(books), rows):
        total = chance.randint(0, 5)
        row: Row = {"isbn": isbn(number), "action": chance.choice(("add", "add", "update", "remove"))}
        if row["action"] != "remove":
            row |= {"copies_total": total, "copies_available": chance.randint(0, total)}
        changes.append(row)
    return changes


async def assert_sound(world: World, school: Library, shelf: dict[str, Copies], version: int) -> None:
    """The stored collection is that shelf at that version, and keeps every rule."""
    async with world.database.transaction(reading=True) as transaction:
        found = await transaction.driver.execute(
            """SELECT c.version, c.item_count, lpad(i.edition_isbn::text, 13, '0'), i.copies_total, i.copies_available
                 FROM collections c
                 LEFT JOIN collection_items i ON i.collection_id = c.id AND i.withdrawn_at IS NULL
                WHERE c.school_id = %s""",
            [school.school.wriveted_identifier],
        )
        stored = await found.fetchall()
    holdings = [row[2:] for row in stored if row[2] is not None]
    assert {row[:2] for row in stored} == {(version, len(shelf))}
    assert {book: (total, available) for book, total, available in holdings} == shelf
    assert len(holdings) == len(shelf)
    assert all(0 <= available <= total for _, total, available in holdings)


@pytest.mark.parametrize("clients", [2, 32])
@pytest.mark.parametrize("replacing", [False, True], ids=["deltas", "deltas and replacements"])
async def test_changes_of_many_clients_are_as_if_one_after_the_other(
    world: World, chance: random.Random, clients: int, replacing: bool
) -> None:
    school = await library(world)
    shelf = {isbn(number): (1, 1) for number in range(0, 3_000, 2)}
    await school.replace([{"isbn": book} for book in shelf])
    requests = []
    for number in range(max(2 * clients, 16)):
        rows = some_changes(chance, 3_000, chance.choice((1, 10, 100)))
        if number % 8 == 3:
            rows = some_changes(chance, 3_000, 2_500)
        method = "POST" if replacing and number % 4 == 1 else "PATCH"
        if method == "POST":
            rows = [row for row in rows if row["action"] == "add"] or [some_row(chance)]
        requests.append((method, rows))
    effective: list[tuple[int, str, list[Row]]] = []

    async def client(own: Sequence[tuple[str, list[Row]]]) -> None:
        for method, rows in own:
            answer = await insistent(school.lms, method, school.path, rows)
            assert answer.status_code == 200, answer.text
            if is_effective(answer):
                effective.append((version_of(answer), method, rows))

    await asyncio.gather(*(client(requests[number::clients]) for number in range(clients)))
    history = sorted(effective, key=lambda change: change[0])
    assert [version for version, _, _ in history] == list(range(3, len(history) + 3))
    for _, method, rows in history:
        shelf = applied(shelf, method, rows)
    await assert_sound(world, school, shelf, len(history) + 2)


def some_row(chance: random.Random) -> Row:
    return {"isbn": isbn(chance.randrange(3_000)), "copies_total": 1, "copies_available": 1}


async def test_schools_that_add_the_same_unknown_books_share_the_editions(world: World, chance: random.Random) -> None:
    first = 50_000_000 + chance.randrange(10**6) * 10
    books = [isbn(number) for number in range(first, first + 3_000)]
    schools = [await library(world) for _ in range(6)]
    requests = [chance.sample(books, 2_900 if number % 2 else 1_500) for number in range(6)]
    answers = await asyncio.gather(
        *(
            school.lms.post(school.path, json=[{"isbn": book} for book in own])
            for school, own in zip(schools, requests, strict=True)
        )
    )
    assert [answer.status_code for answer in answers] == [200] * 6, [answer.text[:300] for answer in answers]
    wanted = set().union(*requests)
    assert sum(answer.json()["summary"]["new_editions"] for answer in answers) == len(wanted)
    async with world.database.transaction(reading=True) as transaction:
        found = await transaction.driver.execute(
            "SELECT count(*) FROM editions WHERE isbn = ANY(%s)", [list(map(int, wanted))]
        )
        assert await found.fetchone() == (len(wanted),)
    for school, own in zip(schools, requests, strict=True):
        await assert_sound(world, school, dict.fromkeys(own, (1, 1)), 2)


async def test_first_syncs_of_a_school_make_one_collection(world: World) -> None:
    school = await library(world)
    shelves = [{isbn(1_000 + number): (1, 1), isbn(2_000): (number, number)} for number in range(16)]
    answers = await asyncio.gather(
        *(
            insistent(
                school.lms,
                "POST",
                school.path,
                [{"isbn": book, "copies_total": total} for book, (total, _) in own.items()],
            )
            for own in shelves
        )
    )
    assert {answer.status_code for answer in answers} == {200}
    versions = [version_of(answer) for answer in answers]
    assert sorted(versions) == list(range(2, 18))
    assert len({answer.headers["etag"].partition("-")[0] for answer in answers}) == 1
    last = versions.index(17)
    stored = copies(await school.shelf())
    assert stored == shelves[last] | {isbn(2_000): (last, stored[isbn(2_000)][1])}
    assert stored[isbn(2_000)][1] <= last


async def test_one_of_many_who_saw_the_same_state_may_change_it(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": isbn(1)}])
    path = f"/collection/{await school.id()}"
    etag = (await school.lms.get(path)).headers["etag"]
    answers = await asyncio.gather(
        *(
            insistent(
                school.lms, "PATCH", path, {"items": [{"isbn": isbn(1), "copies_total": 2 + number}]}, If_Match=etag
            )
            for number in range(32)
        )
    )
    winners = [number for number, answer in enumerate(answers) if answer.status_code == 200]
    assert len(winners) == 1
    assert {answer.status_code for answer in answers} == {200, 412}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 412} == {"precondition_failed"}
    assert copies(await school.shelf())[isbn(1)][0] == 2 + winners[0]


async def test_no_update_is_lost_by_clients_that_send_what_they_saw(world: World) -> None:
    """Each adds a copy to what it has read, and reads again when somebody was faster."""
    school = await library(world)
    await school.replace([{"isbn": isbn(1), "copies_total": 0}])
    path = f"/collection/{await school.id()}"

    async def add_a_copy() -> None:
        status = 412
        while status == 412:
            etag = (await insistent(school.lms, "GET", path, None)).headers["etag"]
            item = (await insistent(school.lms, "GET", f"{path}/{isbn(1)}", None)).json()
            rows = {"items": [{"isbn": isbn(1), "copies_total": item["copies_total"] + 1}]}
            status = (await insistent(school.lms, "PATCH", path, rows, If_Match=etag)).status_code
        assert status == 200

    async with asyncio.timeout(60):
        await asyncio.gather(*(add_a_copy() for _ in range(16)))
    await assert_sound(world, school, {isbn(1): (16, 0)}, 18)


async def test_a_sync_waits_for_the_one_before_it_and_sees_its_books(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": isbn(1)}])
    rows = [{"isbn": isbn(number)} for number in range(2, 2_600)]
    async with await psycopg.AsyncConnection.connect(world.database.settings.dsn) as holder:
        await lock_collection(holder, school.school)
        large = asyncio.create_task(school.lms.post(school.path, json=rows))
        await number_waiting(holder, 1)
        small = asyncio.create_task(
            school.lms.patch(school.path, json=[{"isbn": isbn(2), "action": "update", "copies_total": 7}])
        )
        await number_waiting(holder, 2)
        await holder.rollback()
    first, second = await large, await small
    assert (first.status_code, second.status_code) == (200, 200)
    assert (version_of(first), version_of(second)) == (3, 4)
    assert second.json()["summary"]["updated"] == 1
    shelf = {row["isbn"]: (1, 1) for row in rows} | {isbn(2): (7, 1)}
    await assert_sound(world, school, shelf, 4)


async def lock_collection(holder: psycopg.AsyncConnection[Any], school: School) -> None:
    await holder.execute("SELECT FROM collections WHERE school_id = %s FOR UPDATE", [school.wriveted_identifier])


async def number_waiting(holder: psycopg.AsyncConnection[Any], number: int) -> None:
    """Until so many connections wait for the holder, or for one that does."""
    question = """WITH RECURSIVE waiting AS (
                      SELECT pid FROM pg_stat_activity WHERE %(holder)s = ANY(pg_blocking_pids(pid))
                      UNION SELECT a.pid FROM pg_stat_activity a JOIN waiting w ON w.pid = ANY(pg_blocking_pids(a.pid))
                  ) SELECT count(*) FROM waiting"""
    async with asyncio.timeout(30):
        while await (await holder.execute(question, {"holder": holder.info.backend_pid})).fetchone() != (number,):
            await holder.execute("SELECT pg_stat_clear_snapshot()")
            await asyncio.sleep(0.01)
