"""From a library's unknown ISBNs to books that are found, with nothing but what the providers tell."""

import pytest

from tests.books.catalogue import author, new_isbn
from tests.collections.shelves import library
from tests.hydration.conftest import Lab
from tests.hydration.twins import google_record, nielsen_record, open_library_record


async def test_a_sync_of_unknown_isbns_ends_with_books_that_are_found(lab: Lab) -> None:
    by_nielsen, by_open_library, by_google, by_nobody = (new_isbn() for _ in range(4))
    lab.twins.nielsen.shelf[by_nielsen] = nielsen_record(by_nielsen)
    lab.twins.open_library.shelf |= {
        by_nielsen: open_library_record(by_nielsen),
        by_open_library: open_library_record(by_open_library),
    }
    lab.twins.google_books.shelf[by_google] = google_record(by_google)
    school = await library(lab.world)
    report = await school.change([{"isbn": isbn} for isbn in (by_nielsen, by_open_library, by_google, by_nobody)])
    assert report["summary"]["new_editions"] == 4
    assert lab.twins.asked == 0, "nobody is asked before the answer"
    (task,) = await lab.tasks()
    assert sorted(task.payload["isbns"]) == sorted((by_nielsen, by_open_library, by_google, by_nobody))
    assert await lab.deliver() == [204]

    shelf = await school.shelf()
    assert shelf[by_nielsen]["edition"]["title"] == f"Twits {by_nielsen}"
    assert shelf[by_nielsen]["edition"]["leading_article"] == "The"
    assert shelf[by_nielsen]["edition"]["cover_url"] == "https://covers.openlibrary.org/b/id/8739161-L.jpg"
    assert shelf[by_google]["edition"]["cover_url"].startswith("https://books.google.com/")
    assert shelf[by_nobody]["edition"]["title"] is None
    for isbn, family in ((by_nielsen, "Dahl"), (by_open_library, "Dahl"), (by_google, "Vise")):
        found = await school.lms.get("/search", params={"query": isbn})
        (book,) = found.json()["books"]
        assert family in {each["last_name"] for each in book["authors"]}
    by_title = await school.lms.get("/search", params={"query": f"twits {by_nielsen}"})
    assert [book["title"] for book in by_title.json()["books"]] == [f"Twits {by_nielsen}"]

    edition = (await school.lms.get(f"/edition/{by_nielsen}")).json()
    assert edition["date_published"] == 20070816
    assert [each["last_name"] for each in edition["illustrators"]] == ["Blake"]
    assert edition["info"]["summary_short"] == "A nasty couple & their monkeys."
    assert edition["info"]["pages"] == "87"
    admin = await lab.world.admin()
    labels = (await admin.get(f"/work/{edition['work_id']}")).json()["labelset"]
    assert (labels["min_age"], labels["max_age"], labels["age_origin"]) == (7, 9, "NIELSEN_CBMC")
    assert [each["key"] for each in labels["reading_abilities"]] == ["CAT_HAT", "TREEHOUSE"]
    assert labels["reading_ability_origin"] == "PREDICTED_NIELSEN"
    assert (labels["recommend_status"], labels["recommend_status_origin"]) == ("GOOD", "PREDICTED_NIELSEN")
    assert labels["huey_summary"] == "A nasty couple & their monkeys."
    assert labels["labelled_by_user_id"] is labels["labelled_by_sa_id"] is None
    (labelling,) = await lab.tasks("generate-labels")
    assert int(edition["work_id"]) in labelling.payload["work_ids"]
    (event,) = await lab.sql("SELECT info, service_account_id FROM events WHERE title = 'Hydration: Finish'")
    assert event.service_account_id == school.lms.id
    assert event.info["editions"] == {
        by_nielsen: ["nielsen", "open-library"],
        by_open_library: ["open-library"],
        by_google: ["google-books"],
    }


