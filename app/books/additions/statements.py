"""How additions reach the database: a fixed number of statements, however many rows.

Rows with data first take one lock for the whole catalogue: of two clients that add editions of the same unknown
work, or works of the same unknown author, the second finds what the first stored. Rows of bare ISBNs need none, and
never wait for a lock in another order than that of the ISBNs.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.additions.known import (
    Catalogue,
    meet_editions,
    meet_people,
    meet_works,
    newcomers_in,
    numbers_in,
    records_of,
)
from app.books.additions.plan import Outcome, apply_additions
from app.books.additions.rows import Addition
from app.books.briefs import refresh_briefs
from app.books.merging.locking import lock_catalogue
from app.books.merging.redirects import current_ids
from app.books.models import MergeKind
from app.core.aside import MANY_ROWS, array_of, aside
from app.core.db import Driver, driver_of

_INTRODUCE = """
WITH introduced AS (
    INSERT INTO editions (isbn)
    SELECT given.isbn FROM unnest(%s::bigint[]) AS given(isbn)
     WHERE NOT EXISTS (SELECT FROM editions e WHERE e.isbn = given.isbn)
     ORDER BY given.isbn
    ON CONFLICT DO NOTHING
    RETURNING isbn
)
SELECT coalesce(array_agg(isbn), '{}') FROM introduced
"""
_EDITIONS = """
SELECT isbn, work_id, leading_article, edition_title, edition_subtitle, date_published, cover_url, series_name,
       series_number, info::text, hydrated,
       EXISTS (SELECT FROM illustrator_editions i WHERE i.edition_isbn = e.isbn)
  FROM editions e WHERE isbn = ANY(%s::bigint[]) ORDER BY isbn FOR NO KEY UPDATE
"""
_WORKS = """
WITH meant AS (
    SELECT unnest(%s::int[]) AS id
    UNION
    SELECT w.id
      FROM jsonb_to_recordset(%s::jsonb) AS said(title text, author text)
      JOIN works w ON w.match_title = said.title AND w.type = 'book'
      JOIN author_works aw ON aw.work_id = w.id
      JOIN authors a ON a.id = aw.author_id AND a.name_key = said.author
),
credits AS (
    SELECT aw.work_id, array_agg(a.name_key) AS names
      FROM meant m JOIN author_works aw ON aw.work_id = m.id JOIN authors a ON a.id = aw.author_id
     GROUP BY aw.work_id
),
numbers AS (
    SELECT e.work_id, array_agg(DISTINCT e.series_number) AS in_series
      FROM meant m JOIN editions e ON e.work_id = m.id
     WHERE e.series_number IS NOT NULL
     GROUP BY e.work_id
)
SELECT w.id, w.match_title, w.subtitle, c.names, n.in_series
  FROM meant m JOIN works w ON w.id = m.id
  LEFT JOIN credits c ON c.work_id = w.id
  LEFT JOIN numbers n ON n.work_id = w.id
"""
_PEOPLE = """
(SELECT DISTINCT ON (name_key) true, id, name_key, first_name, last_name
   FROM authors WHERE name_key IN (SELECT jsonb_array_elements_text(%s::jsonb)) ORDER BY name_key, id)
UNION ALL
(SELECT DISTINCT ON (name_key) false, id, name_key, first_name, last_name
   FROM illustrators WHERE name_key IN (SELECT jsonb_array_elements_text(%s::jsonb)) ORDER BY name_key, id)
"""
_IDS = """
SELECT ARRAY(SELECT nextval(pg_get_serial_sequence('works', 'id')) FROM generate_series(1, %s)),
       ARRAY(SELECT nextval(pg_get_serial_sequence('authors', 'id')) FROM generate_series(1, %s)),
       ARRAY(SELECT nextval(pg_get_serial_sequence('illustrators', 'id')) FROM generate_series(1, %s))
"""
_STORE = {
    "works": """
INSERT INTO works (id, type, leading_article, title, subtitle, match_title, match_subtitle)
SELECT id, 'book', leading_article, title, subtitle, match_title, match_subtitle FROM jsonb_to_recordset(%s::jsonb)
    AS n(id int, leading_article text, title text, subtitle text, match_title text, match_subtitle text)
""",
    "authors": """
INSERT INTO authors (id, first_name, last_name, name_key, search_name, info)
SELECT id, first_name, last_name, name_key, search_name, info FROM jsonb_to_recordset(%s::jsonb)
    AS n(id int, first_name text, last_name text, name_key text, search_name text, info jsonb)
""",
    "illustrators": """
INSERT INTO illustrators (id, first_name, last_name, name_key, info)
SELECT id, first_name, last_name, name_key, info FROM jsonb_to_recordset(%s::jsonb)
    AS n(id int, first_name text, last_name text, name_key text, info jsonb)
""",
    "editions": """
UPDATE editions e
   SET work_id = n.work_id, leading_article = n.leading_article, edition_title = n.edition_title,
       edition_subtitle = n.edition_subtitle, date_published = n.date_published, cover_url = n.cover_url,
       series_name = n.series_name, series_number = n.series_number, info = n.info,
       hydrated_at = CASE WHEN n.hydrated THEN coalesce(e.hydrated_at, now()) END, updated_at = now()
  FROM jsonb_to_recordset(%s::jsonb)
    AS n(isbn bigint, work_id int, leading_article text, edition_title text, edition_subtitle text,
         date_published int, cover_url text, series_name text, series_number int, info jsonb, hydrated boolean)
 WHERE e.isbn = n.isbn
