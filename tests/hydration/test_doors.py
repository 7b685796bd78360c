"""The doors of admins: what is known about an ISBN, and having books looked up."""

from datetime import UTC, datetime

import pytest

from app.adapters import egress
from app.hydration import service
from tests.books.catalogue import hyphenated, new_isbn, stored
from tests.collections.shelves import library
from tests.hydration.conftest import Lab
from tests.hydration.twins import HTML, google_record, nielsen_record, open_library_record


async def test_admin_sees_what_providers_know_and_nothing_is_stored(lab: Lab) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn, SN="Roald Dahl Fiction", NWS="No. 4")
    lab.twins.open_library.shelf[isbn] = open_library_record(isbn)
    answer = await admin.get(f"/hydrate/{hyphenated(isbn)}")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert (told["isbn"], told["title"], told["leading_article"]) == (isbn, f"Twits {isbn}", "The")
    assert (told["series_name"], told["series_number"]) == ("Roald Dahl Fiction", "4")
    assert told["authors"] == [{"first_name": "Roald", "last_name": "Dahl"}]
    assert told["cover_url"] == "https://covers.openlibrary.org/b/id/8739161-L.jpg"
    assert told["labelset"]["age_origin"] == "NIELSEN_CBMC"
    assert told["raw"]["nielsen"]["TL"] == f"Twits {isbn}"
    assert told["raw"].keys() == {"nielsen", "open-library"}
    assert told["hydrated_on"] is None
    assert await lab.sql("SELECT FROM editions UNION ALL SELECT FROM works UNION ALL SELECT FROM events") == []


async def test_admin_has_one_isbn_taken_over_at_once(lab: Lab) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.google_books.shelf[isbn] = google_record(isbn)
    answer = await admin.get(f"/hydrate/{isbn}", params={"dry": False})
    assert answer.status_code == 200, answer.text
    assert datetime.fromisoformat(answer.json()["hydrated_on"]) <= datetime.now(UTC)
    edition = (await admin.get(f"/edition/{isbn}")).json()
    assert (edition["title"], edition["subtitle"]) == (f"The Google Story {isbn}", "Inside")
    assert [each["last_name"] for each in edition["authors"]] == ["Vise", "Malseed"]
    labels = (await admin.get(f"/work/{edition['work_id']}")).json()["labelset"]
    assert (labels["huey_summary"], labels["summary_origin"]) == ("The definitive account.", "OTHER")
    assert labels["recommend_status_origin"] is None, "nobody who classes books has judged it"


async def test_an_answer_that_was_kept_is_used_only_if_asked(lab: Lab) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn)
    for use_cache, asked in ((False, 3), (True, 3), (False, 6)):
        assert (await admin.get(f"/hydrate/{isbn}", params={"use_cache": use_cache})).status_code == 200
        assert lab.twins.asked == asked


