"""What the review queue keeps of each work, held to its plain definition."""

import asyncio
import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.labelling.review import keep_reviews
from tests.books.catalogue import one
from tests.labelling.labelling import Deliver, a_work
from tests.labelling.test_labelling import hold, queue_of
from tests.world import World

MATTERS = {"hues": 40, "age": 30, "reading_ability": 20, "summary": 10}
UNSURE = {
    "HUMAN": "0",
    "CLUSTER_RELEVANCE": "0.4",
    "CLUSTER_ZAINAB": "0.4",
    "NIELSEN_CBMC": "0.2",
    "NIELSEN_BIC": "0.2",
    "NIELSEN_THEMA": "0.2",
    "NIELSEN_IA": "0.3",
    "NIELSEN_RA": "0.3",
    "PREDICTED_NIELSEN": "0.5",
    "OTHER": "0.5",
}
JUDGING = ("VERTEXAI", "GPT4", "RULES")
FEW = st.integers(1, 3)
STATEMENTS = (
    "INSERT INTO works (id, type, title, match_title) VALUES (%(w)s, 'book', 'x', 'x') ON CONFLICT DO NOTHING",
    "DELETE FROM works WHERE id = %(w)s",
    """INSERT INTO labelsets (id, work_id, hue_origin) SELECT id, id, %(o)s FROM works WHERE id >= %(w)s
       ON CONFLICT (work_id) DO UPDATE SET hue_origin = excluded.hue_origin""",
    "DELETE FROM labelsets WHERE work_id = %(w)s",
    "UPDATE labelsets SET age_origin = %(o)s, min_age = %(n)s WHERE work_id <= %(w)s",
    "UPDATE labelsets SET reading_ability_origin = %(o)s WHERE work_id <= %(w)s",
    "UPDATE labelsets SET summary_origin = %(o)s, huey_summary = %(t)s WHERE work_id = %(w)s",
    "UPDATE labelsets SET checked = %(c)s WHERE work_id = %(w)s",
    """INSERT INTO labelset_hues (labelset_id, ordinal, hue_id) SELECT id, 'primary', (SELECT max(id) FROM hues)
         FROM labelsets WHERE id >= %(w)s ON CONFLICT DO NOTHING""",
    "DELETE FROM labelset_hues WHERE labelset_id = %(w)s",
    """INSERT INTO labelset_reading_abilities (labelset_id, reading_ability_id)
       SELECT id, (SELECT min(id) FROM reading_abilities) FROM labelsets WHERE id <= %(w)s ON CONFLICT DO NOTHING""",
    "DELETE FROM labelset_reading_abilities WHERE labelset_id = %(w)s",
    """INSERT INTO labelling_runs
              (work_id, task_id, labeller, model, outcome, input_tokens, output_tokens, cost, certainty)
       SELECT %(w)s, gen_random_uuid(), 'x', 'y', 'labelled', 0, 0, 0,
              CASE WHEN %(t)s::text IS NOT NULL THEN jsonb_build_object('hues', %(s)s::numeric, 'age', 0.9) END""",
)
STEP = st.tuples(
    st.sampled_from(STATEMENTS),
    st.fixed_dictionaries(
        {
            "w": FEW,
            "o": st.none() | st.sampled_from([*UNSURE, *JUDGING]),
            "n": st.none() | st.integers(3, 12),
            "t": st.none() | st.just("A ghost."),
            "c": st.none() | st.booleans(),
            "s": st.sampled_from(["0", "0.3", "0.7", "0.99", "1"]),
        }
    ),
)
SAID = """
SELECT w.id, l.checked, l.hue_origin, l.age_origin, l.reading_ability_origin, l.summary_origin,
       EXISTS (SELECT FROM labelset_hues WHERE labelset_id = l.id), num_nonnulls(l.min_age, l.max_age) > 0,
       EXISTS (SELECT FROM labelset_reading_abilities WHERE labelset_id = l.id), l.huey_summary IS NOT NULL,
       (SELECT certainty::text::jsonb FROM labelling_runs
         WHERE work_id = w.id AND certainty IS NOT NULL ORDER BY id DESC LIMIT 1)
  FROM works w LEFT JOIN labelsets l ON l.work_id = w.id
"""
Connection = psycopg.Connection[Any]


