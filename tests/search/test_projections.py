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

PLACE = "('00000000-0000-0000-0000-00000000000' || %(c)s)::uuid"
FEW_OF = {"w": FEW, "e": FEW, "a": FEW, "s": FEW, "c": FEW}
"""Works, editions, authors, series, collections: any of four."""
OTHERS: dict[str, st.SearchStrategy[Any]] = {
    "t": st.sampled_from(TITLES),
    "f": st.booleans(),
    "min": st.none() | st.integers(3, 14),
    "max": st.none() | st.integers(3, 14),
    "status": st.sampled_from(("GOOD", "BAD_BORING")),
    "o": st.sampled_from(("primary", "secondary", "tertiary")),
    "h": st.sampled_from(("hue01_dark_suspense", "hue05_funny_comic", "hue13_informative")),
    "r": st.sampled_from(("SPOT", "TREEHOUSE")),
}
STATEMENTS = (
    """INSERT INTO works (id, type, title, match_title) VALUES (4 + %(w)s, 'book', %(t)s, %(ft)s)
       ON CONFLICT DO NOTHING""",
    "UPDATE works SET title = %(t)s, match_title = %(ft)s WHERE id = %(w)s",
    "UPDATE works SET subtitle = %(t)s, match_subtitle = %(ft)s WHERE id = %(w)s",
    "DELETE FROM works WHERE id = %(w)s",
    "UPDATE editions SET work_id = (SELECT min(id) FROM works WHERE id >= %(w)s) WHERE isbn = %(e)s",
    "UPDATE editions SET work_id = NULL WHERE isbn = %(e)s",
    "UPDATE editions SET cover_url = CASE WHEN %(f)s THEN 'http://c' END WHERE isbn >= %(e)s",
    "UPDATE editions SET title = %(t)s, sort_title = %(ft)s WHERE isbn = %(e)s",
    """DELETE FROM editions WHERE isbn = %(e)s
          AND NOT EXISTS (SELECT FROM collection_items WHERE edition_isbn = isbn)""",
    """INSERT INTO editions (isbn, work_id, cover_url) SELECT %(e)s, max(id), 'http://c' FROM works
       ON CONFLICT DO NOTHING""",
    f"""INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)
       SELECT c.id, isbn, '', 1, 1 FROM editions, collections c WHERE isbn >= %(e)s AND c.id <= {PLACE}
       ON CONFLICT DO NOTHING""",
    f"""UPDATE collection_items SET withdrawn_at = CASE WHEN %(f)s THEN now() END
        WHERE edition_isbn <= %(e)s AND collection_id >= {PLACE}""",
    """UPDATE collection_items i SET edition_isbn = %(e)s
        WHERE i.id = (SELECT min(id) FROM collection_items) AND EXISTS (SELECT FROM editions WHERE isbn = %(e)s)
          AND NOT EXISTS (SELECT FROM collection_items o
                           WHERE o.collection_id = i.collection_id AND o.edition_isbn = %(e)s)""",
    "UPDATE collection_items SET copies_total = 7 WHERE edition_isbn = %(e)s",
    "DELETE FROM collection_items WHERE edition_isbn = %(e)s",
    f"DELETE FROM collections WHERE id = {PLACE}",
    """INSERT INTO author_works SELECT w.id, a.id FROM works w, authors a WHERE w.id >= %(w)s AND a.id = %(a)s
       ON CONFLICT DO NOTHING""",
    """UPDATE author_works SET author_id = %(a)s WHERE work_id = %(w)s AND EXISTS (SELECT FROM authors WHERE id = %(a)s)
          AND (SELECT count(*) FROM author_works WHERE work_id = %(w)s) = 1""",
    "DELETE FROM author_works WHERE work_id = %(w)s",
    "UPDATE authors SET first_name = NULL, last_name = %(t)s, search_name = %(ft)s WHERE id = %(a)s",
    "DELETE FROM authors WHERE id = %(a)s",
    """INSERT INTO series_works_association (series_id, work_id)
       SELECT s.id, w.id FROM series s, works w WHERE s.id = %(s)s AND w.id <= %(w)s ON CONFLICT DO NOTHING""",
    """UPDATE series_works_association SET series_id = %(s)s WHERE work_id = %(w)s
          AND EXISTS (SELECT FROM series WHERE id = %(s)s)
          AND (SELECT count(*) FROM series_works_association WHERE work_id = %(w)s) = 1""",
    "DELETE FROM series_works_association WHERE work_id = %(w)s",
    "UPDATE series SET title = %(t)s, search_title = %(ft)s WHERE id = %(s)s",
    "DELETE FROM series WHERE id = %(s)s",
    """INSERT INTO labelsets (id, work_id, min_age, max_age, recommend_status)
       SELECT id, id, %(min)s, %(max)s, %(status)s FROM works WHERE id BETWEEN %(w)s AND 3
       ON CONFLICT (work_id) DO UPDATE
          SET min_age = excluded.min_age, max_age = excluded.max_age, recommend_status = excluded.recommend_status""",
    "DELETE FROM labelsets WHERE work_id = %(w)s",
    """INSERT INTO labelset_hues SELECT l.id, %(o)s, h.id FROM labelsets l, hues h
        WHERE h.key = %(h)s AND l.work_id >= %(w)s ON CONFLICT DO NOTHING""",
    "UPDATE labelset_hues SET hue_id = (SELECT id FROM hues WHERE key = %(h)s) WHERE labelset_id = %(w)s",
    "DELETE FROM labelset_hues WHERE labelset_id = %(w)s",
    """INSERT INTO labelset_reading_abilities SELECT l.id, r.id FROM labelsets l, reading_abilities r
        WHERE r.key = %(r)s AND l.work_id >= %(w)s ON CONFLICT DO NOTHING""",
    """UPDATE labelset_reading_abilities SET reading_ability_id = (SELECT id FROM reading_abilities WHERE key = %(r)s)
        WHERE labelset_id = %(w)s
          AND (SELECT count(*) FROM labelset_reading_abilities WHERE labelset_id = %(w)s) = 1""",
    "DELETE FROM labelset_reading_abilities WHERE labelset_id = %(w)s",
)


