"""How additions reach the database: a fixed number of statements, however many rows.

Rows with data first take one lock for the whole catalogue: of two clients that add editions of the same unknown
work, or works of the same unknown author, the second finds what the first stored. Rows of bare ISBNs need none.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.additions.plan import (
    Catalogue,
    KnownEdition,
    NewWork,
    Outcome,
    Person,
    apply_additions,
    keys_of,
)
from app.books.additions.rows import Addition
from app.books.briefs import refresh_briefs
from app.books.matching import KnownWork, match_title
from app.core.db import Driver, driver_of
from app.core.text import fold

THREAD_FROM_ROWS = 500
"""Additions from here on are worked in beside the event loop, so that other requests do not wait."""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('books.additions', 0))"
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
       series_number, info, hydrated,
       EXISTS (SELECT FROM illustrator_editions i WHERE i.edition_isbn = e.isbn)
  FROM editions e WHERE isbn = ANY(%s::bigint[]) ORDER BY isbn FOR NO KEY UPDATE
"""
_WORKS = """
WITH meant AS (
    SELECT unnest(%s::int[]) AS id
    UNION
    SELECT w.id
      FROM unnest(%s::text[], %s::text[]) AS said(title, author)
      JOIN works w ON w.match_title = said.title AND w.type = 'book'
      JOIN author_works aw ON aw.work_id = w.id
      JOIN authors a ON a.id = aw.author_id AND a.name_key = said.author
)
SELECT w.id, w.match_title, w.subtitle,
       ARRAY(SELECT a.name_key FROM author_works aw JOIN authors a ON a.id = aw.author_id WHERE aw.work_id = w.id),
       ARRAY(SELECT DISTINCT e.series_number FROM editions e
              WHERE e.work_id = w.id AND e.series_number IS NOT NULL)
  FROM meant JOIN works w ON w.id = meant.id
 ORDER BY w.id
"""
_PEOPLE = """
(SELECT DISTINCT ON (name_key) true, id, name_key, first_name, last_name FROM authors
  WHERE name_key = ANY(%s::text[]) ORDER BY name_key, id)
UNION ALL
(SELECT DISTINCT ON (name_key) false, id, name_key, first_name, last_name FROM illustrators
  WHERE name_key = ANY(%s::text[]) ORDER BY name_key, id)
"""
_IDS = """
SELECT ARRAY(SELECT nextval(pg_get_serial_sequence('works', 'id')) FROM generate_series(1, %s)),
       ARRAY(SELECT nextval(pg_get_serial_sequence('authors', 'id')) FROM generate_series(1, %s)),
       ARRAY(SELECT nextval(pg_get_serial_sequence('illustrators', 'id')) FROM generate_series(1, %s))
"""
_STORE_WORKS = """
INSERT INTO works (id, type, leading_article, title, subtitle, match_title)
SELECT id, 'book', leading_article, title, subtitle, match_title FROM jsonb_to_recordset(%s::jsonb)
    AS n(id int, leading_article text, title text, subtitle text, match_title text)
"""
_STORE_PEOPLE = """
INSERT INTO {table} (id, first_name, last_name, name_key, info)
SELECT id, first_name, last_name, name_key, info FROM jsonb_to_recordset(%s::jsonb)
    AS n(id int, first_name text, last_name text, name_key text, info jsonb)
"""
_STORE_AUTHORS = _STORE_PEOPLE.format(table="authors")
_STORE_ILLUSTRATORS = _STORE_PEOPLE.format(table="illustrators")
_CREDIT = "INSERT INTO author_works (work_id, author_id) SELECT * FROM unnest(%s::int[], %s::int[])"
_DRAW = "INSERT INTO illustrator_editions (edition_isbn, illustrator_id) SELECT * FROM unnest(%s::bigint[], %s::int[])"
_STORE_EDITIONS = """
UPDATE editions e
   SET work_id = n.work_id, leading_article = n.leading_article, edition_title = n.edition_title,
       edition_subtitle = n.edition_subtitle, date_published = n.date_published, cover_url = n.cover_url,
       series_name = n.series_name, series_number = n.series_number, info = n.info,
       hydrated_at = CASE WHEN n.hydrated THEN coalesce(e.hydrated_at, now()) END, updated_at = now()
  FROM jsonb_to_recordset(%s::jsonb)
    AS n(isbn bigint, work_id int, leading_article text, edition_title text, edition_subtitle text,
         date_published int, cover_url text, series_name text, series_number int, info jsonb, hydrated boolean)
 WHERE e.isbn = n.isbn
"""


