"""Jobs: one run at a time, on record, whoever calls and however often."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select, text

from app.collections.stale import notice_stale_syncs
from app.core.db import Database
from app.core.errors import Busy
from app.core.outbox import Offer, TaskRow, TaskState, enqueue
from app.core.work import MOST_ATTEMPTS
from app.events.models import Event, EventLevel
from app.events.schemas import ProcessEvent
from app.events.titles import SYNC_IS_STALE
from app.internal_api import JOBS, create_internal_app
from app.search.upkeep import keep_popularity, keep_search
from app.tasks.jobs import SCHEDULE, Job, run
from app.tasks.models import JobOutcome, JobRun
from app.tasks.retention import EXPIRED, retain
from app.tasks.sweep import sweep
from tests.booklists.lists import works
from tests.collections.shelves import isbn, library
from tests.search.definition import check
from tests.tasks.doing import calling
from tests.tasks.measuring import measured
from tests.world import World

DAY = timedelta(days=1)
JOB = Job("retention", every=DAY, tolerance=DAY, longest=timedelta(minutes=1))


@pytest_asyncio.fixture
async def own(fresh_settings: Any) -> AsyncIterator[World]:
    database = Database(fresh_settings)
    yield World(database)
    await database.dispose()


class Heard:
    """A queue that only listens."""

    def __init__(self) -> None:
        self.offers: list[Offer] = []

    async def offer(self, offers: Any) -> None:
        self.offers += offers


async def counted(_: Database) -> Mapping[str, int]:
    return {"seen": 1}


async def failing(_: Database) -> Mapping[str, int]:
    raise ValueError("somebody's name")


async def runs(world: World, job: str = JOB.name) -> list[JobRun]:
    async with world.session() as session:
        query = select(JobRun).where(JobRun.job == job).order_by(JobRun.started_at)
        return list(await session.scalars(query))


def test_every_job_of_the_schedule_is_done_by_something() -> None:
    assert {job.name for job in SCHEDULE} == set(JOBS)
    assert all(job.longest < job.every + job.tolerance for job in SCHEDULE)


async def test_job_that_did_well_a_moment_ago_is_not_run_again(own: World) -> None:
    assert await run(own.database, JOB, counted) == {"seen": 1}
    assert await run(own.database, JOB, counted) is None
    assert [(each.outcome, each.report) for each in await runs(own)] == [(JobOutcome.DONE, {"seen": 1})]


async def test_job_that_failed_is_run_again_and_its_failure_is_on_record(own: World) -> None:
    with pytest.raises(ValueError, match="name"):
        await run(own.database, JOB, failing)
    assert await run(own.database, JOB, counted) == {"seen": 1}
    first, second = await runs(own)
    assert (first.outcome, first.failure, second.outcome) == (JobOutcome.FAILED, "ValueError", JobOutcome.DONE)


async def test_ten_calls_at_once_run_it_once(own: World) -> None:
    began = asyncio.Event()

    async def slow(_: Database) -> Mapping[str, int]:
        began.set()
        await asyncio.sleep(0.3)
        return {}

    calls = [asyncio.create_task(run(own.database, JOB, slow)) for _ in range(5)]
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert answers.count({}) == 1
    assert sum(isinstance(each, Busy) for each in answers) == 4
    assert len(await runs(own)) == 1


async def test_job_that_takes_too_long_is_stopped(own: World) -> None:
    async def endless(_: Database) -> Mapping[str, int]:
        await asyncio.sleep(60)
        return {}

    hasty = Job("retention", every=DAY, tolerance=DAY, longest=timedelta(seconds=0.1))
    with pytest.raises(TimeoutError):
        await run(own.database, hasty, endless)
    assert [each.failure for each in await runs(own)] == ["TimeoutError"]


async def test_run_whose_process_died_is_taken_for_lost(own: World) -> None:
    async with own.session() as session:
        session.add(JobRun(job=JOB.name, outcome=JobOutcome.RUNNING, started_at=datetime.now(UTC) - DAY))
    assert await run(own.database, JOB, counted) == {"seen": 1}
    assert [each.outcome for each in await runs(own)] == [JobOutcome.LOST, JobOutcome.DONE]


async def test_sweep_tells_of_what_no_queue_was_told_of(own: World) -> None:
    async with own.session() as session:
        old, young = await enqueue(session, *(ProcessEvent(event_id=uuid4()) for _ in range(2)), account=None)
    await aged(own, old, minutes=2)
    queue = Heard()
    own.database.queue = queue
    assert await sweep(own.database) == {"offered": 1, "set_aside": 0}
    assert queue.offers == [Offer(old, "process-event", None, 2)]
    assert await sweep(own.database) == {"offered": 0, "set_aside": 0}, "not again at once"
    async with own.session() as session:
        await session.execute(
            text("UPDATE tasks SET offered_at = now() - interval '1 hour' WHERE id = :id"), {"id": old}
        )
    await sweep(own.database)
    assert queue.offers[-1] == Offer(old, "process-event", None, 3)
    assert young not in {each.id for each in queue.offers}


async def test_sweep_sets_aside_what_kills_its_workers(own: World) -> None:
    async with own.session() as session:
        (id_,) = await enqueue(session, ProcessEvent(event_id=uuid4()), account=None)
    async with own.session() as session:
        await session.execute(
            text("UPDATE tasks SET attempts = :n, claim = gen_random_uuid(), claimed_until = now() - interval '1 s'"),
            {"n": MOST_ATTEMPTS},
        )
    assert await sweep(own.database) == {"offered": 0, "set_aside": 1}
    async with own.session() as session:
        row = await session.get(TaskRow, id_)
        assert row is not None
        assert (row.state, row.failure) == (TaskState.SET_ASIDE, "WorkerLost")


async def aged(world: World, id_: Any, *, minutes: int) -> None:
    async with world.session() as session:
        await session.execute(
            text("UPDATE tasks SET due_at = now() - make_interval(mins => :m) WHERE id = :id"),
            {"m": minutes, "id": id_},
        )


async def test_retention_deletes_what_is_over_and_nothing_else(own: World) -> None:
    reader = await own.public_reader()
    async with own.session() as session:
        await session.execute(
            text("""INSERT INTO tasks (id, kind, payload, state, attempts, ended_at)
                    SELECT gen_random_uuid(), 'x', '{}', state, 0, now() - age
                      FROM unnest(ARRAY['done', 'discarded', 'set_aside']) AS state,
                           unnest(ARRAY['1 hour', '8 days', '31 days', '181 days']::interval[]) AS age""")
        )
        await session.execute(
            text("""INSERT INTO events (id, title, description, info, level, timestamp)
                    SELECT gen_random_uuid(), 'Test', '', '{}', 'normal', now() - age
                      FROM unnest(ARRAY['1 hour', '700 days', '761 days']::interval[]) AS age""")
        )
        await session.execute(
            text("""INSERT INTO sign_in_sessions (id, user_id, method, authenticated_at, expires_at, ended_at)
                    VALUES (gen_random_uuid(), :id, 'firebase', now(), now() + interval '1 day', NULL),
                           (gen_random_uuid(), :id, 'firebase', now(), now() - interval '31 days', NULL),
                           (gen_random_uuid(), :id, 'firebase', now(), now(), now() - interval '31 days')"""),
            {"id": reader.id},
        )
        await session.execute(
            text(
                """INSERT INTO spent_tokens (hash, expires_at) VALUES ('a', now()), ('b', now() - interval '2 days')"""
            )
        )
        await session.execute(
            text("""INSERT INTO idempotency_records (subject, operation, key, fingerprint, status, headers, body,
                                                     created_at)
                    VALUES ('s', 'o', 'new', '', 200, '{}', '', now()),
                           ('s', 'o', 'old', '', 200, '{}', '', now() - interval '3 days')""")
        )
        await session.execute(
            text("""INSERT INTO job_runs (id, job, outcome, started_at)
                    VALUES (gen_random_uuid(), 'x', 'done', now() - interval '91 days')""")
        )
        await session.execute(
            text("""INSERT INTO sent_emails (id, template, outcome, created_at)
                    SELECT gen_random_uuid(), 'message', 'sent', now() - age
                      FROM unnest(ARRAY['364 days', '366 days']::interval[]) AS age""")
        )
    await told_and_invited(own, reader.id)
    report = await retain(own.database)
    assert report == {
        "tasks_done": 3,
        "tasks_discarded": 2,
        "tasks_set_aside": 1,
        "job_runs": 1,
        "idempotency_records": 1,
        "spent_tokens": 1,
        "sign_in_sessions": 2,
        "webhook_deliveries": 1,
        "sent_emails": 1,
        "feedback_links": 1,
        "events": 1,
    }
    assert set(report) == set(EXPIRED)
    assert set((await retain(own.database)).values()) == {0}


async def told_and_invited(own: World, reader: Any) -> None:
    """Deliveries to a webhook, and links of feedback: of now, and past their time."""
    school, event = await own.school(), Event(title="Test", level=EventLevel.NORMAL, info={})
    async with own.session() as session:
        session.add(event)
        await session.flush()
        await session.execute(
            text("""WITH hook AS (
                        INSERT INTO webhooks (id, school_id, url, description, events, secret_sealed, is_active)
                        VALUES (gen_random_uuid(), :school, 'https://a.example.com/', '', '{school.updated}', '', true)
                        RETURNING id)
                    INSERT INTO webhook_deliveries (webhook_id, event, data, created_at)
                    SELECT hook.id, 'school.updated', '{}', now() - age
                      FROM hook, unnest(ARRAY['29 days', '31 days']::interval[]) AS age"""),
            {"school": school.wriveted_identifier},
        )
        await session.execute(
            text("""INSERT INTO feedback_links (hash, event_id, supporter_id, reader_id, expires_at)
                    VALUES ('a', :event, :reader, :reader, now()),
                           ('b', :event, :reader, :reader, now() - interval '2 days')"""),
            {"event": event.id, "reader": reader},
        )


async def test_school_that_stopped_to_sync_is_told_of_once(own: World, world: World) -> None:
    schools = [await library(world) for _ in range(2)]
    for each in schools:
        await each.replace([{"isbn": isbn(52_001)}])
    stopped = schools[0].school.wriveted_identifier
    async with world.session() as session:
        await session.execute(
            text("UPDATE events SET timestamp = timestamp - interval '8 days' WHERE school_id = :id"), {"id": stopped}
        )
    first = await notice_stale_syncs(world.database)
    assert first["stale"] >= 1
    assert (await notice_stale_syncs(world.database))["stale"] == 0
    assert await notices(world, stopped) == 1
    assert await notices(world, schools[1].school.wriveted_identifier) == 0
    await schools[0].change([{"isbn": isbn(52_002)}])
    async with world.session() as session:
        await session.execute(
            text("UPDATE events SET timestamp = timestamp - interval '8 days' WHERE school_id = :id"), {"id": stopped}
        )
    assert (await notice_stale_syncs(world.database))["stale"] == 1
    assert await notices(world, stopped) == 2


async def notices(world: World, school_id: Any) -> int:
    async with world.session() as session:
        query = select(Event.id).where(Event.title == SYNC_IS_STALE, Event.school_id == school_id)
        return len(list(await session.scalars(query)))


DAMAGE = (
    "UPDATE work_search SET document = 'wrong'::tsvector WHERE work_id = (SELECT min(work_id) FROM work_search)",
    "DELETE FROM work_search WHERE work_id = (SELECT max(work_id) FROM work_search)",
    "DELETE FROM work_labels",
    "DELETE FROM collection_works WHERE work_id % 2 = 0",
    "UPDATE collection_works SET hues = 7",
    "UPDATE work_holders SET holders = holders + 3",
)


async def test_upkeep_repairs_whatever_has_drifted(own: World) -> None:
    made = await works(own, 12)
    school = await own.school()
    collection = await own.collection(school)
    async with own.session() as session:
        await session.execute(
            text("""INSERT INTO collection_items
                           (collection_id, edition_isbn, sort_title, copies_total, copies_available)
                    SELECT :id, isbn, '', 1, 1 FROM editions WHERE work_id = ANY(:works)"""),
            {"id": collection.id, "works": made},
        )
        await session.execute(
            text("INSERT INTO labelsets (work_id, recommend_status) SELECT unnest(CAST(:works AS int[])), 'GOOD'"),
            {"works": made[:6]},
        )
    quiet = {"documents": 0, "labels": 0, "shelves": 0}
    assert await keep_search(own.database) == quiet
    assert (await keep_popularity(own.database))["holders"] == 0
    with psycopg.connect(own.database.settings.dsn, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in DAMAGE:
            connection.execute(statement.encode())
        found = await keep_search(own.database)
        assert found["documents"] == 2
        assert found["labels"] == 6
        assert found["shelves"] > 0
        assert (await keep_popularity(own.database))["holders"] > 0
        assert await keep_search(own.database) == quiet
        assert (await keep_popularity(own.database))["holders"] == 0
        check(connection)


async def test_jobs_are_called_over_http_and_late_ones_are_measured(own: World) -> None:
    app = create_internal_app(own.database.settings, database=own.database)
    async with calling(app, own.database.settings) as client:
        before = measured((await client.get("/metrics")).text, "wriveted_job_late", "job")
        assert before == {job.name: 1.0 for job in SCHEDULE}
        for job in SCHEDULE:
            answer = await client.post(f"/v1/jobs/{job.name}")
            assert (answer.status_code, answer.json()["ran"]) == (200, True), answer.text
            assert (await client.post(f"/v1/jobs/{job.name}")).json()["ran"] is False
        assert (await client.post("/v1/jobs/nothing")).status_code == 404
        assert (await client.post("/v1/jobs/Nothing!")).status_code in (404, 422)
        assert (await client.post("/v1/jobs/sweep", headers={"Authorization": "Bearer x"})).status_code == 401
        page = await client.get("/metrics")
        assert page.headers["content-type"].startswith("text/plain")
        assert measured(page.text, "wriveted_job_late", "job") == {job.name: 0.0 for job in SCHEDULE}
        families = {family.name: family for family in text_string_to_metric_families(page.text)}
        routes = {sample.labels["route"] for sample in families["wriveted_requests"].samples}
        assert "/v1/jobs/{name}" in routes
        assert not any("retention" in route for route in routes)