async def test_what_nobody_knows_is_404(lab: Lab) -> None:
    admin = await lab.world.admin()
    answer = await admin.get(f"/hydrate/{new_isbn()}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await admin.get("/hydrate/123")).status_code == 422


@pytest.mark.parametrize("dry", [True, False])
async def test_a_provider_that_is_away_is_503_and_one_that_is_busy_429(lab: Lab, dry: bool) -> None:
    isbn, admin = new_isbn(), await lab.world.admin()
    lab.twins.nielsen.instead = (500, HTML, "")
    answer = await admin.get(f"/hydrate/{isbn}", params={"dry": dry})
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    assert "s3cret" not in answer.text
    lab.twins.nielsen.instead, lab.twins.nielsen.code = None, "50"
    answer = await admin.get(f"/hydrate/{isbn}", params={"dry": dry})
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert int(answer.headers["retry-after"]) >= 1
    assert await lab.sql("SELECT FROM editions") == []


async def test_nobody_waits_for_all_providers_to_be_slow(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    assert service.LONGEST_LOOK + 1 < egress.TOTAL_SECONDS * 2
    monkeypatch.setattr(service, "LONGEST_LOOK", 0.2)
    lab.twins.nielsen.pause = 2
    answer = await (await lab.world.admin()).get(f"/hydrate/{new_isbn()}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


async def test_the_backlog_is_queued_by_how_many_schools_hold_a_book(lab: Lab) -> None:
    admin = await lab.world.admin()
    none, one, two, three, gone, known, vain = (new_isbn() for _ in range(7))
    await admin.post("/edition", json={"isbn": known, "title": "Known", "hydrated": True})
    await admin.post("/edition", json={"isbn": none})
    schools = [await library(lab.world) for _ in range(3)]
    for number, school in enumerate(schools):
        held = [three, known, vain, gone, *([two] if number < 2 else []), *([one] if number == 2 else [])]
        await school.change([{"isbn": isbn} for isbn in held])
        await school.change([{"isbn": gone, "action": "remove"}])
    await lab.sql(
        "INSERT INTO provider_answers (isbn, provider, status, expires_at)"
        " VALUES (:isbn, 'nielsen', 'unknown', now() + interval '1 day')",
        isbn=int(vain),
    )
    await lab.sql("DELETE FROM tasks")
    answer = await admin.post("/hydrate", params={"limit": 3})
    assert answer.json() == {"msg": "Queued 3 editions for hydration.", "queued": 3, "tasks": 1}
    (task,) = await lab.tasks()
    assert set(task.payload["isbns"]) == {three, two, one}
    await lab.sql("DELETE FROM tasks")
    assert (await admin.post("/hydrate", json=[])).json()["queued"] == 5
    asked = {isbn for task in await lab.tasks() for isbn in task.payload["isbns"]}
    assert asked == {three, two, one, none, gone}


async def test_isbns_that_are_named_are_queued_also_where_they_are_hydrated(lab: Lab) -> None:
    isbn, unknown, admin = new_isbn(), new_isbn(), await lab.world.admin()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn, TL="Matilda", LA="")
    told = {"isbn": isbn, "title": "Matilda", "hydrated": True}
    work = (await admin.post("/edition", json=told)).json()["work_id"]
    answer = await admin.post("/hydrate", json=[hyphenated(isbn), isbn, unknown])
    assert answer.json()["queued"] == 2
    await lab.deliver()
    assert (await admin.get(f"/work/{work}")).json()["labelset"]["age_origin"] == "NIELSEN_CBMC"
    assert (await stored(lab.world, isbn))["title"] == "Matilda"
    assert (await admin.get(f"/edition/{unknown}")).status_code == 404


async def test_what_is_no_isbn_is_pointed_at_and_nothing_is_queued(lab: Lab) -> None:
    admin = await lab.world.admin()
    answer = await admin.post("/hydrate", json=[new_isbn(), "12345"])
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/1"]
    for limit in (0, -1, 5001):
        assert (await admin.post("/hydrate", json=[], params={"limit": limit})).status_code == 422
    assert await lab.tasks() == []


async def test_a_retried_request_queues_once(lab: Lab) -> None:
    admin, isbn = await lab.world.admin(), new_isbn()
    for _ in range(2):
        answer = await admin.post("/hydrate", json=[isbn], headers={"Idempotency-Key": "once"})
        assert answer.json()["tasks"] == 1
    assert len(await lab.tasks()) == 1


async def test_only_admins_may_look_or_queue(lab: Lab) -> None:
    school = await lab.world.school()
    group = await lab.world.class_group(school)
    others = [
        await lab.world.lms(school),
        await lab.world.educator(school),
        await lab.world.school_admin(school),
        await lab.world.student(group),
        await lab.world.service("kiosk", school),
    ]
    for other in others:
        for answer in (await other.post("/hydrate", json=[new_isbn()]), await other.get(f"/hydrate/{new_isbn()}")):
            assert (answer.status_code, answer.json()["permission"]) == (403, "update")
    assert (await lab.world.http.get(f"/v1/hydrate/{new_isbn()}")).status_code == 401
    key = await lab.world.key(await lab.world.service("backend"))
    assert (await key.get(f"/hydrate/{new_isbn()}", params={"dry": False})).json()["code"] == "scope_missing"
    assert lab.twins.asked == 0


async def test_the_door_of_the_queue_is_closed_to_others(lab: Lab) -> None:
    await (await lab.world.admin()).post("/hydrate", json=[new_isbn()])
    (task,) = await lab.tasks()
    answer = await lab.queue.post("/v1/tasks/hydrate", json={"id": str(task.id)}, headers={"Authorization": "Bearer x"})
    assert answer.status_code == 401
    assert lab.twins.asked == 0
