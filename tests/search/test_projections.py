"""The projections are what they have to be after any writes, whoever made them."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.core.text import fold
from tests.search.definition import check

TITLES = ("Matilda", "Où est Spot?", "Дикие места", "O'Neill \\ said", "The BFG", "मटिल्डा", "?!", "It's 1984")
NAMES = (("Roald", "Dahl"), (None, "Homer"), ("Antoine", "de Saint-Exupéry"), ("J.K.", "Rowling"))
FEW = st.integers(0, 3)
Step = tuple[Any, ...]

work, edition, collection, author, series = (st.tuples(st.just(name), FEW) for name in "wecas")


def step(statement: str, **values: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return st.tuples(st.just(statement), st.fixed_dictionaries(values))


TITLE = st.sampled_from(TITLES)
FLAG = st.booleans()
AGE = st.none() | st.integers(3, 14)
STEPS = st.one_of(
    step("UPDATE works SET title = %(t)s, match_title = %(ft)s WHERE id = %(w)s", t=TITLE, w=FEW),
    step("UPDATE works SET subtitle = %(t)s, match_subtitle = %(ft)s WHERE id = %(w)s", t=TITLE, w=FEW),
    step("DELETE FROM works WHERE id = %(w)s", w=FEW),
    step(
        "UPDATE editions SET work_id = %(w)s WHERE isbn = %(e)s AND EXISTS (SELECT FROM works WHERE id = %(w)s)",
        w=FEW,
        e=FEW,
    ),
    step("UPDATE editions SET work_id = NULL WHERE isbn <= %(e)s", e=FEW),
    step("UPDATE editions SET cover_url = CASE WHEN %(f)s THEN 'http://c' END WHERE isbn >= %(e)s", f=FLAG, e=FEW),
    step("UPDATE editions SET title = %(t)s, sort_title = %(ft)s WHERE isbn = %(e)s", t=TITLE, e=FEW),
    step(
        "DELETE FROM editions e WHERE isbn = %(e)s AND NOT EXISTS (SELECT FROM collection_items WHERE edition_isbn = isbn)",
        e=FEW,
    ),
    step(
        "INSERT INTO editions (isbn, work_id, cover_url) SELECT %(e)s, max(id), 'http://c' FROM works ON CONFLICT DO NOTHING",
        e=FEW,
    ),
    step(
        "INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)"
        " SELECT ('00000000-0000-0000-0000-00000000000' || c)::uuid, isbn, '', 1, 1 FROM editions, generate_series(%(c)s, 3) AS c WHERE isbn >= %(e)s"
        " AND EXISTS (SELECT FROM collections WHERE id = ('00000000-0000-0000-0000-00000000000' || c)::uuid)"
        " ON CONFLICT DO NOTHING",
        c=FEW,
        e=FEW,
    ),
    step(
        "UPDATE collection_items SET withdrawn_at = CASE WHEN %(f)s THEN now() END WHERE edition_isbn <= %(e)s",
        f=FLAG,
        e=FEW,
    ),
    step("UPDATE collection_items SET copies_total = 7 WHERE edition_isbn = %(e)s", e=FEW),
    step("DELETE FROM collection_items WHERE edition_isbn = %(e)s", e=FEW),
    step("DELETE FROM collections WHERE id = ('00000000-0000-0000-0000-00000000000' || %(c)s)::uuid", c=FEW),
    step(
        "INSERT INTO author_works SELECT w.id, a.id FROM works w, authors a WHERE w.id >= %(w)s AND a.id = %(a)s"
        " ON CONFLICT DO NOTHING",
        w=FEW,
        a=FEW,
    ),
    step("DELETE FROM author_works WHERE work_id = %(w)s", w=FEW),
    step(
        "UPDATE authors SET first_name = NULL, last_name = %(t)s, search_name = %(ft)s WHERE id = %(a)s", t=TITLE, a=FEW
    ),
    step("DELETE FROM authors WHERE id = %(a)s", a=FEW),
    step(
        "INSERT INTO series_works_association (series_id, work_id) SELECT s.id, w.id FROM series s, works w"
        " WHERE s.id = %(s)s AND w.id <= %(w)s ON CONFLICT DO NOTHING",
        s=FEW,
        w=FEW,
    ),
    step("UPDATE series SET title = %(t)s, search_title = %(ft)s WHERE id = %(s)s", t=TITLE, s=FEW),
    step("DELETE FROM series WHERE id = %(s)s", s=FEW),
    step(
        "INSERT INTO labelsets (id, work_id, min_age, max_age, recommend_status)"
        " SELECT id, id, %(min)s, %(max)s, %(status)s FROM works WHERE id >= %(w)s"
        " ON CONFLICT (work_id) DO UPDATE SET min_age = excluded.min_age, recommend_status = excluded.recommend_status",
        min=AGE,
        max=AGE,
        status=st.sampled_from(("GOOD", "BAD_BORING")),
        w=FEW,
    ),
    step("DELETE FROM labelsets WHERE work_id = %(w)s", w=FEW),
    step(
        "INSERT INTO labelset_hues SELECT l.id, %(o)s, h.id FROM labelsets l, hues h WHERE h.key LIKE %(h)s"
        " ON CONFLICT DO NOTHING",
        o=st.sampled_from(("primary", "secondary", "tertiary")),
        h=st.sampled_from(("hue01%", "hue05%", "hue13%")),
    ),
    step("UPDATE labelset_hues SET hue_id = (SELECT max(id) FROM hues) WHERE labelset_id = %(w)s", w=FEW),
    step("DELETE FROM labelset_hues WHERE labelset_id = %(w)s", w=FEW),
    step(
        "INSERT INTO labelset_reading_abilities SELECT l.id, r.id FROM labelsets l, reading_abilities r WHERE r.key = %(r)s"
        " ON CONFLICT DO NOTHING",
        r=st.sampled_from(("SPOT", "TREEHOUSE")),
    ),
    step("DELETE FROM labelset_reading_abilities WHERE labelset_id = %(w)s", w=FEW),
)

GROUND = """
INSERT INTO schools (wriveted_identifier, country_code, state, name, search_name, bookbot_type, lms_type, info)
SELECT ('10000000-0000-0000-0000-00000000000' || n)::uuid, 'AUS', 'active', 'S', 's', 'huey_books', 'none', '{}'
  FROM generate_series(0, 3) AS n;
