"""What `/metrics` of the internal API shows of labelling, e-mail and webhooks; and what the runbook says of it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from app.core.db import Database
from app.internal_api import MEASURES, create_internal_app
from tests.booklists.lists import works
from tests.tasks.measuring import measured
from tests.world import World

RUNBOOK = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
LABELS = {"kind", "failure", "job", "provider", "asked", "labeller", "outcome", "labels", "state"}
"""All that gauges are told apart by: none names somebody, or grows with the number of schools."""
LOOKED_AT = """
    INSERT INTO labelling_runs (work_id, task_id, labeller, model, outcome, input_tokens, output_tokens, cost, at)
    VALUES (1, gen_random_uuid(), 'openai', 'm', 'labelled', 1000, 500, 0.007, now()),
           (2, gen_random_uuid(), 'openai', 'n', 'labelled', 2000, 700, 0.011, now()),
           (3, gen_random_uuid(), 'openai', 'm', 'refused', 900, 10, 0.002, now()),
           (3, gen_random_uuid(), 'local', 'rules', 'labelled', 0, 0, 0, now()),
           (4, gen_random_uuid(), 'openai', 'm', 'labelled', 9, 9, 9, date_trunc('day', now()) - interval '1 s')
"""
SENT = """
    INSERT INTO sent_emails (id, template, outcome, created_at)
    SELECT gen_random_uuid(), 'message', outcome, at
      FROM (VALUES ('sent', now()), ('sent', now()), ('refused', now()),
                   ('withheld', date_trunc('day', now()) - interval '1 s')) AS e(outcome, at)
"""
REGISTERED = """
    INSERT INTO webhooks
           (id, school_id, url, description, events, secret_sealed, is_active, switched_off_reason, failures)
    SELECT gen_random_uuid(), :school, 'https://library.example.com/', '', '{school.updated}', '', on_, why, failures
      FROM (VALUES (true, NULL, 0), (true, NULL, 0), (true, NULL, 3), (false, 'gone', 1), (false, NULL, 0))
        AS w(on_, why, failures)
"""
TOLD = """
    INSERT INTO webhook_deliveries (webhook_id, event, data, state, attempts, created_at)
    SELECT (SELECT min(id::text)::uuid FROM webhooks), 'school.updated', '{}', state, attempts, at
      FROM (VALUES ('delivered', 1, now()), ('delivered', 3, now()), ('failed', 10, now()), ('pending', 0, now()),
                   ('failed', 10, date_trunc('day', now()) - interval '1 s')) AS d(state, attempts, at)
"""


@pytest_asyncio.fixture
async def own(fresh_settings: Any) -> AsyncIterator[World]:
    database = Database(fresh_settings)
    app = create_internal_app(fresh_settings, database=database)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://internal") as client:
        yield World(database, client)
    await database.dispose()


async def shown(world: World) -> str:
    answer = await world.http.get("/metrics")
    assert answer.status_code == 200
    return answer.text


async def done(world: World, *statements: str, **values: Any) -> None:
    async with world.session() as session:
        for statement in statements:
            await session.execute(text(statement), values)


async def test_labellings_of_today_are_shown_with_what_they_cost(own: World) -> None:
    await done(own, LOOKED_AT)
    page = await shown(own)
    by = ("labeller", "outcome")
    for name, model, refused in (
        ("wriveted_labellings", 2, 1),
        ("wriveted_labelling_input_tokens", 3000, 900),
        ("wriveted_labelling_output_tokens", 1200, 10),
        ("wriveted_labelling_dollars", 0.018, 0.002),
    ):
        rules = 1 if name == "wriveted_labellings" else 0
        expected = {"openai labelled": model, "openai refused": refused, "local labelled": rules}
        assert measured(page, name, *by) == expected, name


async def test_held_works_that_nobody_checked_are_counted_until_somebody_does(own: World) -> None:
    made = await works(own, 6)
    collection = await own.collection(await own.school())
    held = """
        INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)
        SELECT :id, isbn, '', 1, 1 FROM editions WHERE work_id = ANY(:works)
    """
    labelled = "INSERT INTO labelsets (work_id, recommend_status) SELECT unnest(CAST(:works AS int[])), 'GOOD'"
    await done(own, held, id=collection.id, works=made[:5])
    await done(own, labelled, works=[made[0], made[1], made[5]])
    assert measured(await shown(own), "wriveted_works_unchecked", "labels") == {"none": 3, "some": 2}
    await done(own, "UPDATE labelsets SET checked = work_id = :work", work=made[0])
    assert measured(await shown(own), "wriveted_works_unchecked", "labels") == {"none": 3, "some": 1}


async def test_emails_of_today_are_shown_by_what_became_of_them(own: World) -> None:
    await done(own, SENT)
    assert measured(await shown(own), "wriveted_emails", "outcome") == {"sent": 2, "refused": 1}


async def test_webhooks_and_what_they_were_told_today_are_shown_by_their_state(own: World) -> None:
    school = await own.school()
    await done(own, REGISTERED, TOLD, school=school.wriveted_identifier)
    page = await shown(own)
    assert measured(page, "wriveted_webhooks", "state") == {"well": 2, "failing": 1, "switched_off": 1}
    assert measured(page, "wriveted_webhook_deliveries", "state") == {"delivered": 2, "failed": 1, "pending": 1}
    assert measured(page, "wriveted_webhook_attempts", "state") == {"delivered": 4, "failed": 10, "pending": 0}
    assert str(school.wriveted_identifier) not in page
    assert "library.example.com" not in page


async def test_each_group_is_asked_for_by_one_statement_whatever_it_finds(own: World) -> None:
    await shown(own)
    assert await own.count_statements(shown(own)) == len(MEASURES)
    school = await own.school()
    await done(own, LOOKED_AT, SENT, REGISTERED, TOLD, school=school.wriveted_identifier)
    assert await own.count_statements(shown(own)) == len(MEASURES)


async def test_the_runbook_says_of_every_gauge_when_to_tell_somebody(own: World) -> None:
    shown_ = {family.name for family in text_string_to_metric_families(await shown(own))}
    for measure in MEASURES:
        assert set(measure.labels) <= LABELS
        for name in measure.gauges:
            assert name in shown_
            assert f"`{name}{{{','.join(measure.labels)}}}`" in RUNBOOK
