"""Holds the projections to what they derive from, a part at a time, and repairs what has drifted.

Triggers keep them, so that nothing is ever to be found: what is, came from a restored table or a mistake, and is worth
a look. The definitions are the migrations' own functions.
"""

from collections.abc import Mapping
from typing import Any

from app.core.db import Database
from app.core.log import get_logger

WORKS, SHELVES = 2_000, 50

WORK_IDS = "SELECT id FROM works WHERE id > %(after)s ORDER BY id LIMIT %(number)s"
DOCUMENTS = """
    SELECT coalesce(d.work_id, s.work_id) FROM search_documents(%(ids)s) AS d
      FULL JOIN (SELECT work_id, document FROM work_search WHERE work_id = ANY(%(ids)s)) AS s USING (work_id)
     WHERE d.document IS DISTINCT FROM s.document
"""
LABELS = """
    SELECT coalesce(m.work_id, l.work_id) FROM label_masks(%(ids)s) AS m
      FULL JOIN (SELECT * FROM work_labels WHERE work_id = ANY(%(ids)s)) AS l USING (work_id)
     WHERE (m.hues, m.main_hues, m.abilities, m.min_age, m.max_age, m.good, m.has_cover) IS DISTINCT FROM
           (l.hues, l.main_hues, l.abilities, l.min_age, l.max_age, l.good, l.has_cover)
"""
COLLECTION_IDS = "SELECT id FROM collections WHERE id > %(after)s ORDER BY id LIMIT %(number)s"
LOCK_SHELVES = "SELECT FROM collections WHERE id = ANY(%(ids)s) ORDER BY id FOR UPDATE"
SHELF_ROWS = """
    WITH meant AS (
        SELECT i.collection_id, e.work_id,
               CASE WHEN bool_or(e.cover_url IS NOT NULL) THEN coalesce(min(l.hues), 0) ELSE 0 END AS hues,
               coalesce(min(l.main_hues), 0) AS main_hues, coalesce(min(l.abilities), 0) AS abilities,
               min(l.min_age) AS min_age, min(l.max_age) AS max_age, coalesce(bool_and(l.good), false) AS good
          FROM collection_items AS i
          JOIN editions AS e ON e.isbn = i.edition_isbn
          LEFT JOIN work_labels AS l ON l.work_id = e.work_id
         WHERE i.collection_id = ANY(%(ids)s) AND i.withdrawn_at IS NULL AND e.work_id IS NOT NULL
         GROUP BY i.collection_id, e.work_id)
    SELECT coalesce(m.collection_id, c.collection_id), coalesce(m.work_id, c.work_id)
      FROM meant AS m
      FULL JOIN (SELECT * FROM collection_works WHERE collection_id = ANY(%(ids)s)) AS c USING (collection_id, work_id)
     WHERE (m.hues, m.main_hues, m.abilities, m.min_age, m.max_age, m.good) IS DISTINCT FROM
           (c.hues, c.main_hues, c.abilities, c.min_age, c.max_age, c.good)
        OR (m.collection_id IS NULL) <> (c.collection_id IS NULL)
"""
# What is counted, with what is yet to be, is how many collections hold it: all as of one moment.
HOLDERS = """
    WITH meant AS (
        SELECT w.id AS work_id, (SELECT count(DISTINCT i.collection_id) FROM editions AS e
                                   JOIN collection_items AS i ON i.edition_isbn = e.isbn
                                  WHERE e.work_id = w.id AND i.withdrawn_at IS NULL) AS holders
          FROM works AS w WHERE w.id = ANY(%(ids)s)),
    late AS (
        SELECT work_id, sum(delta) AS delta FROM holder_changes CROSS JOIN LATERAL unnest(works) AS work_id
         GROUP BY work_id),
    drift AS (
        SELECT work_id, (meant.holders - h.holders - coalesce(late.delta, 0))::smallint AS delta
          FROM meant JOIN work_holders AS h USING (work_id) LEFT JOIN late USING (work_id)
         WHERE meant.holders <> h.holders + coalesce(late.delta, 0)),
    noted AS (
        INSERT INTO holder_changes (works, delta) SELECT array_agg(work_id), delta FROM drift GROUP BY delta)
    SELECT work_id FROM drift
"""
NOT_COUNTED = """
    INSERT INTO work_holders (work_id) SELECT id FROM works WHERE id = ANY(%(ids)s)
    ON CONFLICT DO NOTHING
"""
SETTLE = "SELECT settle_holders()"
LEFT = "SELECT count(*) FROM holder_changes"


