"""POST /v1/recommend: which books, why, and in which order."""

from typing import Any

import pytest

from tests.books.catalogue import hyphenated, new_isbn, one
from tests.recommendations.books import LABELS, labelled, library, recommend, works
from tests.search.books import word
from tests.world import World

FUNNY, DARK, QUIRKY = "hue05_funny_comic", "hue01_dark_suspense", "hue12_funny_quirky"


async def test_one_match_is_one_book_with_todays_shape(world: World) -> None:
    admin = await world.admin()
    book = await labelled(admin, "Roald Dahl", leading_article="The", title="Twits")
    school = await library(world, book)
    output = await recommend(admin, school, hues=[FUNNY], age=8, reading_abilities=["TREEHOUSE"])
    (found,) = output["books"]
    assert {name: found[name] for name in ("work_id", "isbn", "display_title", "authors_string", "summary")} == {
        "work_id": int(book["work_id"]),
        "isbn": book["isbn"],
        "display_title": "The Twits",
        "authors_string": "Roald Dahl",
        "summary": LABELS["huey_summary"],
    }
    assert found["cover_url"] == f"https://covers.example.com/{book['isbn']}.jpg"
    assert found["labels"]["work_id"] == book["work_id"]
    assert [hue["key"] for hue in found["labels"]["hues"]] == [FUNNY]
    assert [level["key"] for level in found["labels"]["reading_abilities"]] == ["TREEHOUSE"]
    assert found["labels"]["recommend_status"] == "GOOD"
    assert found["available"] is True
    codes = [reason["code"] for reason in found["reasons"]]
    assert codes == ["hue", "age", "reading_ability", "collection", "available"]
    assert output["query"] == {
        "hues": [FUNNY],
        "age": 8,
        "reading_abilities": ["TREEHOUSE"],
        "recommendable_only": True,
        "exclude_isbns": None,
        "fallback": None,
        "school_id": school.id,
    }
    assert output["fallback_level"] == 0


@pytest.mark.parametrize("status", ["BAD_BORING", "BAD_REFERENCE", "BAD_CONTROVERSIAL", "BAD_LOW_QUALITY"])
async def test_books_not_marked_good_are_for_admins_who_ask(world: World, status: str) -> None:
    admin = await world.admin()
    school = await library(world, book := await labelled(admin, labels={"recommend_status": status}))
    student = await world.student(await world.class_group(school))
    for client in (student, admin):
        for asked in ({}, {"recommendable_only": True}, {"recommendable_only": None}):
            assert works(await recommend(client, school, **asked)) == []
    assert works(await recommend(admin, school, recommendable_only=False)) == [book["work_id"]]
    refused = await student.post(
        "/recommend", json={"wriveted_identifier": str(school.wriveted_identifier), "recommendable_only": False}
    )
    assert refused.status_code == 403
    assert refused.json()["errors"][0]["pointer"] == "/recommendable_only"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, True),
        ({"hues": []}, True),
        ({"hues": [DARK]}, False),
        ({"hues": [DARK, FUNNY]}, True),
        ({"hues": ["HUE05_Funny_Comic"]}, True),
        ({"age": 5}, False),
        ({"age": 6}, True),
        ({"age": 9}, True),
        ({"age": 10}, False),
        ({"age": 0}, False),
        ({"reading_abilities": ["SPOT", "CAT_HAT"]}, False),
        ({"reading_abilities": ["SPOT", "treehouse"]}, True),
        ({"hues": [FUNNY], "age": 7, "reading_abilities": ["SPOT"]}, False),
        ({"exclude_isbns": [None]}, True),
        ({"exclude_isbns": [None, "no isbn", ""]}, True),
    ],
)
async def test_every_filter_counts(world: World, asked: dict[str, Any], found: bool) -> None:
    admin = await world.admin()
    school = await library(world, book := await labelled(admin))
    assert works(await recommend(admin, school, **asked)) == ([book["work_id"]] if found else [])


@pytest.mark.parametrize(
    "lacking", [{"hue_primary_key": None}, {"reading_ability_keys": None}, {"min_age": None, "max_age": None}]
)
async def test_books_without_a_hue_an_ability_or_the_ages_asked_for_are_left_out(
    world: World, lacking: dict[str, None]
) -> None:
    admin = await world.admin()
    school = await library(world, await labelled(admin, labels=lacking))
    assert works(await recommend(admin, school, age=7)) == []


async def test_book_without_summary_is_recommended(world: World) -> None:
    admin = await world.admin()
    school = await library(world, await labelled(admin, labels={"huey_summary": None}))
    assert [book["summary"] for book in (await recommend(admin, school))["books"]] == [""]


async def test_what_is_not_held_withdrawn_or_without_cover_is_not_recommended(world: World) -> None:
    admin = await world.admin()
    held, withdrawn = await labelled(admin), await labelled(admin)
    bare = await labelled(admin, cover=False)
    await labelled(admin)
    school = await library(world, held, withdrawn, bare)
    lms = await world.lms(school)
    path = f"/school/{school.wriveted_identifier}/collection"
    assert (await lms.patch(path, json=[{"isbn": withdrawn["isbn"], "action": "remove"}])).status_code == 200
    assert works(await recommend(admin, school)) == [held["work_id"]]


