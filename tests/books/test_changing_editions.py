import asyncio
from typing import Any

import pytest
from sqlalchemy import text

from tests.books.catalogue import author, book, new_isbn, stored, unique
from tests.books.shelves import edition_shown, events_about, held, new_work
from tests.world import World

FULL: dict[str, Any] = {
    "leading_article": "The",
    "edition_title": "Twits",
    "edition_subtitle": "A Story",
    "date_published": "19801009",
    "cover_url": "https://covers.example.com/t.jpg",
    "illustrators": [{"first_name": "Quentin", "last_name": "Blake"}],
    "info": {"pages": "96", "keywords": "beards"},
    "hydrated_at": "2026-01-02T03:04:05Z",
}
SERIES = text(
    """SELECT count(DISTINCT s.id), count(DISTINCT sw.work_id)
         FROM editions e JOIN series_works_association sw USING (work_id) JOIN series s ON s.id = sw.series_id
        WHERE e.isbn = ANY(:isbns)"""
)
SHOWN_CLEARED: dict[str, Any] = {
    "edition_title": {"title": None, "leading_article": None},
    "edition_subtitle": {"subtitle": None},
    "illustrators": {"illustrators": []},
}


async def test_every_field_is_changed_and_shown(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn})
    answer = await admin.patch(f"/edition/{isbn}", json=FULL)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown == await edition_shown(admin, isbn)
    assert {name: shown[name] for name in ("leading_article", "title", "subtitle", "date_published", "cover_url")} == {
        "leading_article": "The",
        "title": "Twits",
        "subtitle": "A Story",
        "date_published": 19801009,
        "cover_url": "https://covers.example.com/t.jpg",
    }
    assert [each["last_name"] for each in shown["illustrators"]] == ["Blake"]
    assert (shown["info"]["pages"], shown["info"]["keywords"]) == ("96", "beards")
    row = await stored(world, isbn)
    assert (row["hydrated"], row["sort_title"]) == (True, "twits")
    (event,) = await events_about(world, "Edition updated", "isbn", isbn)
    assert event["changes"]["title"] == {"from": None, "to": "Twits"}
    assert event["changes"].keys() >= {"subtitle", "illustrators", "info", "hydrated_at"}


@pytest.mark.parametrize("name", FULL)
async def test_a_change_leaves_out_what_it_does_not_name_and_null_clears(world: World, name: str) -> None:
    """Illustrators above all, whom a change of the cover once wiped out."""
    admin, isbn = await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn})
    full = (await admin.patch(f"/edition/{isbn}", json=FULL)).json()
    assert (await admin.patch(f"/edition/{isbn}", json={})).json() == full
    answer = await admin.patch(f"/edition/{isbn}", json={name: None})
    assert answer.status_code == 200, answer.text
    if name == "hydrated_at":
        assert (await stored(world, isbn))["hydrated"] is False
        assert answer.json() == full
        return
    assert answer.json() == full | SHOWN_CLEARED.get(name, {name: None})


async def test_a_date_is_taken_as_text_and_as_a_number(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn})
    for sent, kept in (("1988", 1988), (19880101, 19880101), ("0", 0), (None, None)):
        answer = await admin.patch(f"/edition/{isbn}", json={"date_published": sent})
        assert (answer.status_code, answer.json()["date_published"]) == (200, kept)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"title": "Twits"}, "/title", "unknown_field"),
        ({"date_published": "last year"}, "/date_published", "int_parsing"),
        ({"cover_url": "data:image/png;base64,AAAA"}, "/cover_url", "image_not_accepted"),
        ({"cover_url": "javascript:alert(1)"}, "/cover_url", "string_pattern_mismatch"),
        ({"work_id": 2**31 - 1}, "/work_id", "not_found"),
        ({"illustrators": [2**31 - 1]}, "/illustrators/0", "not_found"),
        ({"illustrators": [{"first_name": "Q"}]}, "/illustrators/0/last_name", "missing"),
        ({"info": {"pagess": "1"}}, "/info/pagess", "unknown_field"),
        ({"hydrated_at": "0001-01-01T00:00:00+14:00"}, "/hydrated_at", "moment_out_of_range"),
    ],
)
async def test_a_faulty_change_is_refused_with_a_pointer_and_nothing_is_written(
    world: World, body: dict[str, Any], pointer: str, code: str
) -> None:
    admin, isbn = await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn})
    before = await stored(world, isbn)
    answer = await admin.patch(f"/edition/{isbn}", json={"edition_title": "New", **body})
    assert answer.status_code == 422, answer.text
    assert (pointer, code) in {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}
    assert await stored(world, isbn) == before


async def test_info_is_replaced_or_merged(world: World) -> None:
    admin, isbn = await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn})
    await admin.patch(f"/edition/{isbn}", json={"info": {"pages": "96", "keywords": "beards"}})
    merged = await admin.patch(
        f"/edition/{isbn}", params={"merge_dicts": True}, json={"info": {"pages": "97", "country": "GB"}}
    )
    info = merged.json()["info"]
    assert (info["pages"], info["keywords"], info["country"]) == ("97", "beards", "GB")
    replaced = await admin.patch(f"/edition/{isbn}", json={"info": {"country": "AU"}})
    info = replaced.json()["info"]
    assert (info["pages"], info["keywords"], info["country"]) == (None, None, "AU")