def doubts(connection: Connection) -> dict[int, int]:
    """How much doubt there is about each work, one group after the other."""
    found = {}
    for work, checked, *rest in connection.execute(SAID).fetchall():
        origins, there, certainty = rest[:4], rest[4:8], rest[8] or {}
        total = Fraction(0)
        for group, origin, is_there in zip(MATTERS, origins, there, strict=True):
            if not is_there or origin is None or checked is False:
                unsure = Fraction(1)
            elif checked:
                unsure = Fraction(0)
            elif origin in JUDGING:
                unsure = 1 - Fraction(str(certainty.get(group, "0.4")))
            else:
                unsure = Fraction(UNSURE[origin])
            total += MATTERS[group] * unsure
        found[work] = math.ceil(total)
    return found


@pytest.fixture(scope="module")
def connection(make_database: Callable[[], str]) -> Iterator[Connection]:
    """A database of two works; whatever an example writes is undone."""
    with psycopg.connect(make_database()) as connection:
        connection.execute(
            "INSERT INTO works (id, type, title, match_title) SELECT n, 'book', '', '' FROM generate_series(1, 2) AS n"
        )
        connection.commit()
        yield connection


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=25))
def test_doubts_are_what_they_have_to_be_after_any_writes(connection: Connection, steps: list[Any]) -> None:
    try:
        for statement, values in steps:
            connection.execute(statement.encode(), values)
            assert dict(connection.execute("SELECT work_id, doubt FROM label_reviews").fetchall()) == doubts(connection)
    finally:
        connection.rollback()


async def test_upkeep_counts_libraries_and_repairs_doubts(world: World) -> None:
    admin = await world.admin()
    work = await a_work(admin)
    await keep_reviews(world.database)
    assert await keep_reviews(world.database) == {"counted": 0, "doubts": 0}
    await hold(world, work["isbn"], libraries=2)
    assert await queue_of(admin, work["id"]) == []
    assert (await keep_reviews(world.database))["counted"] == 1
    (found,) = await queue_of(admin, work["id"])
    assert (found["libraries"], found["doubt"], found["weight"]) == (2, 100, 200)
    async with world.session() as session:
        await (await session.connection()).exec_driver_sql("DELETE FROM label_reviews WHERE work_id = " + work["id"])
    assert await keep_reviews(world.database) == {"counted": 1, "doubts": 0}
    async with world.session() as session:
        await (await session.connection()).exec_driver_sql(
            "UPDATE label_reviews SET doubt = 7 WHERE work_id = " + work["id"]
        )
    assert await keep_reviews(world.database) == {"counted": 0, "doubts": 1}
    assert await queue_of(admin, work["id"]) == [found]


async def test_upkeep_waits_for_nobody_and_overwrites_nobody(world: World) -> None:
    admin = await world.admin()
    work = await a_work(admin)
    await hold(world, work["isbn"], libraries=1)
    async with world.database.transaction() as labelling:
        await labelling.driver.execute(
            "INSERT INTO labelsets (work_id, age_origin, min_age) VALUES (%s, 'HUMAN', 7)", [int(work["id"])]
        )
        await asyncio.wait_for(keep_reviews(world.database), 5)
    assert await one(world, "SELECT doubt FROM label_reviews WHERE work_id = :id", id=int(work["id"])) == 70
    await keep_reviews(world.database)
    (found,) = await queue_of(admin, work["id"])
    assert (found["weight"], found["missing"]) == (70, ["hues", "reading_ability", "summary"])


async def test_pages_meet_every_work_once_in_one_order(world: World, deliver: Deliver) -> None:
    admin = await world.admin()
    works = [await a_work(admin, keywords="ghosts; detective", pages="150") for _ in range(7)]
    for place, work in enumerate(works):
        await hold(world, work["isbn"], libraries=1 + place % 2)
    await deliver(*(work["id"] for work in works[:3]))
    await keep_reviews(world.database)
    ids = [work["id"] for work in works]
    whole = await queue_of(admin, *ids)
    assert len(whole) == len(works)
    assert whole == sorted(whole, key=lambda each: (-each["weight"], int(each["work_id"])))
    assert all(each["weight"] == each["libraries"] * each["doubt"] for each in whole)
    for limit in (1, 2, 3):
        assert await queue_of(admin, *ids, limit=limit) == whole
    every = (await admin.get("/labelsets/review", params={"limit": 1000})).json()["data"]
    for skip in (0, 1, 3):
        page = (await admin.get("/labelsets/review", params={"limit": 3, "skip": skip})).json()["data"]
        assert page == every[skip : skip + 3]
