from typing import Any

import pytest

from app.labels.schemas import KnownAndTaggedEditionCounts
from tests.books.catalogue import book, hyphenated, isbn_10, label, new_isbn, statements, works_of
from tests.world import Client, World


async def counts(client: Client, isbns: list[Any]) -> tuple[int, int, int, int]:
    answer = await client.post("/editions/compare", json=isbns)
    assert answer.status_code == 200, answer.text
    found = KnownAndTaggedEditionCounts.model_validate(answer.json(), extra="forbid")
    return found.num_provided, found.num_valid, found.num_known, found.num_fully_tagged


async def test_isbns_are_counted_by_how_far_they_are_known(world: World) -> None:
    lms, unknown = await world.lms(), new_isbn()
    checked, unchecked, unsaid, unlabelled = [book(title="Matilda") for _ in range(4)]
    for data, verdict in ((checked, True), (unchecked, False), (unsaid, None)):
        await label(world, works_of(await lms.post("/edition", json=data)) or "", checked=verdict)
    await lms.post("/edition", json=unlabelled)
    bare = book()
    await lms.post("/edition", json=bare)
    isbns = [data["isbn"] for data in (checked, unchecked, unsaid, unlabelled, bare)]
    assert await counts(lms, [*isbns, unknown, "9780439023482", "", "x"]) == (9, 6, 5, 1)


async def test_one_book_in_many_dresses_is_one_book(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda")
    await label(world, works_of(await lms.post("/edition", json=data)) or "", checked=True)
    isbn = data["isbn"]
    assert await counts(lms, [isbn, hyphenated(isbn), isbn_10(isbn), f"{isbn} (pbk.)", int(isbn)]) == (5, 1, 1, 1)


async def test_every_edition_of_a_labelled_work_counts(world: World) -> None:
    lms, data = await world.lms(), book(title="Matilda", other_isbns=[new_isbn()])
    await label(world, works_of(await lms.post("/edition", json=data)) or "", checked=True)
    assert await counts(lms, [data["isbn"], *data["other_isbns"]]) == (2, 2, 2, 2)


async def test_nothing_is_nothing(world: World) -> None:
    assert await counts(await world.lms(), []) == (0, 0, 0, 0)


@pytest.mark.parametrize("kind", ["backend", "school", "kiosk"])
async def test_every_account_compares(world: World, kind: str) -> None:
    client = await world.service(kind, await world.school())
    assert await counts(client, [new_isbn()]) == (1, 1, 0, 0)


async def test_nobody_compares_without_a_token(world: World) -> None:
    assert (await world.http.post("/v1/editions/compare", json=[])).status_code == 401


async def test_any_number_of_isbns_takes_one_statement(world: World) -> None:
    lms = await world.lms()
    for number in (5, 5_000):
        isbns = [new_isbn() for _ in range(number)]
        with statements() as sent:
            assert (await counts(lms, isbns))[0] == number
        assert len([statement for statement in sent if "editions" in statement]) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"[", 400, "malformed_json"),
        (b'["\xff"]', 400, "malformed_json"),
        (b"{}", 422, "invalid"),
        (b"[null]", 422, "invalid"),
        (b'[["9780439023481"]]', 422, "invalid"),
        (b"[" * 100_000, 422, "invalid"),
    ],
)
async def test_what_is_no_list_of_isbns_is_refused(world: World, body: bytes, status: int, code: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused = await (await world.lms()).post("/editions/compare", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


async def test_more_isbns_than_the_limit_are_refused(world: World) -> None:
    body = b"[" + b'"x",' * world.database.settings.max_bulk_items + b'"x"]'
    headers = {"Content-Type": "application/json"}
    refused = await (await world.lms()).post("/editions/compare", content=body, headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (413, "body_too_large")