""",
    "author_works": """
INSERT INTO author_works (work_id, author_id)
SELECT work_id, author_id FROM jsonb_to_recordset(%s::jsonb) AS n(work_id int, author_id int)
""",
    "illustrator_editions": """
INSERT INTO illustrator_editions (edition_isbn, illustrator_id)
SELECT edition_isbn, illustrator_id FROM jsonb_to_recordset(%s::jsonb) AS n(edition_isbn bigint, illustrator_id int)
""",
    "series": """
WITH volumes AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb)
        AS n(place int, title text, title_key text, search_title text, work_id int, order_id int)
),
added AS (
    INSERT INTO series (title, title_key, search_title)
    SELECT DISTINCT ON (title_key) title, title_key, search_title FROM volumes ORDER BY title_key, place
    ON CONFLICT (title_key) DO NOTHING
    RETURNING id, title_key
),
found AS (
    SELECT id, title_key FROM added
    UNION ALL
    SELECT id, title_key FROM series WHERE title_key IN (SELECT title_key FROM volumes)
)
INSERT INTO series_works_association AS known (series_id, work_id, order_id)
SELECT DISTINCT ON (found.id, v.work_id) found.id, v.work_id, v.order_id
  FROM volumes v JOIN found USING (title_key) ORDER BY found.id, v.work_id, v.order_id
ON CONFLICT (series_id, work_id) DO UPDATE SET order_id = excluded.order_id
 WHERE known.order_id IS NULL AND excluded.order_id IS NOT NULL
""",
}


class Added(NamedTuple):
    """What became of additions, in their order, and the new editions that are still to be looked up."""

    outcomes: list[Outcome]
    unknown: list[int]


async def add(session: AsyncSession, additions: Sequence[Addition]) -> Added:
    """Bring additions into the catalogue."""
    driver = driver_of(session)
    telling = [addition for addition in additions if addition.data is not None]
    if telling:
        await lock_catalogue(driver)
        additions = await _led_on(session, additions)
        telling = [addition for addition in additions if addition.data is not None]
    absent = await _absent_works(driver, telling)
    usable = [addition for addition in additions if addition.work_id not in absent] if absent else additions
    isbns = await aside(len(usable) > MANY_ROWS, numbers_in, usable)
    ((created,),) = await _rows(driver, _INTRODUCE, isbns)
    catalogue = Catalogue(created=set(created))
    if telling:
        await _read(driver, catalogue, [addition for addition in telling if addition.work_id not in absent])
    outcomes = await aside(len(additions) > MANY_ROWS, apply_additions, catalogue, additions)
    if catalogue.changed or catalogue.new_credits:
        await _write(driver, catalogue)
        credited = {work.id for work, _ in catalogue.new_credits if work.id is not None}
        await refresh_briefs(session, catalogue.changed, credited)
    complete = {isbn for isbn, edition in catalogue.changed.items() if edition.hydrated}
    return Added(outcomes, [isbn for isbn in created if isbn not in complete])


async def _led_on(session: AsyncSession, additions: Sequence[Addition]) -> Sequence[Addition]:
    """The additions, with the works that they name replaced by those that these were merged into."""
    named = {addition.work_id for addition in additions if addition.work_id is not None}
    current = await current_ids(session, MergeKind.WORK, named)
    if all(id_ == now for id_, now in current.items()):
        return additions
    return [addition.of_work(current[addition.work_id]) if addition.work_id else addition for addition in additions]


async def _absent_works(driver: Driver, additions: Sequence[Addition]) -> set[int]:
    """The works that additions name and that do not exist."""
    named = {addition.work_id for addition in additions if addition.work_id is not None}
    if not named:
        return set()
    found = await _rows(driver, "SELECT id FROM works WHERE id = ANY(%s::int[])", array_of(named))
    return named - {id_ for (id_,) in found}


async def _read(driver: Driver, catalogue: Catalogue, additions: Sequence[Addition]) -> None:
    """Lock the editions that additions tell of, and read what is known about them."""
    is_much = len(additions) > MANY_ROWS
    isbns = await aside(is_much, numbers_in, additions)
    editions = await _rows(driver, _EDITIONS, isbns)
    asked = await aside(is_much, meet_editions, catalogue, editions, additions)
    works = await _rows(driver, _WORKS, asked.work_ids, asked.descriptions)
    await aside(is_much, meet_works, catalogue, works)
    people = await _rows(driver, _PEOPLE, asked.writers, asked.drawers)
    await aside(is_much, meet_people, catalogue, people)


async def _write(driver: Driver, catalogue: Catalogue) -> None:
    """Store what is new, and the editions, which refer to it."""
    new = newcomers_in(catalogue)
    (ids,) = await _rows(driver, _IDS, len(new.works), len(new.authors), len(new.illustrators))
    records = await aside(len(catalogue.changed) > MANY_ROWS, records_of, catalogue, new, ids)
    for table, statement in _STORE.items():
        if rows := records.get(table):
            await driver.execute(statement, [rows])


async def _rows(driver: Driver, statement: str, *parameters: Any) -> list[Any]:
    return await (await driver.execute(statement, parameters)).fetchall()
