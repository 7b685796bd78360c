"""What a school may know of its own collection: how much of it is ready, what is in it, what is missing."""

from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.collections.schemas import CollectionInfo
from app.core.db import driver_of

OLDEST = 18
"""Books for grown-ups count up to here."""

# Each work has at most one labelset, so nothing counts twice. Hues and abilities come from `work_labels` (app/search),
# as bits by their ids: that leaves few kinds of holdings, from which everything else is counted.
INSIGHT = b"""
WITH held AS MATERIALIZED (
    SELECT i.edition_isbn IS NULL AS without_isbn, i.copies_total, i.copies_available, e.work_id,
           e.title IS NOT NULL AND e.cover_url IS NOT NULL AS hydrated, l.min_age, l.max_age,
           l.huey_summary IS NOT NULL AS summarised, l.recommend_status = 'GOOD' AS good, w.hues, w.abilities
      FROM collection_items i
      LEFT JOIN editions e ON e.isbn = i.edition_isbn
      LEFT JOIN labelsets l ON l.work_id = e.work_id
      LEFT JOIN work_labels w ON w.work_id = e.work_id
     WHERE i.collection_id = %(collection)s AND i.withdrawn_at IS NULL
), kinds AS MATERIALIZED (
    SELECT hydrated, good, without_isbn, hues, abilities, min_age, max_age,
           coalesce(summarised AND hues <> 0 AND abilities <> 0 AND min_age >= 0 AND max_age > 0, false) AS labelled,
           count(*) AS holdings, sum(copies_total) AS copies, sum(copies_available) AS on_shelf
      FROM held
     GROUP BY hydrated, good, without_isbn, hues, abilities, min_age, max_age, summarised
), aged AS (
    SELECT age, sum(holdings) AS count
      FROM kinds, generate_series(greatest(min_age, 0), least(max_age, %(oldest)s)) AS age
     WHERE min_age IS NOT NULL AND max_age IS NOT NULL
     GROUP BY age
)
SELECT coalesce(sum(holdings), 0) AS total_editions,
       coalesce(sum(holdings) FILTER (WHERE hydrated), 0) AS hydrated,
       coalesce(sum(holdings) FILTER (WHERE hydrated AND labelled), 0) AS hydrated_and_labeled,
       coalesce(sum(holdings) FILTER (WHERE hydrated AND labelled AND good), 0) AS recommendable,
       coalesce(sum(holdings) FILTER (WHERE NOT labelled), 0) AS unlabelled,
       coalesce(sum(holdings) FILTER (WHERE without_isbn), 0) AS without_isbn,
       (SELECT count(*) FROM (SELECT FROM held WHERE work_id IS NOT NULL GROUP BY work_id HAVING count(*) > 1) AS w)
           AS duplicates,
       jsonb_build_object('on_shelf', coalesce(sum(on_shelf), 0), 'borrowed', coalesce(sum(copies - on_shelf), 0))
           AS availability,
       ARRAY(SELECT jsonb_build_object('key', key, 'name', name, 'count',
                        (SELECT coalesce(sum(holdings), 0) FROM kinds WHERE hues & (1 << id) <> 0))
               FROM hues ORDER BY id) AS by_hue,
       ARRAY(SELECT jsonb_build_object('key', key, 'name', name, 'count',
                        (SELECT coalesce(sum(holdings), 0) FROM kinds WHERE abilities & (1 << id) <> 0))
               FROM reading_abilities ORDER BY id) AS by_reading_ability,
       ARRAY(SELECT jsonb_build_object('age', age, 'count', count) FROM aged ORDER BY age) AS by_age
  FROM kinds"""
"""All of it in one statement, which reads the shelf once."""


async def collection_info(session: AsyncSession, collection_id: UUID) -> CollectionInfo:
    """How much of a collection is known well enough to be recommended, and what a librarian wants to see beside."""
    cursor = await driver_of(session).execute(INSIGHT, {"collection": collection_id, "oldest": OLDEST})
    names = [column.name for column in cursor.description or ()]
    row: Any = await cursor.fetchone()
    return CollectionInfo.model_validate(dict(zip(names, row, strict=True)))