async def test_nothing_but_isbns_and_our_own_credential_is_told_to_providers(lab: Lab) -> None:
    isbn = new_isbn()
    school = await library(lab.world)
    await school.change([{"isbn": isbn, "info": {"title": "Kim's own diary"}}])
    await lab.deliver()
    assert {each.purpose for each in lab.told} == {"nielsen", "open-library", "google-books"}
    for each in lab.told:
        assert isbn in each.url
        assert each.content == b""
        assert each.headers.keys() == {"Accept", "User-Agent", "Accept-Encoding"}
        assert not any(word in repr(each) for word in ("Kim", "diary", str(school.school.wriveted_identifier), "Annan"))
    assert lab.twins.open_library.agents == ["wriveted-api (+books@hueybooks.com)"]


async def test_a_thousand_unknown_isbns_are_two_tasks_and_known_ones_none(lab: Lab) -> None:
    isbns = list({new_isbn() for _ in range(1000)})
    school = await library(lab.world)
    await school.change([{"isbn": isbn} for isbn in isbns])
    tasks = await lab.tasks()
    assert sum(len(task.payload["isbns"]) for task in tasks) == len(isbns)
    assert [len(task.payload["isbns"]) for task in tasks] == [500, len(isbns) - 500]
    await school.replace([{"isbn": isbn} for isbn in isbns])
    assert len(await lab.tasks()) == 2


async def test_a_rehearsed_or_refused_sync_leaves_no_task(lab: Lab) -> None:
    school = await library(lab.world)
    await school.change([{"isbn": new_isbn()}], dry_run=True)
    answer = await school.lms.patch(school.path, json=[{"isbn": new_isbn()}, {"isbn": "1"}], params={"atomic": True})
    assert answer.status_code == 422
    assert await lab.tasks() == []


async def test_an_edition_that_is_created_incomplete_is_looked_up_and_a_complete_one_is_not(lab: Lab) -> None:
    admin = await lab.world.admin()
    bare, complete, named, listed = (new_isbn() for _ in range(4))
    assert (await admin.post("/edition", json={"isbn": bare})).status_code == 200
    told = {"isbn": complete, "title": "Matilda", "authors": [author("Dahl")], "hydrated": True}
    assert (await admin.post("/edition", json=told)).status_code == 200
    work = {"title": "Danny", "authors": [author("Dahl")], "editions": [named]}
    assert (await admin.post("/work", json=work)).status_code == 200
    assert (await admin.post("/editions", json=[{"isbn": listed}, {"isbn": bare}])).status_code == 200
    asked = [isbn for task in await lab.tasks() for isbn in task.payload["isbns"]]
    assert sorted(asked) == sorted([bare, named, listed])


async def test_what_people_said_of_a_book_is_kept(lab: Lab) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn, TL="Matilda", ST="A Novel", PRODCC="T10.2")
    said = {
        "isbn": isbn,
        "title": "Matilda",
        "authors": [author("Dahl", "Roald")],
        "cover_url": "https://huey.example/m",
    }
    edition = (await admin.post("/edition", json=said)).json()
    human = {"min_age": 3, "max_age": 5, "huey_summary": "A girl who reads.", "recommend_status": "GOOD"}
    path = f"/work/{edition['work_id']}"
    assert (await admin.patch(path, json={"labelset": human})).status_code == 200
    assert await lab.deliver() == [204]
    after = (await admin.get(f"/edition/{isbn}")).json()
    assert (after["title"], after["subtitle"], after["cover_url"]) == ("Matilda", "A Novel", said["cover_url"])
    labels = (await admin.get(path)).json()["labelset"]
    assert {name: labels[name] for name in human} == human
    assert labels["reading_ability_origin"] == "PREDICTED_NIELSEN", "what nobody had said is filled in"
    assert labels["labelled_by_user_id"] == str(admin.id), "who labelled last is still told"


async def test_a_book_that_is_told_under_another_title_is_left_alone(lab: Lab) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn, TL="Advanced Surgery")
    said = {"isbn": isbn, "title": "Matilda", "authors": [author("Dahl", "Roald")]}
    before = (await admin.post("/edition", json=said)).json()
    assert await lab.deliver() == [204]
    assert (await admin.get(f"/edition/{isbn}")).json() == before
    assert (await admin.get(f"/work/{before['work_id']}")).json()["labelset"] is None