async def test_an_edition_is_moved_between_works_and_its_fragment_with_it(world: World) -> None:
    admin = await world.admin()
    isbn, item = await held(world, admin)
    first, second = await new_work(admin, isbn, title="Matilda"), await new_work(admin, title="Danny")
    for work, title in ((second, "Danny"), (first, "Matilda")):
        answer = await admin.patch(f"/edition/{isbn}", json={"work_id": int(work["id"])})
        assert (answer.json()["work_id"], answer.json()["title"]) == (work["id"], title)
        assert answer.json()["authors"] == work["authors"]
        holding = (await admin.get(f"/collection-item/{item}")).json()
        assert (holding["work"]["id"], holding["edition"]["title"]) == (work["id"], title)
        row = await stored(world, isbn)
        assert f'"work":{{"id":"{work["id"]}"' in row["brief"]
    answer = await admin.patch(f"/edition/{isbn}", json={"work_id": None})
    assert (answer.json()["work_id"], answer.json()["title"]) == (None, None)


async def test_an_illustrator_is_one_of_that_name_on_the_edition_or_the_only_one_there_is(world: World) -> None:
    admin, name, isbns = await world.admin(), unique("Blake"), [new_isbn(), new_isbn(), new_isbn()]
    for isbn in isbns:
        await admin.post("/edition", json={"isbn": isbn})
    by_name = {"illustrators": [{"first_name": "Quentin", "last_name": name}]}
    first, second = [(await admin.patch(f"/edition/{isbn}", json=by_name)).json() for isbn in isbns[:2]]
    assert first["illustrators"] == second["illustrators"]
    (person,) = first["illustrators"]
    again = await admin.patch(f"/edition/{isbns[2]}", json={"illustrators": [person["id"], person["id"]]})
    assert again.json()["illustrators"] == [person]
    assert (await admin.get(f"/illustrators/{person['id']}")).json() == person


async def test_of_two_editors_who_saw_the_same_only_the_first_writes(world: World) -> None:
    admin, other, isbn = await world.admin(), await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn})
    seen = (await admin.get(f"/edition/{isbn}")).headers["etag"]
    assert (await admin.get(f"/edition/{isbn}", headers={"If-None-Match": seen})).status_code == 304
    answers = await asyncio.gather(
        *(
            who.patch(f"/edition/{isbn}", json={"edition_title": title}, headers={"If-Match": seen})
            for who, title in ((admin, "One"), (other, "Two"))
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert (await edition_shown(admin, isbn))["title"] in ("One", "Two")


async def test_nobody_but_an_admin_changes_an_edition(world: World) -> None:
    school, admin, isbn = await world.school(), await world.admin(), new_isbn()
    await admin.post("/edition", json={"isbn": isbn, "title": "Matilda"})
    group = await world.class_group(school)
    others = [
        await world.lms(school),
        await world.service("school", school),
        await world.service("kiosk", school),
        await world.school_admin(school),
        await world.educator(school),
        await world.student(group),
        await world.public_reader(),
        await world.parent(),
    ]
    for client in others:
        answer = await client.patch(f"/edition/{isbn}", json={"cover_url": "https://evil.example.com/x.jpg"})
        assert (answer.status_code, answer.json()["permission"]) == (403, "update")
    assert (await edition_shown(admin, isbn))["cover_url"] is None


async def test_what_is_not_there_is_not_found(world: World) -> None:
    admin = await world.admin()
    assert (await admin.patch(f"/edition/{new_isbn()}", json={"edition_title": "x"})).status_code == 404
    assert (await admin.patch("/edition/9780439023482", json={"edition_title": "x"})).status_code == 422


async def test_the_series_of_a_work_is_shown_on_all_its_editions(world: World) -> None:
    admin, series = await world.admin(), unique("The Hunger Games")
    first = book(
        title=unique("Catching Fire"), series_name=series, series_number=2, authors=[author(unique("Collins"))]
    )
    first["other_isbns"] = [new_isbn()]
    await admin.post("/edition", json=first)
    for isbn in (first["isbn"], *first["other_isbns"]):
        shown = await edition_shown(admin, isbn)
        assert (shown["series_name"], shown["series_number"]) == (series, 2)
    await admin.patch(f"/edition/{first['isbn']}", json={"edition_title": "Other"})
    shown = await edition_shown(admin, first["isbn"])
    assert (shown["series_name"], shown["series_number"]) == (series, 2)


async def test_spellings_of_a_series_are_one_and_a_number_is_learnt(world: World) -> None:
    admin, word = await world.admin(), unique("Games")
    rows = [
        book(title=unique("One"), series_name=f"The {word}", authors=[author(unique("Collins"))]),
        book(title=unique("Two"), series_name=word.upper(), series_number=2, authors=[author(unique("Collins"))]),
    ]
    rows[0]["other_isbns"] = [new_isbn()]
    assert (await admin.post("/editions", json=rows)).status_code == 200
    late = book(title=rows[0]["title"], series_name=f"the {word}!", series_number=1, authors=rows[0]["authors"])
    await admin.post("/edition", json=late)
    relative = await edition_shown(admin, rows[0]["other_isbns"][0])
    assert (relative["series_name"], relative["series_number"]) == (f"The {word}", 1)
    async with world.session() as session:
        found = await session.execute(
            SERIES, {"isbns": [int(rows[0]["isbn"]), int(rows[1]["isbn"]), int(late["isbn"])]}
        )
        assert [tuple(row) for row in found] == [(1, 2)]