async def keep_search(database: Database) -> Mapping[str, int]:
    """Repair documents, labels and shelves; how many of each had drifted."""
    documents = labels = shelves = 0
    after: Any = 0
    while ids := await _ids(database, WORK_IDS, after, WORKS):
        after = ids[-1]
        documents += await _repair(database, DOCUMENTS, ids, "SELECT refresh_search(%(drifted)s)")
        labels += await _repair(database, LABELS, ids, "SELECT refresh_labels(%(drifted)s)")
    after = "00000000-0000-0000-0000-000000000000"
    while ids := await _ids(database, COLLECTION_IDS, after, SHELVES):
        after = ids[-1]
        shelves += await _repair_shelves(database, ids)
    return _told({"documents": documents, "labels": labels, "shelves": shelves})


async def keep_popularity(database: Database) -> Mapping[str, int]:
    """Repair how many collections hold each work, and count what nobody has had the time to."""
    holders, after = 0, 0
    while ids := await _ids(database, WORK_IDS, after, WORKS):
        after = ids[-1]
        async with database.transaction() as transaction:
            await transaction.allow_bulk()
            await transaction.driver.execute(NOT_COUNTED, {"ids": ids})
            holders += (await transaction.driver.execute(HOLDERS, {"ids": ids})).rowcount
    return _told({"holders": holders, "settled": await _settle(database)})


async def _settle(database: Database) -> int:
    """Count what is left to be counted, while that makes it less; how many entries were."""
    first = left = await _number_left(database)
    while left:
        async with database.transaction() as transaction:
            await transaction.driver.execute(SETTLE)
        before, left = left, await _number_left(database)
        if left >= before:
            break
    return first - left


async def _number_left(database: Database) -> int:
    async with database.transaction(reading=True) as transaction:
        row = await (await transaction.driver.execute(LEFT)).fetchone()
    return int(row[0]) if row else 0


async def _ids(database: Database, statement: str, after: Any, number: int) -> list[Any]:
    async with database.transaction(reading=True) as transaction:
        values = {"after": after, "number": number}
        return [row[0] for row in await (await transaction.driver.execute(statement.encode(), values)).fetchall()]


async def _repair(database: Database, look: str, ids: list[Any], repair: str) -> int:
    async with database.transaction() as transaction:
        await transaction.allow_bulk()
        found = await (await transaction.driver.execute(look.encode(), {"ids": ids})).fetchall()
        if found:
            await transaction.driver.execute(repair.encode(), {"drifted": [row[0] for row in found]})
    return len(found)


async def _repair_shelves(database: Database, ids: list[Any]) -> int:
    """The same of what collections hold. They are locked only where something is wrong, and looked at again."""
    async with database.transaction() as transaction:
        await transaction.allow_bulk()
        driver, values = transaction.driver, {"ids": ids}
        if not await (await driver.execute(SHELF_ROWS, values)).fetchall():
            return 0
        await driver.execute(LOCK_SHELVES, values)
        found = await (await driver.execute(SHELF_ROWS, values)).fetchall()
        pairs = {"collections": [row[0] for row in found], "works": [row[1] for row in found]}
        await driver.execute("SELECT refresh_shelves(%(collections)s, %(works)s)", pairs)
    return len(found)


def _told(report: dict[str, int]) -> dict[str, int]:
    if drifted := sum(number for name, number in report.items() if name != "settled"):
        get_logger().error("projections.drifted", count=drifted)
    return report
