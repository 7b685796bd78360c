import asyncio
import json
from typing import Any

import httpx
import pytest

from app.books.additions.schemas import BulkReport
from tests.books.catalogue import (
    author,
    book,
    hyphenated,
    isbn_10,
    new_isbn,
    one,
    statements,
    stored,
    unique,
)
from tests.world import Client, World


async def add(client: Client, rows: list[Any], **query: Any) -> dict[str, Any]:
    """Send rows; the account of what became of them, which has the documented shape."""
    answer = await client.post("/editions", json=rows, params=query)
    assert answer.status_code == 200, answer.text
    assert BulkReport.model_validate(answer.json(), extra="forbid").model_dump(mode="json") == answer.json()
    return dict(answer.json())


def summary(received: int, **counts: int) -> dict[str, int]:
    return {"received": received, "created": 0, "updated": 0, "unchanged": 0, "rejected": 0, **counts}


def told(report: dict[str, Any]) -> list[tuple[int, str, str]]:
    return [(result["index"], result["status"], result["code"]) for result in report["results"]]


def problem(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


async def known(world: World, *isbns: str) -> int:
    statement = "SELECT count(*) FROM editions WHERE isbn = ANY(:isbns)"
    return int(await one(world, statement, isbns=[int(isbn) for isbn in isbns]))


async def test_an_lms_pushes_bare_isbns(world: World) -> None:
    lms, isbns = await world.lms(), [new_isbn() for _ in range(20)]
    report = await add(lms, [{"isbn": isbn} for isbn in isbns])
    assert report == {
        "msg": "Bulk load of 20 editions complete. Created 20 new editions.",
        "summary": summary(20, created=20),
        "results": [],
    }
    assert await known(world, *isbns) == 20
    again = await add(lms, [{"isbn": isbn, "title": None, "hydrated": False} for isbn in isbns])
    assert again["msg"] == "Bulk load of 20 editions complete. Created 0 new editions."
    assert again["summary"] == summary(20, unchanged=20)
    counts = "SELECT array_agg(info - 'description' ORDER BY timestamp) FROM events WHERE service_account_id = :id"
    assert await one(world, counts, id=lms.id) == [summary(20, created=20), summary(20, unchanged=20)]


async def test_isbns_come_in_every_dress(world: World) -> None:
    isbn = new_isbn()
    short = "978030640615" + "7"
    rows = [
        {"isbn": isbn},
        {"isbn": hyphenated(isbn)},
        {"isbn": isbn_10(isbn)},
        {"isbn": f"{isbn} (pbk.)"},
        {"isbn": 306406152},
        {"isbn": 9.78044e12},
        {"isbn": "9780439023482"},
        {"isbn": None},
        {},
        "9780306406157",
        None,
    ]
    report = await add(await world.lms(), rows)
    assert told(report) == [
        (1, "unchanged", "duplicate_in_file"),
        (2, "unchanged", "duplicate_in_file"),
        (3, "unchanged", "isbn_extracted"),
        (4, "created", "isbn_zero_padded"),
        (5, "rejected", "isbn_scientific_notation"),
        (6, "rejected", "isbn_check_digit"),
        (7, "rejected", "isbn_missing"),
        (8, "rejected", "isbn_missing"),
        (9, "rejected", "invalid_row"),
        (10, "rejected", "invalid_row"),
    ]
    assert [(result["isbn_sent"], result["isbn"]) for result in report["results"][2:5]] == [
        (f"{isbn} (pbk.)", isbn),
        (306406152, short),
        (9780440000000, None),
    ]
    assert report["summary"] == summary(11, created=2, unchanged=3, rejected=6)


async def test_the_report_repeats_no_more_of_an_isbn_than_helps(world: World) -> None:
    rows = [{"isbn": "9" * 50_000}, {"isbn": True}, {"isbn": {"a": 1}}, {"isbn": 10**30}, book()]
    report = await add(await world.lms(), rows)
    assert [result["isbn_sent"] for result in report["results"]] == ["9" * 100, None, None, 10**30]


async def test_several_isbns_in_one_cell_are_editions_of_one_work(world: World) -> None:
    one_, other = new_isbn(), new_isbn()
    report = await add(await world.lms(), [{"isbn": f"{one_} | {other} (pbk.)", "title": "Matilda"}])
    assert told(report) == [(0, "created", "isbn_multiple")]
    assert (await stored(world, one_))["work_id"] == (await stored(world, other))["work_id"] is not None


async def test_rows_with_data_follow_the_rules_of_one(world: World) -> None:
    lms, name, title = await world.lms(), unique("Dahl"), unique("Matilda")
    complete = book(title=unique("Twits"), subtitle="Mine", hydrated=True)
    await lms.post("/edition", json=complete)
    new, sibling, bare = book(title=title, authors=[author(name)]), book(title=title, authors=[author(name)]), book()
    report = await add(
        lms,
        [
            new,
            sibling,
            bare,
            {**bare, "title": "Danny", "series_number": 0},
            {"isbn": complete["isbn"], "subtitle": "Yours", "cover_url": "https://covers.example.com/t.jpg"},
            {"isbn": complete["isbn"], "title": "Snails of Europe"},
            {"isbn": new_isbn(), "authors": [author(name)]},
        ],
    )
    assert report["summary"] == summary(7, created=4, updated=2, unchanged=1)
    assert told(report) == [
        (3, "updated", "duplicate_in_file"),
        (4, "updated", "known_data_kept"),
        (5, "unchanged", "title_differs"),
        (6, "created", "title_missing"),
    ]
    assert (await stored(world, new["isbn"]))["work_id"] == (await stored(world, sibling["isbn"]))["work_id"]
    assert (await stored(world, bare["isbn"]))["series_number"] == 0
    kept = await stored(world, complete["isbn"])
    assert (kept["edition_subtitle"], kept["cover_url"]) == ("Mine", "https://covers.example.com/t.jpg")


async def test_rows_that_cannot_be_used_cost_only_themselves(world: World) -> None:
    lms, good = await world.lms(), book(title="Matilda")
    deep: Any = {}
    for _ in range(200):
        deep = {"deeper": deep}
    rows = [
        book(title=3.5),
        book(title="a\x00b"),
        book(info={"other": deep}),
        book(cover_url="data:image/png;base64,AAAA"),
        book(labelset={"checked": True}),
        book(work_id=1),
        book(tite="Matilda", title="Matilda"),
        book(title="Matilda", other_isbns=["9780439023482", new_isbn()]),
        good,
    ]
    report = await add(lms, rows)
    assert told(report) == [
        *((index, "rejected", "invalid_row") for index in range(4)),
        (4, "rejected", "field_forbidden"),
        (5, "rejected", "field_forbidden"),
        (6, "created", "unknown_field_ignored"),
        (7, "created", "isbn_check_digit"),
    ]
    assert "Did you mean `title`?" in report["results"][6]["hint"]
    assert await known(world, *(row["isbn"] for row in rows[:6])) == 0
    assert (await stored(world, good["isbn"]))["title"] == "Matilda"


async def test_an_admin_names_works_in_rows(world: World) -> None:
    admin = await world.admin()
    work_id = int((await admin.post("/edition", json=book(title=unique("Matilda")))).json()["work_id"])
    rows = [book(work_id=work_id), book(work_id=2**31 - 1)]
    report = await add(admin, rows)
    assert told(report) == [(1, "rejected", "work_not_found")]
    assert report["summary"] == summary(2, created=1, rejected=1)
    assert (await stored(world, rows[0]["isbn"]))["work_id"] == work_id
    assert await known(world, rows[1]["isbn"]) == 0


async def test_an_atomic_load_writes_all_or_nothing(world: World) -> None:
    lms, rows = await world.lms(), [book(title="Matilda"), book()]
    refused = await lms.post("/editions", json=[*rows, {"isbn": "9780439023482"}], params={"atomic": True})
    assert problem(refused) == (422, "atomic_rejected")
    assert [(fault["pointer"], fault["code"]) for fault in refused.json()["errors"]] == [("/2", "isbn_check_digit")]
    assert refused.json()["summary"] == summary(3, created=2, rejected=1)
    assert await known(world, *(row["isbn"] for row in rows)) == 0
    assert (await add(lms, rows, atomic=True))["summary"] == summary(2, created=2)


async def test_a_load_without_any_usable_row_is_refused(world: World) -> None:
    refused = await (await world.lms()).post("/editions", json=[{"isbn": "x"}, {}])
    assert problem(refused) == (422, "nothing_usable")
    assert [result["code"] for result in refused.json()["results"]] == ["isbn_malformed", "isbn_missing"]


async def test_an_empty_load_is_no_failure(world: World) -> None:
    assert (await add(await world.lms(), []))["summary"] == summary(0)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[", 400, "malformed_json"),
        (b"", 400, "malformed_json"),
        (b'["\xff"]', 400, "malformed_json"),
        (b'[{"isbn": "\\ud800"}]', 400, "malformed_json"),
        (b'[{"isbn": 1e400}]', 400, "malformed_json"),
        (b"[" * 100_000, 400, "malformed_json"),
        (b"{}", 422, "invalid"),
        (b"null", 422, "invalid"),
    ],
)
async def test_a_body_that_is_no_array_is_refused(world: World, body: bytes, status: int, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused = await (await world.lms()).post("/editions", content=body, headers=headers)
    assert problem(refused) == (status, code)


async def test_more_rows_than_the_limit_are_refused(world: World) -> None:
    limit = world.database.settings.max_bulk_items
    headers = {"Content-Type": "application/json"}
    body = b"[" + b"{}," * limit + b"{}]"
    refused = await (await world.lms()).post("/editions", content=body, headers=headers)
    assert problem(refused) == (413, "body_too_large")


@pytest.mark.parametrize("data", [False, True])
async def test_the_number_of_statements_does_not_grow_with_the_rows(world: World, data: bool) -> None:
    lms, counts = await world.lms(), []
    await add(lms, [])
    for number in (5, 500):
        shared = unique("Dahl")
        rows = [
            book(
                title=unique("Matilda"),
                authors=[author(unique("Dahl")), author(shared)],
                illustrators=[author(unique("Blake"))],
                other_isbns=[new_isbn()],
            )
            if data
            else book()
            for _ in range(number)
        ]
        with statements() as sent:
            report = await add(lms, rows)
        assert report["summary"] == summary(number, created=number)
        counts.append(len(sent))
    assert counts[0] == counts[1] <= 22


async def test_large_loads_are_worked_in_like_small_ones(world: World) -> None:
    lms, name = await world.lms(), unique("Dahl")
    rows = [book(title=unique("Story"), authors=[author(name)]) for _ in range(600)]
    assert len(json.dumps(rows)) > 64 * 1024
    assert (await add(lms, rows))["summary"] == summary(600, created=600)
    assert await one(world, "SELECT count(*) FROM authors WHERE last_name = :name", name=name) == 1
    assert (await stored(world, rows[-1]["isbn"]))["sort_title"].startswith("story ")
    assert (await add(lms, rows))["summary"] == summary(600, unchanged=600)


async def test_loads_that_overlap_do_not_disturb_each_other(world: World) -> None:
    clients, isbns = [await world.lms() for _ in range(4)], [new_isbn() for _ in range(300)]
    name, title = unique("Dahl"), unique("Matilda")
    bare = [{"isbn": isbn} for isbn in isbns]
    told_of = [{"isbn": isbn, "title": title, "authors": [author(name)]} for isbn in isbns[::2]]
    reports = await asyncio.gather(
        add(clients[0], bare), add(clients[1], bare[::-1]), add(clients[2], told_of), add(clients[3], told_of[::-1])
    )
    assert sum(report["summary"]["created"] for report in reports) == 300
    assert await one(world, "SELECT count(*) FROM works WHERE title = :title", title=title) == 1
    assert await one(world, "SELECT count(*) FROM authors WHERE last_name = :name", name=name) == 1