INSERT INTO collections (id, name, school_id)
SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'C', ('10000000-0000-0000-0000-00000000000' || n)::uuid
  FROM generate_series(0, 3) AS n;
"""


@pytest.fixture(scope="module")
def connection(make_database: Callable[[], str]) -> Iterator[psycopg.Connection[Any]]:
    """A database of a few books on a few shelves; whatever an example writes is undone."""
    with psycopg.connect(make_database()) as connection:
        connection.execute(GROUND)
        cursor = connection.cursor()
        cursor.executemany(
            "INSERT INTO works (id, type, title, match_title) VALUES (%s, 'book', %s, %s)",
            [(id_, title, fold(title)) for id_, title in enumerate(TITLES[:4])],
        )
        cursor.executemany(
            "INSERT INTO authors (id, first_name, last_name, name_key, search_name) VALUES (%s, %s, %s, '', %s)",
            [(id_, first, last, fold(f"{first or ''} {last}")) for id_, (first, last) in enumerate(NAMES)],
        )
        cursor.executemany(
            "INSERT INTO series (id, title, title_key, search_title) VALUES (%s, %s, %s, %s)",
            [(id_, title, str(id_), fold(title)) for id_, title in enumerate(TITLES[4:])],
        )
        cursor.executemany(
            "INSERT INTO editions (isbn, work_id, cover_url) VALUES (%s, %s, %s)",
            [(isbn, isbn if isbn < 3 else 0, "http://c" if isbn % 2 else None) for isbn in range(4)],
        )
        connection.commit()
        yield connection


def run(connection: psycopg.Connection[Any], steps: list[Step]) -> None:
    for statement, values in steps:
        folded = {"ft": fold(values["t"])} if "t" in values else {}
        connection.execute(statement, values | folded)


@given(st.lists(STEPS, min_size=1, max_size=25))
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_projections_equal_their_definition_after_any_statements(
    connection: psycopg.Connection[Any], steps: list[Step]
) -> None:
    try:
        run(connection, steps)
        check(connection)
    finally:
        connection.rollback()