async def add(session: AsyncSession, additions: Sequence[Addition]) -> list[Outcome]:
    """Bring additions into the catalogue; what became of each, in their order."""
    driver = driver_of(session)
    telling = [addition for addition in additions if addition.data is not None]
    if telling:
        await driver.execute(_LOCK)
    numbers = {isbn for addition in additions for isbn in addition.isbns}
    ((created,),) = await _rows(driver, _INTRODUCE, [list(numbers)])
    catalogue = Catalogue(created=set(created))
    if not telling:
        return apply_additions(catalogue, additions)
    await _read(driver, catalogue, telling)
    if len(telling) < THREAD_FROM_ROWS:
        outcomes = apply_additions(catalogue, additions)
    else:
        outcomes = await asyncio.to_thread(apply_additions, catalogue, additions)
    if catalogue.changed or catalogue.new_credits:
        await _write(driver, catalogue)
        credited = {work.id for work, _ in catalogue.new_credits if work.id is not None}
        await refresh_briefs(session, catalogue.changed, credited)
    return outcomes


async def _read(driver: Driver, catalogue: Catalogue, additions: Sequence[Addition]) -> None:
    """Lock the editions that additions tell of, and read what is known about them."""
    said = [addition.data for addition in additions if addition.data is not None]
    isbns = {isbn for addition in additions for isbn in addition.isbns}
    work_ids: dict[int, int | None] = {}
    for isbn, work_id, *known in await _rows(driver, _EDITIONS, [list(isbns)]):
        catalogue.editions[isbn] = KnownEdition(isbn, None, *known)
        work_ids[isbn] = work_id
    descriptions = {pair for addition in additions for pair in _descriptions(catalogue, addition)}
    named = {*work_ids.values(), *(data.work_id for data in said)} - {None}
    parameters = (list(named), *_columns(descriptions, 2))
    for id_, title, subtitle, authors, series_numbers in await _rows(driver, _WORKS, parameters):
        work = KnownWork(id_, title, fold(subtitle or ""), set(authors), set(series_numbers))
        catalogue.works[id_] = work
        catalogue.by_title.setdefault(title, []).append(work)
    for isbn, work_id in work_ids.items():
        catalogue.editions[isbn].work = None if work_id is None else catalogue.works[work_id]
    writers = keys_of(person for data in said for person in data.authors or ())
    drawers = keys_of(person for data in said for person in data.illustrators or ())
    for is_author, id_, key, first_name, last_name in await _rows(driver, _PEOPLE, [list(writers), list(drawers)]):
        people = catalogue.authors if is_author else catalogue.illustrators
        people[key] = Person(id_, key, first_name, last_name, None)


def _descriptions(catalogue: Catalogue, addition: Addition) -> Iterator[tuple[str, str]]:
    """Title and author by which the work of an addition may be found: a pair for each author."""
    edition, data = catalogue.editions[addition.isbn], addition.data
    if data is None:
        return
    title, article = data.title, data.leading_article
    if edition.edition_title is not None:
        title, article = edition.edition_title, edition.leading_article
    if title is not None:
        for key in keys_of(data.authors or ()):
            yield match_title(title, article), key


async def _write(driver: Driver, catalogue: Catalogue) -> None:
    """Number and store what is new, then the editions, which refer to it."""
    writers = [person for person in catalogue.authors.values() if person.id is None]
    drawers = [person for person in catalogue.illustrators.values() if person.id is None]
    works = [new.known for new in catalogue.new_works]
    groups: tuple[Sequence[KnownWork | Person], ...] = (works, writers, drawers)
    (numbers,) = await _rows(driver, _IDS, [len(group) for group in groups])
    for group, ids in zip(groups, numbers, strict=True):
        for one, id_ in zip(group, ids, strict=True):
            one.id = id_
    for statement, records in (
        (_STORE_WORKS, [_work_record(new) for new in catalogue.new_works]),
        (_STORE_AUTHORS, writers),
        (_STORE_ILLUSTRATORS, drawers),
        (_STORE_EDITIONS, [_edition_record(edition) for edition in catalogue.changed.values()]),
    ):
        if records:
            await driver.execute(statement, [msgspec.json.encode(records).decode()])
    for statement, pairs in (
        (_CREDIT, [(work.id, person.id) for work, person in catalogue.new_credits]),
        (_DRAW, [(isbn, person.id) for isbn, person in catalogue.new_drawings]),
    ):
        if pairs:
            await driver.execute(statement, _columns(pairs, 2))


def _work_record(new: NewWork) -> dict[str, Any]:
    return {
        "id": new.known.id,
        "leading_article": new.leading_article,
        "title": new.title,
        "subtitle": new.subtitle,
        "match_title": new.known.title,
    }


def _edition_record(edition: KnownEdition) -> dict[str, Any]:
    return {
        "isbn": edition.isbn,
        "work_id": edition.work and edition.work.id,
        "leading_article": edition.leading_article,
        "edition_title": edition.edition_title,
        "edition_subtitle": edition.edition_subtitle,
        "date_published": edition.date_published,
        "cover_url": edition.cover_url,
        "series_name": edition.series_name,
        "series_number": edition.series_number,
        "info": edition.info,
        "hydrated": edition.hydrated,
    }


def _columns(rows: Iterable[Sequence[Any]], number: int) -> list[list[Any]]:
    """Rows of ``number`` values as one array per column."""
    return [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(number)]


async def _rows(driver: Driver, statement: str, parameters: Sequence[Any]) -> list[Any]:
    return await (await driver.execute(statement, parameters)).fetchall()
