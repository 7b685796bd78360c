"""What a school may know of its own collection: how much of it is ready, what is in it, what is missing."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.collections.schemas import CollectionInfo
from app.core.db import driver_of

OLDEST = 18
"""Books for grown-ups count up to here."""

# Each work has at most one labelset, so nothing counts twice.
INSIGHT = b"""
WITH held AS MATERIALIZED (
    SELECT i.edition_isbn, i.copies_total, i.copies_available, e.work_id, l.id AS labelset_id, l.min_age, l.max_age,
           l.recommend_status = 'GOOD' AS good,
           e.title IS NOT NULL AND e.cover_url IS NOT NULL AS hydrated,
           l.min_age >= 0 AND l.max_age > 0 AND l.huey_summary IS NOT NULL
           AND EXISTS (SELECT FROM labelset_hues h WHERE h.labelset_id = l.id)
           AND EXISTS (SELECT FROM labelset_reading_abilities r WHERE r.labelset_id = l.id) AS labelled
      FROM collection_items i
      LEFT JOIN editions e ON e.isbn = i.edition_isbn
      LEFT JOIN labelsets l ON l.work_id = e.work_id
     WHERE i.collection_id = %(collection)s AND i.withdrawn_at IS NULL
), sets AS MATERIALIZED (
    SELECT labelset_id, min_age, max_age, count(*) AS holdings FROM held WHERE labelset_id IS NOT NULL
     GROUP BY labelset_id, min_age, max_age
), hued AS (
    SELECT hue_id, sum(holdings) AS count
      FROM (SELECT DISTINCT labelset_id, hue_id, holdings FROM sets JOIN labelset_hues USING (labelset_id)) AS h
     GROUP BY hue_id
), able AS (
    SELECT reading_ability_id, sum(holdings) AS count FROM sets JOIN labelset_reading_abilities USING (labelset_id)
     GROUP BY reading_ability_id
), aged AS (
    SELECT age, sum(holdings) AS count
      FROM (SELECT min_age, max_age, sum(holdings) AS holdings FROM sets GROUP BY min_age, max_age) AS spans,
           generate_series(greatest(min_age, 0), least(max_age, %(oldest)s)) AS age
     WHERE min_age IS NOT NULL AND max_age IS NOT NULL
     GROUP BY age
)
SELECT count(*) AS total_editions,
       count(*) FILTER (WHERE hydrated) AS hydrated,
       count(*) FILTER (WHERE hydrated AND labelled) AS hydrated_and_labeled,
       count(*) FILTER (WHERE hydrated AND labelled AND good) AS recommendable,
       count(*) FILTER (WHERE labelled IS NOT TRUE) AS unlabelled,
       count(*) FILTER (WHERE edition_isbn IS NULL) AS without_isbn,
       (SELECT count(*) FROM (SELECT FROM held WHERE work_id IS NOT NULL GROUP BY work_id HAVING count(*) > 1) AS w)
           AS duplicates,
       jsonb_build_object('on_shelf', coalesce(sum(copies_available), 0),
                          'borrowed', coalesce(sum(copies_total - copies_available), 0)) AS availability,
       ARRAY(SELECT jsonb_build_object('key', key, 'name', name, 'count', coalesce(count, 0))
               FROM hues LEFT JOIN hued ON hue_id = id ORDER BY id) AS by_hue,
       ARRAY(SELECT jsonb_build_object('key', key, 'name', name, 'count', coalesce(count, 0))
               FROM reading_abilities LEFT JOIN able ON reading_ability_id = id ORDER BY id) AS by_reading_ability,
       ARRAY(SELECT jsonb_build_object('age', age, 'count', count) FROM aged ORDER BY age) AS by_age
  FROM held"""
"""All of it in one statement, which reads the shelf once."""


async def collection_info(session: AsyncSession, collection_id: UUID) -> CollectionInfo:
    """How much of a collection is known well enough to be recommended, and what a librarian wants to see beside."""
    cursor = await driver_of(session).execute(INSIGHT, {"collection": collection_id, "oldest": OLDEST})
    names = [column.name for column in cursor.description or ()]
    row: Any = await cursor.fetchone()
    return CollectionInfo.model_validate(dict(zip(names, row, strict=True)))
