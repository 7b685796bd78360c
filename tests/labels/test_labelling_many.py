from typing import Any

import pytest

from tests.books.catalogue import Json, hyphenated, new_isbn, one, statements, unique
from tests.books.shelves import new_work, work_shown
from tests.world import Client, World


def item(isbn: Any, **labels: Any) -> Json:
    return {"isbn": isbn, "patch_data": labels}


async def patched(client: Client, *items: Any, **query: Any) -> Json:
    answer = await client.patch("/labelsets", json=list(items), params=query)
    assert answer.status_code == 200, answer.text
    report: Json = answer.json()
    return report


async def test_each_item_is_told_what_became_of_it(world: World) -> None:
    admin, isbn, other, workless = await world.admin(), new_isbn(), new_isbn(), new_isbn()
    work, second = await new_work(admin, isbn), await new_work(admin, other)
    await admin.post("/edition", json={"isbn": workless})
    report = await patched(
        admin,
        item(hyphenated(isbn), min_age=5),
        item(int(other), hue_primary_key="hue10_inspiring"),
        item(isbn, min_age=5),
        item(new_isbn(), min_age=5),
        item(workless, min_age=5),
        item("9780439023482", min_age=5),
        item(isbn, hue_primary_key="hue99"),
        item(isbn, age_origin="VERTEXAI", min_age=1),
        {"isbn": isbn, "patch_data": {"min_agee": 5}},
        {"isbn": isbn},
        7,
    )
    assert (report["patched"], report["unknown"], report["errors"]) == (3, 2, 6)
    results = report["results"]
    assert [result["index"] for result in results] == list(range(11))
    assert [result["status"] for result in results] == [
        *("patched", "patched", "unchanged", "unknown", "unknown"),
        *["error"] * 6,
    ]
    assert [result["work_id"] for result in results[:3]] == [work["id"], second["id"], work["id"]]
    assert [result["code"] for result in results[5:]] == [
        "isbn_check_digit",
        "unknown_key",
        "field_forbidden",
        "unknown_field",
        "missing",
        "model_type",
    ]
    assert "/8/patch_data/min_agee" in results[8]["hint"]
    assert "min_age" in results[8]["hint"].partition(":")[2]
    labels = (await work_shown(admin, work["id"]))["labelset"]
    assert (labels["min_age"], labels["age_origin"]) == (5, "HUMAN")


async def test_items_are_applied_in_their_order(world: World) -> None:
    admin, isbns = await world.admin(), [new_isbn(), new_isbn()]
    work = await new_work(admin, *isbns)
    await patched(admin, item(isbns[0], min_age=5, max_age=6), item(isbns[1], min_age=6), item(isbns[0], max_age=9))
    labels = (await work_shown(admin, work["id"]))["labelset"]
    assert (labels["min_age"], labels["max_age"]) == (6, 9)


async def test_a_program_is_told_which_groups_a_stronger_origin_keeps(world: World) -> None:
    admin, robot, isbn = await world.admin(), await world.service("backend"), new_isbn()
    work = await new_work(admin, isbn)
    await patched(admin, item(isbn, min_age=7))
    report = await patched(
        robot,
        item(isbn, min_age=1, age_origin="VERTEXAI", huey_summary="x", summary_origin="VERTEXAI"),
        item(isbn, huey_summary="y", summary_origin="NIELSEN_CBMC"),
        item(isbn, checked=True),
    )
    kept = [(result["status"], result["kept"]) for result in report["results"]]
    assert kept == [("patched", ["age"]), ("unchanged", ["summary"]), ("error", [])]
    labels = (await work_shown(admin, work["id"]))["labelset"]
    assert (labels["min_age"], labels["huey_summary"], labels["checked"]) == (7, "x", None)


async def test_atomic_is_all_or_nothing(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    work = await new_work(admin, isbn)
    items = [item(isbn, min_age=7), item(new_isbn(), min_age=7)]
    answer = await admin.patch("/labelsets", json=items, params={"atomic": True})
    assert (answer.status_code, answer.json()["code"]) == (422, "atomic_rejected")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/1"]
    assert answer.json()["summary"] == {"patched": 1, "unknown": 1, "errors": 0}
    assert (await work_shown(admin, work["id"]))["labelset"] is None


async def test_a_repeated_request_is_answered_once(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    work = await new_work(admin, isbn)
    headers = {"Idempotency-Key": unique("labels")[-32:]}
    body = [item(isbn, min_age=7)]
    first = await admin.patch("/labelsets", json=body, headers=headers)
    await admin.patch(f"/work/{work['id']}", json={"labelset": {"min_age": 8}})
    again = await admin.patch("/labelsets", json=body, headers=headers)
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert (await work_shown(admin, work["id"]))["labelset"]["min_age"] == 8


@pytest.mark.parametrize("body", ['{"isbn": "9780439023481"}', '"x"', "null", "3"])
async def test_what_is_no_list_is_refused(world: World, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await (await world.admin()).patch("/labelsets", content=body, headers=headers)
    assert answer.status_code == 422, answer.text


async def test_more_than_a_thousand_items_are_refused(world: World) -> None:
    admin = await world.admin()
    assert (await admin.patch("/labelsets", json=[item("x")] * 1001)).status_code == 422
    report = await patched(admin, *[item("9780439023482")] * 1000)
    assert report["errors"] == 1000


async def test_labelling_takes_as_many_statements_for_many_works_as_for_few(world: World) -> None:
    admin = await world.admin()
    rows = [{"isbn": new_isbn(), "title": unique("Matilda"), "authors": []} for _ in range(60)]
    await admin.post("/editions", json=rows)
    labels = {
        "hue_primary_key": "hue10_inspiring",
        "reading_ability_keys": ["SPOT", "CAT_HAT"],
        "min_age": 5,
        "huey_summary": "x",
        "checked": False,
    }
    counts = []
    for part in (rows[:2], rows[2:]):
        with statements() as sent:
            report = await patched(admin, *(item(row["isbn"], **labels) for row in part))
        assert report["patched"] == len(part)
        counts.append(len(sent))
    assert counts[0] == counts[1]
    isbn = int(rows[-1]["isbn"])
    hues = "SELECT count(*) FROM labelset_hues h JOIN labelsets l ON l.id = h.labelset_id JOIN editions USING (work_id)"
    assert await one(world, f"{hues} WHERE isbn = :isbn", isbn=isbn) == 1
