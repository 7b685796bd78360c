"""What a bulk change does to a collection, as a library system sees it."""

import pytest

from tests.collections.shelves import HUNGER_GAMES, PHILOSOPHERS_STONE, TWILIGHT, copies, isbn, library, outcomes
from tests.world import World


async def test_first_sync_creates_the_collection(world: World) -> None:
    school = await library(world)
    report = await school.replace([{"isbn": HUNGER_GAMES}, {"edition_isbn": "0-439-55493-4", "copies_total": 3}])
    assert report["msg"] == "updated"
    assert report["collection_size"] == 2
    assert outcomes(report) | {"new_editions": 0} == {"added": 2, "new_editions": 0}
    assert copies(await school.shelf()) == {HUNGER_GAMES: (1, 1), PHILOSOPHERS_STONE: (3, 3)}


async def test_holdings_that_stay_keep_their_ids(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": HUNGER_GAMES}, {"isbn": TWILIGHT}])
    before = await school.shelf()
    report = await school.replace([{"isbn": HUNGER_GAMES, "copies_total": 4}, {"isbn": PHILOSOPHERS_STONE}])
    after = await school.shelf()
    assert outcomes(report) | {"new_editions": 0} == {"added": 1, "updated": 1, "removed": 1, "new_editions": 0}
    assert after[HUNGER_GAMES]["id"] == before[HUNGER_GAMES]["id"]
    assert TWILIGHT not in after


async def test_a_book_that_comes_back_is_the_same_holding(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": HUNGER_GAMES, "copies_total": 5, "info": {"title": "ours"}}])
    first = (await school.shelf())[HUNGER_GAMES]
    await school.replace([{"isbn": TWILIGHT}])
    report = await school.change([{"isbn": HUNGER_GAMES}])
    assert outcomes(report) == {"added": 1}
    assert (await school.shelf())[HUNGER_GAMES] == first


async def test_the_same_sync_again_changes_nothing(world: World) -> None:
    school = await library(world)
    rows = [{"isbn": HUNGER_GAMES, "copies_total": 2}, {"info": {"title": "School Yearbook", "author": "P&C"}}]
    await school.replace(rows)
    before = await school.lms.get(school.path)
    collection = f"/collection/{await school.id()}"
    etag = (await school.lms.get(collection)).headers["etag"]
    report = await school.replace(rows)
    assert outcomes(report) == {"unchanged": 2}
    assert (await school.lms.get(school.path)).json() == before.json()
    assert (await school.lms.get(collection)).headers["etag"] == etag


async def test_absent_keeps_null_clears_and_zero_is_zero(world: World) -> None:
    school = await library(world)
    await school.replace(
        [{"isbn": HUNGER_GAMES, "copies_total": 5, "copies_available": 2, "info": {"title": "Signed copy"}}]
    )
    await school.change([{"isbn": HUNGER_GAMES, "action": "update"}])
    item = (await school.shelf())[HUNGER_GAMES]
    assert (item["copies_total"], item["copies_available"], item["info"]) == (5, 2, {"title": "Signed copy"})
    await school.change([{"isbn": HUNGER_GAMES, "action": "update", "copies_available": 0}])
    assert copies(await school.shelf())[HUNGER_GAMES] == (5, 0)
    await school.change([{"isbn": HUNGER_GAMES, "action": "update", "copies_available": None, "info": None}])
    item = (await school.shelf())[HUNGER_GAMES]
    assert (item["copies_total"], item["copies_available"], item["info"]) == (5, 5, None)
    await school.change([{"isbn": HUNGER_GAMES, "action": "update", "copies_total": 0}])
    assert copies(await school.shelf())[HUNGER_GAMES] == (0, 0)


async def test_available_never_exceeds_total(world: World) -> None:
    school = await library(world)
    report = await school.replace([{"isbn": HUNGER_GAMES, "copies_total": 1, "copies_available": 9}])
    assert report["results"][0]["code"] == "copies_available_reduced"
    assert copies(await school.shelf())[HUNGER_GAMES] == (1, 1)
    await school.change([{"isbn": HUNGER_GAMES, "action": "update", "copies_available": 7}])
    assert copies(await school.shelf())[HUNGER_GAMES] == (1, 1)


async def test_lines_per_copy_are_summed(world: World) -> None:
    school = await library(world)
    rows = [{"isbn": HUNGER_GAMES}, {"isbn": "978-0-439-02348-1"}, {"isbn": HUNGER_GAMES, "copies_total": 2}]
    report = await school.replace(rows)
    assert outcomes(report) | {"new_editions": 0} == {"added": 1, "merged": 2, "new_editions": 0}
    assert [(each["index"], each["status"], each["code"]) for each in report["results"]] == [
        (1, "merged", "duplicate_in_file"),
        (2, "merged", "duplicate_in_file"),
    ]
    assert copies(await school.shelf()) == {HUNGER_GAMES: (4, 4)}
    assert outcomes(await school.replace(rows)) == {"unchanged": 1, "merged": 2}


async def test_rows_about_one_book_are_read_in_their_order(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": HUNGER_GAMES, "copies_total": 2}])
    remove, add = {"isbn": HUNGER_GAMES, "action": "remove"}, {"isbn": HUNGER_GAMES, "copies_total": 7}
    await school.change([remove, add])
    assert copies(await school.shelf()) == {HUNGER_GAMES: (7, 2)}
    await school.change([add, remove])
    assert await school.shelf() == {}


async def test_bad_rows_are_reported_and_good_ones_applied(world: World) -> None:
    school = await library(world)
    rows = [
        {"isbn": HUNGER_GAMES},
        {"isbn": "9.78044E+12"},
        {"isbn": "9780439023482"},
        {"copies_total": 1},
        {"isbn": TWILIGHT, "copies_total": -1},
        "not a row",
        {"isbn": PHILOSOPHERS_STONE, "copies": 3},
        {"isbn": 316015849, "copies_total": "2"},
    ]
    report = await school.replace(rows)
    assert {each["index"]: (each["status"], each["code"]) for each in report["results"]} == {
        1: ("rejected", "isbn_scientific_notation"),
        2: ("rejected", "isbn_check_digit"),
        3: ("rejected", "isbn_missing"),
        4: ("rejected", "invalid_row"),
        5: ("rejected", "invalid_row"),
        6: ("added", "unknown_field_ignored"),
        7: ("added", "isbn_zero_padded"),
    }
    assert report["results"][0]["isbn_sent"] == "9.78044E+12"
    assert report["results"][-1] | {"hint": ""} == {
        "index": 7,
        "status": "added",
        "isbn_sent": 316015849,
        "isbn": TWILIGHT,
        "code": "isbn_zero_padded",
        "hint": "",
    }
    assert copies(await school.shelf()) == {HUNGER_GAMES: (1, 1), PHILOSOPHERS_STONE: (1, 1), TWILIGHT: (2, 2)}


async def test_the_counts_add_up_to_the_rows(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": isbn(n)} for n in range(10)])
    report = await school.change(
        [
            {"isbn": isbn(0), "action": "remove"},
            {"isbn": isbn(99), "action": "remove"},
            {"isbn": isbn(1), "action": "update", "copies_total": 3},
            {"isbn": isbn(98), "action": "update", "copies_total": 3},
            {"isbn": isbn(2)},
            {"isbn": isbn(50)},
            {"isbn": isbn(50)},
            {"isbn": "nothing"},
        ],
        results="all",
    )
    counts = report["summary"]
    assert counts["received"] == sum(
        counts[name] for name in ("added", "updated", "unchanged", "removed", "rejected", "merged")
    )
    assert [each["status"] for each in report["results"]] == [
        "removed", "unchanged", "updated", "rejected", "unchanged", "added", "merged", "rejected",
    ]  # fmt: skip
    assert report["results"][3]["code"] == report["results"][1]["code"] == "item_not_held"


async def test_atomic_refuses_everything_for_one_bad_row(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": TWILIGHT}])
    rows = [{"isbn": HUNGER_GAMES}, {"isbn": "9780439023482"}]
    answer = await school.lms.patch(school.path, json=rows, params={"atomic": True})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "atomic_rejected"
    assert [(each["pointer"], each["code"]) for each in problem["errors"]] == [("/1", "isbn_check_digit")]
    assert problem["summary"]["rejected"] == 1
    assert list(await school.shelf()) == [TWILIGHT]


async def test_nothing_usable_writes_nothing(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": TWILIGHT}])
    answer = await school.lms.post(school.path, json=[{"isbn": "x"}, {"isbn": ""}])
    assert (answer.status_code, answer.json()["code"]) == (422, "nothing_usable")
    assert list(await school.shelf()) == [TWILIGHT]


async def test_an_empty_replacement_empties(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": TWILIGHT}])
    assert outcomes(await school.replace([])) == {"removed": 1}
    assert await school.shelf() == {}


async def test_a_rehearsal_tells_and_writes_nothing(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": TWILIGHT}])
    before = (await school.lms.get(f"/collection/{await school.id()}")).headers["etag"]
    rows = [{"isbn": HUNGER_GAMES}]
    rehearsal = await school.replace(rows, dry_run=True)
    assert rehearsal["summary"]["dry_run"] is True
    assert list(await school.shelf()) == [TWILIGHT]
    assert (await school.lms.get(f"/collection/{await school.id()}")).headers["etag"] == before
    real = await school.replace(rows)
    assert rehearsal["summary"] | {"dry_run": False} == real["summary"]


async def test_a_truncated_export_cannot_empty_a_library(world: World) -> None:
    school = await library(world)
    await school.replace([{"isbn": isbn(n)} for n in range(10)])
    answer = await school.lms.post(school.path, json=[{"isbn": isbn(0)}], params={"max_removal_percent": 20})
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "removal_limit_exceeded")
    assert (problem["removed"], problem["total"], problem["limit_percent"]) == (9, 10, 20)
    assert sorted(problem["withdrawn_isbns"]) == sorted(isbn(n) for n in range(1, 10))
    assert len(await school.shelf()) == 10
    within = await school.replace([{"isbn": isbn(n)} for n in range(8)], max_removal_percent=20)
    assert within["summary"]["removed"] == 2


async def test_the_schools_own_limit_holds_unless_the_request_names_one(world: World) -> None:
    school = await library(world)
    admin = await world.admin()
    path = f"/school/{school.school.wriveted_identifier}"
    assert (await admin.patch(path, json={"max_removal_percent": 50})).status_code == 200
    await school.replace([{"isbn": isbn(n)} for n in range(4)])
    assert (await school.lms.post(school.path, json=[{"isbn": isbn(0)}])).status_code == 409
    assert outcomes(await school.replace([{"isbn": isbn(0)}], max_removal_percent=100)) == {
        "removed": 3,
        "unchanged": 1,
    }


async def test_books_without_an_isbn_are_kept_by_title_and_author(world: World) -> None:
    school = await library(world)
    rows = [{"info": {"title": "Our Town", "author": "Year 6"}}, {"info": {"title": "OUR TOWN!", "author": "year 6"}}]
    report = await school.replace(rows)
    assert outcomes(report) == {"added": 1, "merged": 1}
    assert copies(await school.shelf()) == {"OUR TOWN!": (2, 2)}  # of what is said twice, the last holds
    report = await school.change([{"info": {"title": "Our Town", "author": "Year 6"}}])
    assert outcomes(report) == {"added": 1}  # a delta adds another book each time
    assert len((await school.lms.get(school.path)).json()) == 2


async def test_a_book_without_an_isbn_is_changed_by_its_id(world: World) -> None:
    school = await library(world)
    await school.replace([{"info": {"title": "Our Town"}}, {"isbn": HUNGER_GAMES}])
    shelf = await school.shelf()
    await school.change([{"id": shelf["Our Town"]["id"], "action": "update", "copies_total": 4}])
    await school.change([{"id": shelf[HUNGER_GAMES]["id"], "action": "remove"}])
    assert copies(await school.shelf()) == {"Our Town": (4, 1)}


@pytest.mark.parametrize("number", [3, 2_100])
async def test_the_number_of_statements_does_not_grow(world: World, number: int) -> None:
    """Small and large changes differ in how rows travel, not in what is asked for each row."""
    school = await library(world)
    statements = await world.count_statements(school.replace([{"isbn": isbn(n)} for n in range(number)]))
    assert statements <= 17


async def test_large_and_small_changes_mean_the_same(world: World) -> None:
    small, large = await library(world), await library(world)
    rows = [{"isbn": isbn(n), "copies_total": n % 5, "info": {"title": f"a\tb\\{n}\n"}} for n in range(40)]
    padding = [{"isbn": isbn(n)} for n in range(1_000, 3_200)]
    await small.replace(rows)
    await large.replace(rows + padding)
    wanted = {row["isbn"]: {**row} for row in rows}
    for library_ in (small, large):
        for row in rows:
            item = (await library_.lms.get(f"/collection/{await library_.id()}/{row['isbn']}")).json()
            assert (item["copies_total"], item["info"]) == (
                wanted[row["isbn"]]["copies_total"],
                wanted[row["isbn"]]["info"],
            )
