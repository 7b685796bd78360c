"""From a sync of unknown ISBNs to books that a child is recommended: each task by its door, seen from outside."""

import random

import pytest

from app.adapters.queue_callers import LocalCallers
from tests.books.catalogue import new_isbn
from tests.collections.shelves import library
from tests.hydration.conftest import Lab
from tests.hydration.twins import google_record, nielsen_record, open_library_record


async def deliver_everything(lab: Lab) -> None:
    """Knock for whatever is due until nothing is pending; what waits for a budget is let ripen."""
    callers = LocalCallers(lab.world.database.settings)
    while pending := await lab.sql("SELECT id, kind FROM tasks WHERE state = 'pending' ORDER BY created_at, id"):
        for task in pending:
            signed = {"Authorization": f"Bearer {callers.sign()}"}  # good for a minute
            answer = await lab.queue.post(f"/v1/tasks/{task.kind}", json={"id": str(task.id)}, headers=signed)
            assert answer.status_code in (204, 409), answer.text
        await lab.ripen()


@pytest.mark.parametrize("number", [120, pytest.param(10_000, marks=pytest.mark.nightly)])
async def test_a_sync_of_unknown_isbns_ends_with_books_that_are_recommended(lab: Lab, number: int) -> None:
    isbns = [new_isbn() for _ in range(number)]
    lab.allow_all(2 * number)
    for place, isbn in enumerate(isbns):
        name = f"Writer{place}"
        if place % 3 == 0:
            lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn, CNF1=f"Ann {name}", ICFN1="Ann", ICKN1=name)
            lab.twins.open_library.shelf[isbn] = open_library_record(isbn)
        elif place % 3 == 1:
            authors = [{"key": f"/authors/OL{place}A", "name": f"Ben {name}"}]
            lab.twins.open_library.shelf[isbn] = open_library_record(isbn, authors=authors, series=[])
        else:
            lab.twins.google_books.shelf[isbn] = google_record(isbn)
    school = await library(lab.world)
    rows = [{"isbn": isbn, "copies_total": 1, "copies_available": 1} for isbn in isbns]
    report = await school.replace(rows)
    assert (report["summary"]["added"], report["summary"]["new_editions"]) == (number, number)
    await deliver_everything(lab)

    admin = await lab.world.admin()
    info = (await admin.get(f"/collection/{await school.id()}/info")).json()
    assert (info["total_editions"], info["hydrated"]) == (number, number)
    assert {state.state for state in await lab.sql("SELECT DISTINCT state FROM tasks")} == {"done"}
    reader = await lab.world.student(await lab.world.class_group(school.school))
    for isbn in random.Random(1).sample(isbns, 40):
        (found,) = (await reader.get("/search", params={"query": isbn})).json()["books"]
        labels = (await admin.get(f"/work/{found['id']}")).json()["labelset"]
        assert labels["recommend_status"] == "GOOD", "somebody has said what it is"
        assert labels["checked"] is None, "no person has"
    asked = {"wriveted_identifier": str(school.school.wriveted_identifier), "age": 8}
    answer = (await reader.post("/recommend", json=asked, params={"limit": 10})).json()
    assert answer["count"] == 10
    assert {book["isbn"] for book in answer["books"]} <= set(isbns)
    assert all(book["available"] for book in answer["books"])