async def test_excluding_any_edition_in_any_form_excludes_the_work(world: World) -> None:
    admin = await world.admin()
    other = new_isbn()
    book, another = await labelled(admin, other_isbns=[other]), await labelled(admin)
    school = await library(world, book, another)
    for isbn in (book["isbn"], other, hyphenated(other)):
        output = await recommend(admin, school, exclude_isbns=[None, isbn])
        assert works(output) == [another["work_id"]]
        assert output["query"]["exclude_isbns"] == [other if isbn != book["isbn"] else isbn]


async def test_editions_are_the_schools_own_and_one_that_can_be_borrowed(world: World) -> None:
    admin = await world.admin()
    book = await labelled(admin, other_isbns=[second := new_isbn(), new_isbn()])
    cover = {"cover_url": "https://covers.example.com/second.jpg"}
    assert (await admin.patch(f"/edition/{second}", json=cover)).status_code == 200
    school = await library(world, book, available=0)
    (found,) = (await recommend(admin, school))["books"]
    assert (found["isbn"], found["available"]) == (book["isbn"], False)
    assert "available" not in [reason["code"] for reason in found["reasons"]]
    lms = await world.lms(school)
    path = f"/school/{school.wriveted_identifier}/collection"
    assert (await lms.patch(path, json=[{"isbn": second}])).status_code == 200
    (found,) = (await recommend(admin, school))["books"]
    assert (found["isbn"], found["available"]) == (second, True)


async def test_authors_come_once_unless_asked_otherwise(world: World) -> None:
    admin, name = await world.admin(), f"Ann {word()}"
    books = [await labelled(admin, name), await labelled(admin, name), await labelled(admin, name, f"Bob {word()}")]
    school = await library(world, *books)
    assert len(works(await recommend(admin, school))) == 2
    assert set(works(await recommend(admin, school, dedupe_authors=False))) == {each["work_id"] for each in books}


async def test_same_seed_same_answer_and_every_book_has_its_chance(world: World) -> None:
    admin = await world.admin()
    school = await library(world, *[await labelled(admin) for _ in range(12)])
    first = await recommend(admin, school, limit=3)
    assert works(await recommend(admin, school, limit=3, seed=first["seed"])) == works(first)
    met = {work for seed in range(40) for work in works(await recommend(admin, school, limit=3, seed=seed))}
    assert len(met) == 12


async def test_what_suits_best_comes_first(world: World) -> None:
    admin = await world.admin()
    both = await labelled(admin, labels={"hue_secondary_key": QUIRKY})
    second = await labelled(admin, labels={"hue_primary_key": DARK, "hue_secondary_key": FUNNY})
    wide = await labelled(admin, labels={"hue_secondary_key": QUIRKY, "min_age": 2, "max_age": 14})
    school = await library(world, second, wide, both)
    output = await recommend(admin, school, hues=[FUNNY, QUIRKY], age=8)
    assert works(output) == [both["work_id"], wide["work_id"], second["work_id"]]


@pytest.mark.parametrize("fallback", [None, False])
async def test_without_fallback_nothing_is_widened(world: World, fallback: bool | None) -> None:
    admin = await world.admin()
    school = await library(world, await labelled(admin))
    output = await recommend(admin, school, hues=[DARK], age=8, reading_abilities=["TREEHOUSE"], fallback=fallback)
    assert output["books"] == []
    assert output["fallback_level"] == 0
    assert output["query"]["hues"] == [DARK]
    assert output["query"]["school_id"] == school.id


async def test_fallback_climbs_as_far_as_it_takes_and_says_so(world: World) -> None:
    admin = await world.admin()
    rare = {"min_age": 128, "max_age": 128}
    here = await labelled(admin, labels=rare)
    school = await library(world, here)
    elsewhere = await labelled(admin, labels=rare)
    asked = {"hues": [FUNNY], "age": 128, "reading_abilities": ["TREEHOUSE"], "fallback": True}
    output = await recommend(admin, school, **asked, limit=2)
    assert works(output) == [here["work_id"], elsewhere["work_id"]]
    assert (output["fallback_level"], output["query"]["school_id"]) == (1, None)
    assert [book["available"] for book in output["books"]] == [True, None]
    assert output["books"][1]["reasons"][-1]["code"] == "fallback"
    other_hue = await labelled(admin, labels=rare | {"hue_primary_key": DARK})
    output = await recommend(admin, school, **asked, limit=3)
    assert works(output)[2:] == [other_hue["work_id"]]
    assert (output["fallback_level"], output["query"]["hues"]) == (2, None)
    easier = await labelled(admin, labels=rare | {"reading_ability_keys": ["CAT_HAT"]})
    output = await recommend(admin, school, **asked, exclude_isbns=[other_hue["isbn"]], limit=3)
    assert works(output)[2:] == [easier["work_id"]]
    assert output["fallback_level"] == 3
    assert output["query"]["reading_abilities"] == ["TREEHOUSE", "CAT_HAT"]
    asked |= {"age": 126, "reading_abilities": []}
    output = await recommend(admin, school, **asked)
    assert (output["fallback_level"], output["query"]["age"]) == (3, 128)
    assert len(output["books"]) >= 3


