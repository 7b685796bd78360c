"""Providers that are down, slow, busy or lie: nothing is half written, nobody waits long, and the rest goes on."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from app.adapters import egress
from app.core.config import Settings
from app.hydration import asking
from app.hydration.providers import Budget
from app.internal_api import create_internal_app
from app.main import create_public_app
from tests.books.catalogue import new_isbn, stored
from tests.collections.shelves import library
from tests.conftest import settings_for
from tests.hydration.conftest import Lab
from tests.hydration.twins import HTML, JSON, XML, google_record, nielsen_record, open_library_record

DOWN = [
    (503, HTML, "<h1>Service Unavailable</h1>"),
    (500, HTML, ""),
    (401, HTML, "who are you"),
    (302, HTML, "login"),
    (200, HTML, "<html><body>Please log in<br></body>"),
    (200, XML, "<response></response>"),
    (200, JSON, "{"),
    (200, XML, '<!DOCTYPE r [<!ENTITY a "aaaa">]><response><resultCode>00</resultCode><data>&a;</data></response>'),
    (200, XML, "x" * (1024 * 1024 + 1)),
]


async def wanted(lab: Lab, *isbns: str) -> Any:
    """An admin who had these looked up."""
    admin = await lab.world.admin()
    assert (await admin.post("/hydrate", json=list(isbns))).status_code == 200
    return admin


async def state_of(lab: Lab, provider: str) -> Any:
    (row,) = await lab.sql(
        "SELECT failures, open_until > now() AS is_resting, tokens FROM provider_states WHERE provider = :provider",
        provider=provider,
    )
    return row


async def hydrated(lab: Lab) -> set[str]:
    return {f"{isbn:013}" for (isbn,) in await lab.sql("SELECT isbn FROM editions WHERE hydrated")}


@pytest.mark.parametrize("code", ["01", "02", "03", "99"])
async def test_a_result_code_of_nielsen_postpones_the_task_and_writes_nothing(lab: Lab, code: str) -> None:
    isbn = new_isbn()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn)
    lab.twins.open_library.shelf[isbn] = open_library_record(isbn)
    school = await library(lab.world)
    await school.change([{"isbn": isbn}])
    lab.twins.nielsen.code = code
    before = await stored(lab.world, isbn)
    assert await lab.deliver() == [503]
    (task,) = await lab.tasks()
    assert (task.state, task.failure, task.is_due) == ("pending", "unavailable", False)
    assert await stored(lab.world, isbn) == before
    assert await lab.sql("SELECT FROM works UNION ALL SELECT FROM labelsets") == []
    assert lab.twins.open_library.asked == [], "what others know would hide what is missing"
    lab.twins.nielsen.code = "00"
    await lab.ripen()
    assert await lab.deliver() == [204]
    assert (await stored(lab.world, isbn))["title"] == f"Twits {isbn}"


@pytest.mark.parametrize("answer", DOWN[:4], ids=lambda answer: str(answer[0]))
async def test_a_provider_that_is_down_postpones_the_task(lab: Lab, answer: Any) -> None:
    isbn = new_isbn()
    school = await library(lab.world)
    await school.change([{"isbn": isbn}])
    lab.twins.nielsen.instead = answer
    assert await lab.deliver() == [503]
    assert await hydrated(lab) == set()
    assert (await state_of(lab, "nielsen")).failures == 1


@pytest.mark.parametrize("answer", DOWN[4:8], ids=["login", "no code", "JSON", "entities"])
async def test_nonsense_costs_one_isbn_its_nielsen_data_and_counts_as_a_failure(lab: Lab, answer: Any) -> None:
    isbn = new_isbn()
    lab.twins.open_library.shelf[isbn] = open_library_record(isbn)
    await wanted_edition(lab, isbn)
    lab.twins.nielsen.instead = answer
    assert await lab.deliver() == [204]
    assert (await stored(lab.world, isbn))["title"] == f"Fantastic Mr. Fox {isbn}"
    assert (await state_of(lab, "nielsen")).failures == 1
    ((status,),) = await lab.sql("SELECT status FROM provider_answers WHERE provider = 'nielsen'")
    assert status == "unreadable"


async def wanted_edition(lab: Lab, *isbns: str) -> None:
    school = await library(lab.world)
    await school.change([{"isbn": isbn} for isbn in isbns])


async def test_too_large_an_answer_is_a_failure(lab: Lab) -> None:
    await wanted_edition(lab, new_isbn())
    lab.twins.nielsen.instead = DOWN[8]
    assert await lab.deliver() == [503]


async def test_one_bad_isbn_does_not_spoil_its_batch(lab: Lab) -> None:
    bad, good = new_isbn(), [new_isbn() for _ in range(8)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in good}
    lab.twins.nielsen.shelf[bad] = nielsen_record(new_isbn())
    lab.twins.open_library.shelf[good[0]] = open_library_record(new_isbn())
    lab.twins.google_books.shelf[good[1]] = google_record(new_isbn())
    await wanted_edition(lab, bad, *good)
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == set(good)
    statuses = await lab.sql("SELECT isbn, provider FROM provider_answers WHERE status = 'unreadable'")
    assert {(f"{isbn:013}", provider) for isbn, provider in statuses} == {
        (bad, "nielsen"),
        (good[0], "open-library"),
    }, "another book's record is nobody's data, and Google's search finds books that only mention an ISBN"


@pytest.mark.parametrize(
    "record", [{"details": None}, {"details": {"title": ["x"], "authors": "Dahl"}}, {"details": 7}]
)
async def test_shapes_that_nobody_promised_break_nothing(lab: Lab, record: Any) -> None:
    isbn = new_isbn()
    lab.twins.open_library.shelf[isbn] = record
    lab.twins.google_books.shelf[isbn] = google_record(isbn, authors=None, imageLinks="x", categories={}, title=None)
    await wanted_edition(lab, isbn)
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == set()


async def test_a_failure_for_some_leaves_those_to_a_task_of_their_own(lab: Lab) -> None:
    good, bad = new_isbn(), new_isbn()
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in (good, bad)}
    answer = lab.twins.nielsen.answer

    def failing_for_one(twin: Any, query: Any) -> Any:
        return (500, HTML, "") if query["value0"] == bad else answer(twin, query)

    lab.twins.nielsen.answer = failing_for_one
    await wanted_edition(lab, good, bad)
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == {good}
    _, later = await lab.tasks()
    assert (later.state, later.payload, later.is_due) == ("pending", {"isbns": [bad]}, False)


async def test_a_provider_that_keeps_failing_has_a_rest_and_then_one_request_tries(lab: Lab) -> None:
    isbns = [new_isbn() for _ in range(12)]
    await wanted_edition(lab, *isbns)
    lab.twins.nielsen.instead = DOWN[0]
    assert await lab.deliver() == [503]
    assert len(lab.twins.nielsen.asked) == asking.MOST_FAILURES, "the circuit opens, and nobody else is tried"
    assert (await state_of(lab, "nielsen")).is_resting
    await lab.ripen()
    assert await lab.deliver() == [503]
    assert len(lab.twins.nielsen.asked) == asking.MOST_FAILURES
    (event,) = await lab.sql("SELECT level, info FROM events WHERE title = 'Hydration: Nielsen API error'")
    assert (event.level, event.info["reason"]) == ("warning", "http_503")

    await lab.sql("UPDATE provider_states SET open_until = now()")
    await lab.ripen()
    assert await lab.deliver() == [503]
    assert len(lab.twins.nielsen.asked) == asking.MOST_FAILURES + 1
    assert (await state_of(lab, "nielsen")).is_resting
    lab.twins.nielsen.instead = None
    await lab.sql("UPDATE provider_states SET open_until = now()")
    await lab.ripen()
    assert await lab.deliver() == [204]
    assert (await state_of(lab, "nielsen")).failures == 0


async def test_a_slow_provider_holds_no_transaction_and_no_connection(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    await wanted_edition(lab, new_isbn())
    lab.twins.nielsen.pause = 0.5
    monkeypatch.setattr(egress, "TOTAL_SECONDS", 1.0)
    delivering = asyncio.create_task(lab.deliver())
    await asyncio.sleep(0.25)
    assert len(lab.twins.nielsen.asked) == 1
    open_ = await lab.sql(
        "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND state <> 'idle'"
    )
    assert open_ == []
    assert await delivering == [204]


async def test_a_provider_that_does_not_answer_is_given_up_in_time(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    await wanted_edition(lab, new_isbn())
    lab.twins.nielsen.pause = 30
    monkeypatch.setattr(egress, "TOTAL_SECONDS", 0.3)
    started = asyncio.get_running_loop().time()
    assert await lab.deliver() == [503]
    assert asyncio.get_running_loop().time() - started < 2
    for twin in (lab.twins.nielsen, lab.twins.open_library):
        twin.pause = 0


@pytest.mark.parametrize("says", ["50", "429"])
async def test_a_busy_provider_is_asked_again_when_it_says_without_an_attempt_being_lost(lab: Lab, says: str) -> None:
    isbn = new_isbn()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn)
    await wanted_edition(lab, isbn)
    if says == "50":
        lab.twins.nielsen.code = "50"
    else:
        lab.twins.nielsen.instead, lab.twins.nielsen.headers = (429, HTML, ""), "Retry-After: 120\r\n"
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == set()
    done, later = await lab.tasks()
    assert (done.state, later.state, later.payload["isbns"], later.is_due) == ("done", "pending", [isbn], False)
    await lab.ripen()
    assert await lab.deliver() == [204]
    assert len(lab.twins.nielsen.asked) == 1, "until then it is left alone"
    lab.twins.nielsen.code, lab.twins.nielsen.instead = "00", None
    await lab.sql("UPDATE provider_states SET open_until = now()")
    await lab.ripen()
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == {isbn}
    assert len(await lab.sql("SELECT FROM events WHERE title = 'Hydration: Nielsen rate limit error'")) == 1


async def test_a_budget_that_is_used_up_leaves_the_rest_to_a_later_task(lab: Lab) -> None:
    isbns = [new_isbn() for _ in range(5)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in isbns}
    lab.allow(3)
    await wanted_edition(lab, *isbns)
    assert await lab.deliver() == [204]
    assert len(lab.twins.nielsen.asked) == 3
    assert len(await hydrated(lab)) == 3
    done, later = await lab.tasks()
    assert (done.state, later.state, later.is_due) == ("done", "pending", False)
    assert set(later.payload["isbns"]) == set(isbns) - await hydrated(lab)


async def test_a_budget_that_comes_back_in_a_moment_is_waited_for(lab: Lab) -> None:
    isbns = [new_isbn() for _ in range(3)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in isbns}
    lab.apps[1].state.providers[0].budget = Budget(2, timedelta(seconds=1), burst=1)
    await wanted_edition(lab, *isbns)
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == set(isbns)


async def test_budgets_are_shared_by_all_who_ask_at_once_and_connections_are_not_held(lab: Lab) -> None:
    isbns = [new_isbn() for _ in range(30)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in isbns}
    lab.twins.nielsen.pause = 0.3
    lab.allow(25)
    admin = await lab.world.admin()
    answers = await asyncio.gather(*(admin.get(f"/hydrate/{isbn}") for isbn in isbns))
    assert sorted(answer.status_code for answer in answers) == [200] * 25 + [429] * 5
    assert len(lab.twins.nielsen.asked) == 25


async def test_what_nobody_knows_is_not_asked_again_for_a_while(lab: Lab) -> None:
    isbn = new_isbn()
    await wanted_edition(lab, isbn)
    assert await lab.deliver() == [204]
    assert lab.twins.asked == 3
    await wanted(lab, isbn)
    assert await lab.deliver() == [204]
    assert lab.twins.asked == 3
    await lab.sql("UPDATE provider_answers SET expires_at = now() - interval '1 day'")
    await wanted(lab, isbn)
    assert await lab.deliver() == [204]
    assert lab.twins.asked == 6


async def test_answers_that_came_before_a_failure_are_not_asked_for_again(lab: Lab) -> None:
    isbns = [new_isbn() for _ in range(3)]
    lab.twins.nielsen.shelf |= {isbn: nielsen_record(isbn) for isbn in isbns}
    await wanted_edition(lab, *isbns)
    lab.twins.open_library.instead = DOWN[0]
    assert await lab.deliver() == [503]
    assert await hydrated(lab) == set()
    lab.twins.open_library.instead = None
    await lab.ripen()
    assert await lab.deliver() == [204]
    assert await hydrated(lab) == set(isbns)
    assert len(lab.twins.nielsen.asked) == 3


async def test_both_applications_start_and_answer_without_the_internet(settings: Settings) -> None:
    """Names that nobody resolves, and providers that are nowhere: nothing is asked before it is needed."""
    away = settings_for(settings.dsn, WRIVETED_HYDRATION_PROVIDERS="open-library,google-books")
    for create in (create_public_app, create_internal_app):
        app = create(away)
        assert [each.name for each in app.state.providers] == ["open-library", "google-books"]
        await app.state.egress.close()