@st.composite
def steps(draw: st.DrawFn) -> list[Step]:
    statements = draw(st.lists(st.sampled_from(STATEMENTS), min_size=1, max_size=12))
    known = FEW_OF | OTHERS
    return [
        (each, {name: draw(values) for name, values in known.items() if f"%({name})s" in each or name == "t"})
        for each in statements
    ]


GROUND = """
INSERT INTO schools (wriveted_identifier, country_code, state, name, search_name, bookbot_type, lms_type, info)
SELECT ('10000000-0000-0000-0000-00000000000' || n)::uuid, 'AUS', 'active', 'S', 's', 'huey_books', 'none', '{}'
  FROM generate_series(0, 3) AS n;
INSERT INTO collections (id, name, school_id)
SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'C', ('10000000-0000-0000-0000-00000000000' || n)::uuid
  FROM generate_series(0, 3) AS n;
"""
SHELVED = """
INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)
SELECT c.id, isbn, '', 1, 1 FROM editions, collections c;
INSERT INTO author_works SELECT w.id, a.id FROM works w JOIN authors a USING (id);
INSERT INTO series_works_association (series_id, work_id) SELECT s.id, w.id FROM works w JOIN series s USING (id);
INSERT INTO labelsets (id, work_id, min_age, max_age) SELECT id, id, 5, 8 FROM works WHERE id < 3;
INSERT INTO labelset_hues SELECT l.id, 'primary', h.id FROM labelsets l, hues h
 WHERE h.key = 'hue01_dark_suspense' AND l.id > 0;
INSERT INTO labelset_reading_abilities SELECT l.id, r.id FROM labelsets l, reading_abilities r
 WHERE r.key = 'SPOT' AND l.id < 2;
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
        connection.execute(SHELVED)
        connection.commit()
        yield connection


def run(connection: psycopg.Connection[Any], steps: list[Step]) -> None:
    for statement, values in steps:
        folded = {"ft": fold(values["t"])} if "t" in values else {}
        connection.execute(statement, values | folded)


@given(written=steps())
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_projections_equal_their_definition_after_any_statements(
    connection: psycopg.Connection[Any], written: list[Step]
) -> None:
    try:
        run(connection, written)
        check(connection)
    finally:
        connection.rollback()