async def test_editions_of_one_work_come_together(lab: Lab) -> None:
    isbns = [new_isbn() for _ in range(3)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn, TL="The Witches") for isbn in isbns}
    school = await library(lab.world)
    await school.change([{"isbn": isbn} for isbn in isbns])
    await lab.deliver()
    works = {item["work"]["id"] for item in (await school.shelf()).values()}
    assert len(works) == 1


async def test_other_editions_come_along_and_none_is_taken_from_anybody(lab: Lab) -> None:
    told, new, bare, theirs, taken_away = (new_isbn() for _ in range(5))
    admin = await lab.world.admin()
    named = [told, new, bare, theirs, taken_away]
    lab.twins.nielsen.shelf[told] = nielsen_record(told, TL="The Witches")
    lab.twins.open_library.shelf[told] = open_library_record(told, title="The Witches", isbn_13=named)
    other = {"isbn": theirs, "title": "Die Hexen", "authors": [author("Anders", "Hans")], "hydrated": True}
    assert (await admin.post("/edition", json=other)).status_code == 200
    assert (await admin.post("/edition", json={**other, "isbn": taken_away, "hydrated": False})).status_code == 200
    assert (await admin.patch(f"/edition/{taken_away}", json={"work_id": None})).status_code == 200
    assert (await admin.post("/editions", json=[{"isbn": bare}])).status_code == 200
    kept = {isbn: (await admin.get(f"/edition/{isbn}")).json() for isbn in (theirs, taken_away)}
    assert kept[taken_away]["work_id"] is None
    assert (await admin.post("/edition", json={"isbn": told})).status_code == 200
    assert set(await lab.deliver()) == {204}
    work = (await admin.get(f"/edition/{told}")).json()["work_id"]
    assert {each["isbn"] for each in (await admin.get(f"/work/{work}")).json()["editions"]} == {told, new, bare}
    assert {isbn: (await admin.get(f"/edition/{isbn}")).json() for isbn in kept} == kept
    assert (await admin.get(f"/hydrate/{told}", params={"use_cache": True})).json()["other_isbns"] == named[1:]


async def test_a_book_comes_to_the_work_that_a_sibling_of_its_has(lab: Lab) -> None:
    known, told = new_isbn(), new_isbn()
    admin = await lab.world.admin()
    first = {"isbn": known, "title": "Northern Lights", "authors": [author("Dahl", "Roald")], "hydrated": True}
    work = (await admin.post("/edition", json=first)).json()["work_id"]
    record = open_library_record(told, title="The Golden Compass", isbn_13=[told, known])
    lab.twins.open_library.shelf[told] = record
    assert (await admin.post("/edition", json={"isbn": told})).status_code == 200
    assert set(await lab.deliver()) == {204}
    found = (await admin.get(f"/edition/{told}")).json()
    assert (found["work_id"], found["title"]) == (work, "The Golden Compass")


async def test_a_repeated_delivery_asks_nobody_again_and_changes_nothing(lab: Lab) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn)
    await admin.post("/edition", json={"isbn": isbn})
    (task,) = await lab.tasks()
    assert await lab.deliver() == [204]
    asked, before = lab.twins.asked, (await admin.get(f"/edition/{isbn}")).json()
    assert (await lab.queue.post("/v1/tasks/hydrate", json={"id": str(task.id)})).status_code == 204
    assert (await admin.post("/hydrate", json=[isbn])).json()["queued"] == 1
    assert await lab.deliver() == [204]
    assert lab.twins.asked == asked
    assert (await admin.get(f"/edition/{isbn}")).json() == before


@pytest.mark.parametrize("number", [1, 60])
async def test_the_statements_of_the_effect_do_not_grow_with_the_books(lab: Lab, number: int) -> None:
    isbns = [new_isbn() for _ in range(number)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in isbns}
    lab.twins.open_library.shelf |= {isbn: open_library_record(isbn) for isbn in isbns}
    await lab.sql("SELECT 1")
    school = await library(lab.world)
    await school.change([{"isbn": isbn} for isbn in isbns])
    count = await lab.world.count_statements(lab.deliver())
    assert count - 2 * number <= 60, "two for each request to Nielsen, the rest is fixed"