@pytest.mark.parametrize("age", [129, 130])
async def test_nobody_is_older_than_the_oldest(world: World, age: int) -> None:
    output = await recommend(await world.admin(), None, age=age, fallback=True)
    assert output["books"] == []
    assert output["query"]["age"] == 130


async def test_enough_books_need_no_fallback(world: World) -> None:
    admin = await world.admin()
    school = await library(world, *[await labelled(admin) for _ in range(3)])
    output = await recommend(admin, school, fallback=True)
    assert (len(output["books"]), output["fallback_level"]) == (3, 0)
    assert (await recommend(admin, school, fallback=True, limit=1))["fallback_level"] == 0


async def test_whole_catalogue_is_asked_without_a_school(world: World) -> None:
    admin = await world.admin()
    book = await labelled(admin, labels={"min_age": 120, "max_age": 121})
    output = await recommend(await world.public_reader(), None, age=120)
    assert works(output) == [book["work_id"]]
    assert output["query"]["school_id"] is None
    assert output["books"][0]["available"] is None


async def test_labels_and_works_that_change_are_recommended_as_they_are_now(world: World) -> None:
    admin = await world.admin()
    book, other = await labelled(admin), await labelled(admin)
    school = await library(world, book, other)
    answer = await admin.patch(f"/work/{book['work_id']}", json={"labelset": {"hue_primary_key": DARK}})
    assert answer.status_code == 200
    assert works(await recommend(admin, school, hues=[DARK])) == [book["work_id"]]
    labelset = {"recommend_status": "BAD_BORING"}
    assert (await admin.patch(f"/work/{book['work_id']}", json={"labelset": labelset})).status_code == 200
    assert works(await recommend(admin, school)) == [other["work_id"]]
    merge = {"duplicate_id": int(other["work_id"])}
    assert (await admin.post(f"/work/{book['work_id']}/merge", json=merge)).status_code == 200
    assert works(await recommend(admin, school)) == []
    labelset = {"recommend_status": "GOOD"}
    assert (await admin.patch(f"/work/{book['work_id']}", json={"labelset": labelset})).status_code == 200
    assert works(await recommend(admin, school)) == [book["work_id"]]


async def test_event_names_the_question_and_the_works_alone(world: World) -> None:
    admin = await world.admin()
    school = await library(world, book := await labelled(admin))
    educator = await world.educator(school)
    output = await recommend(educator, school, age=8)
    await recommend(educator, school, age=99)
    statement = "SELECT jsonb_agg(jsonb_build_object('t', title, 'l', level, 'i', info) ORDER BY timestamp) FROM events"
    made, none = await one(world, f"{statement} WHERE user_id = :user", user=educator.id)
    assert (made["t"], made["l"], none["t"], none["l"]) == ("Made a recommendation", "normal", "No books", "warning")
    assert made["i"]["work_ids"] == [int(book["work_id"])]
    assert made["i"]["query"]["age"] == 8
    assert made["i"]["seed"] == output["seed"]
    assert "summary" not in str(made["i"])


async def test_a_retry_makes_one_recommendation(world: World) -> None:
    admin = await world.admin()
    school = await library(world, *[await labelled(admin) for _ in range(8)])
    body = {"wriveted_identifier": str(school.wriveted_identifier)}
    key = {"Idempotency-Key": word()}
    first, second = [await admin.post("/recommend", json=body, headers=key) for _ in range(2)]
    assert first.json() == second.json()


@pytest.mark.parametrize("limit", ["0", "-10", "51", "x"])
async def test_limit_out_of_bounds_is_refused(world: World, limit: str) -> None:
    answer = await (await world.admin()).post("/recommend", json={}, params={"limit": limit})
    assert answer.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"hues": ["hue99"]},
        {"age": -1},
        {"age": "eight"},
        {"reading_abilities": ["READER"]},
        {"exclude_isbns": ["9780439023481"] * 1001},
        {"seed": -1},
        {"seed": 2**53},
        {"wriveted_identifier": "1"},
        {"huess": []},
    ],
)
async def test_questions_that_make_no_sense_are_refused(world: World, body: dict[str, Any]) -> None:
    answer = await (await world.admin()).post("/recommend", json=body)
    assert answer.status_code == 422, answer.text


async def test_number_of_statements_does_not_grow_with_the_books(world: World) -> None:
    admin = await world.admin()
    few, many = await library(world, await labelled(admin)), [await labelled(admin) for _ in range(20)]
    lots = await library(world, *many)
    one_book = await world.count_statements(recommend(admin, few, limit=50))
    twenty = await world.count_statements(recommend(admin, lots, limit=50))
    assert twenty == one_book <= 14
