"""The statements of recommendations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.aside import array_of
from app.core.db import Driver
from app.labels.vocabulary import HueKey, ReadingAbilityKey
from app.recommendations.ranking import Candidate

SAMPLE = 300
"""How many matching works are ranked: the first that a walk from a seeded place meets."""

MASKS = """
SELECT (SELECT bit_or(1 << id) FROM hues WHERE key = ANY(%s::text[]) AND id < 31),
       (SELECT bit_or(1 << id) FROM reading_abilities WHERE key = ANY(%s::text[]) AND id < 31)
"""
EXCLUDED = "SELECT DISTINCT work_id FROM editions WHERE isbn = ANY(%s::bigint[]) AND work_id IS NOT NULL"
# A walk of one index, which is all that is read: from a place to the end, and on from the beginning.
WALK = """
(SELECT {columns} FROM {shelf} AND place >= %(start)s AND {conditions} ORDER BY place LIMIT %(sample)s)
UNION ALL
(SELECT {columns} FROM {shelf} AND place < %(start)s AND {conditions} ORDER BY place LIMIT %(sample)s)
LIMIT %(sample)s
"""
SHELF = "collection_works WHERE collection_id = %(collection)s"
CATALOGUE = "work_labels WHERE has_cover"
COLUMNS = "work_id, hues, main_hues, abilities, min_age, max_age"
MATCHES = """hues & %(hues)s <> 0 AND abilities & %(abilities)s <> 0
 AND (%(age)s::int IS NULL OR (min_age <= %(age)s AND %(age)s <= max_age))
 AND (good OR NOT %(good)s) AND work_id <> ALL(%(excluded)s::int[])"""
AUTHORS = """
SELECT work_id, array_agg(author_id ORDER BY author_id) FROM author_works
 WHERE work_id = ANY(%s::int[]) GROUP BY work_id
"""
# Of a work's editions one is shown: that has a cover, then that can be borrowed now, then the newest.
EDITION = """
      SELECT e.*, {borrowable} AS borrowable
        FROM editions e {holding}
       WHERE e.work_id = w.id
       ORDER BY e.cover_url IS NULL, {borrowable} DESC, e.date_published DESC NULLS LAST, e.isbn LIMIT 1
"""
HELD = """JOIN collection_items i ON i.edition_isbn = e.isbn AND i.collection_id = %(collection)s
              AND i.withdrawn_at IS NULL"""
ON_SHELF = """(SELECT bool_or(i.copies_available > 0) FROM editions o
       JOIN collection_items i ON i.edition_isbn = o.isbn AND i.collection_id = %(collection)s
      WHERE o.work_id = w.id AND i.withdrawn_at IS NULL)"""
BOOKS = """
SELECT w.id, e.isbn, e.cover_url, e.leading_article, e.edition_title, w.leading_article, w.title,
       ARRAY(SELECT concat_ws(' ', a.first_name, a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id WHERE aw.work_id = w.id ORDER BY a.id),
       coalesce(l.huey_summary, e.info ->> 'summary_short'), {available},
       to_jsonb(l) || jsonb_build_object(
           'hues', ARRAY(SELECT jsonb_build_object('id', h.id, 'key', h.key, 'name', h.name)
                           FROM labelset_hues lh JOIN hues h ON h.id = lh.hue_id WHERE lh.labelset_id = l.id
                          ORDER BY array_position(ARRAY['primary', 'secondary', 'tertiary'], lh.ordinal::text)),
           'reading_abilities', ARRAY(SELECT jsonb_build_object('id', r.id, 'key', r.key, 'name', r.name)
                           FROM labelset_reading_abilities lr JOIN reading_abilities r ON r.id = lr.reading_ability_id
                          WHERE lr.labelset_id = l.id ORDER BY r.id))
  FROM unnest(%(ids)s::int[]) WITH ORDINALITY AS asked(id, place)
  JOIN works w USING (id)
  JOIN labelsets l ON l.work_id = w.id
  JOIN LATERAL ({edition}) AS e ON true
 ORDER BY asked.place
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a recommended work has to be: a mask of -1 asks nothing of its hues or abilities but that it has one."""

    hues: int
    abilities: int
    age: int | None
    only_good: bool
    excluded: Sequence[int]


async def masks(driver: Driver, hues: Iterable[HueKey], abilities: Iterable[ReadingAbilityKey]) -> tuple[int, int]:
    """These hues and abilities as bits; -1 where there are none."""
    hues, abilities = list(hues), list(abilities)
    ((one, other),) = await _rows(driver, MASKS, (hues, abilities))
    return (one or 0) if hues else -1, (other or 0) if abilities else -1


async def works_of(driver: Driver, isbns: Iterable[str]) -> list[int]:
    """The works that these ISBNs are editions of."""
    return [work for (work,) in await _rows(driver, EXCLUDED, (array_of(map(int, isbns)),))]


async def candidates(driver: Driver, terms: Terms, collection_id: UUID | None, start: int) -> list[Candidate]:
    """Works that match, of one collection or of the whole catalogue: the first that a walk from a place meets."""
    values = {
        "collection": collection_id,
        "start": start,
        "sample": SAMPLE,
        "hues": terms.hues,
        "abilities": terms.abilities,
        "age": terms.age,
        "good": terms.only_good,
        "excluded": array_of(terms.excluded),
    }
    shelf = SHELF if collection_id else CATALOGUE
    walk = WALK.format(columns=COLUMNS, shelf=shelf, conditions=MATCHES)
    # planned for these very values: a plan for any would not trust the walk to find enough soon
    return [Candidate(*row) for row in await _rows(driver, walk, values, prepare=False)]


async def authors(driver: Driver, works: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """The authors of each work that has any."""
    return {work: tuple(ids) for work, ids in await _rows(driver, AUTHORS, (array_of(works),))}


async def books(driver: Driver, works: Iterable[int], collection_id: UUID | None) -> list[tuple[Any, ...]]:
    """What is shown of works, in their order; of a collection's, the edition that it holds."""
    held = collection_id is not None
    edition = EDITION.format(
        borrowable="i.copies_available > 0" if held else "NULL::boolean", holding=HELD if held else ""
    )
    statement = BOOKS.format(available=ON_SHELF if held else "NULL::boolean", edition=edition)
    return await _rows(driver, statement, {"ids": array_of(works), "collection": collection_id})


async def _rows(driver: Driver, statement: str, values: Any, *, prepare: bool | None = None) -> list[Any]:
    return await (await driver.execute(statement.encode(), values, prepare=prepare)).fetchall()
