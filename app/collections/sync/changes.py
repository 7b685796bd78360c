"""The bulk statements: however many books a change is about, the database is asked a handful of questions.

A change of up to ``SMALL`` books travels as arrays inside the one statement; a larger one is copied into a temporary
table first (performance measurements in docs/decisions). The statement is the same for both. It runs under the lock
of the collection's row, in the order of the ISBNs, and touches only what differs.
"""

from collections.abc import Collection as Sized
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

from app.collections.sync.plan import Change, Plan
from app.core.db import Driver
from app.core.text import UNTITLED

SMALL = 2_000
BLOCK = 2_000
COLUMNS = ("ord", "isbn", "item_id", "action", "total", "available", "info", "local_key", "sort_title")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did: the rows (by index) that added, updated and removed, and those that found nothing."""

    added: frozenset[int]
    updated: frozenset[int]
    removed: frozenset[int]
    missing: frozenset[int]
    withdrawn: int
    """Holdings withdrawn because a replacement did not name them."""
    withdrawn_isbns: tuple[int, ...]
    """The first of those, for the report."""
    new_editions: tuple[int, ...]
    """The ISBNs that the catalogue did not know."""


# `found` pairs every change with the holding that it is about, `held` says what is wanted of it, and `unheld` looks up
# the editions of what is to be added: of a sync that changes nothing, none. What follows writes the difference. Every
# join with a large table comes before anything is written: later ones would read a table that grows under them. A
# holding that is added after it was withdrawn is the same holding, with its history. `unheld` is in the order of the
# ISBNs, in which the indexes grow fastest.
_APPLY = """
found AS (
    SELECT c.*, i.id AS held_id, i.withdrawn_at IS NOT NULL AS was_withdrawn, i.copies_total, i.copies_available,
           i.info AS held_info
      FROM changes c
      LEFT JOIN collection_items i ON i.collection_id = %(collection)s AND i.edition_isbn = c.isbn
     WHERE c.isbn IS NOT NULL
    UNION ALL
    SELECT c.*, i.id, i.withdrawn_at IS NOT NULL, i.copies_total, i.copies_available, i.info
      FROM changes c
      LEFT JOIN collection_items i ON i.collection_id = %(collection)s AND i.id = c.item_id
     WHERE c.isbn IS NULL
),
held AS MATERIALIZED (
    SELECT f.*, t.total AS new_total,
           least(CASE WHEN f.available < 0 THEN t.total
                      ELSE coalesce(f.available, f.copies_available, t.total) END, t.total) AS new_available,
           CASE WHEN f.info IS NULL THEN f.held_info
                WHEN f.info = 'null' THEN NULL
                WHEN %(merge)s THEN coalesce(f.held_info, '{}') || f.info
                ELSE f.info END AS new_info
      FROM found f CROSS JOIN LATERAL (SELECT coalesce(f.total, f.copies_total, 1)) AS t(total)
),
unheld AS MATERIALIZED (
    SELECT h.*, h.isbn IS NOT NULL AND e.isbn IS NULL AS is_unknown, e.sort_title AS edition_title
      FROM (SELECT ord, isbn, local_key, sort_title, new_total, new_available, new_info
              FROM held WHERE action = 'a' AND held_id IS NULL ORDER BY isbn) AS h
      LEFT JOIN editions e ON e.isbn = h.isbn
),
new_editions AS (
    INSERT INTO editions (isbn)
    SELECT isbn FROM unheld WHERE is_unknown ORDER BY isbn
    ON CONFLICT DO NOTHING
    RETURNING isbn
),
inserted AS (
    INSERT INTO collection_items
           (collection_id, edition_isbn, local_key, sort_title, copies_total, copies_available, info)
    SELECT %(collection)s, isbn, local_key, coalesce(edition_title, sort_title, %(untitled)s), new_total,
           new_available, new_info
      FROM unheld
),
updated AS (
    UPDATE collection_items i
       SET copies_total = h.new_total, copies_available = h.new_available, info = h.new_info,
           withdrawn_at = NULL, updated_at = now()
      FROM held h
     WHERE i.id = h.held_id
       AND (h.action = 'a' OR (h.action = 'u' AND NOT h.was_withdrawn))
       AND (h.was_withdrawn OR (h.copies_total, h.copies_available, h.held_info)
                               IS DISTINCT FROM (h.new_total, h.new_available, h.new_info))
    RETURNING h.ord, h.was_withdrawn
),
removed AS (
    UPDATE collection_items i SET withdrawn_at = now(), updated_at = now()
      FROM held h
     WHERE i.id = h.held_id AND h.action = 'r' AND NOT h.was_withdrawn
    RETURNING h.ord
),
withdrawn AS (
    UPDATE collection_items i SET withdrawn_at = now(), updated_at = now()
     WHERE %(replacing)s AND i.collection_id = %(collection)s AND i.withdrawn_at IS NULL
       AND NOT EXISTS (SELECT FROM held h WHERE h.held_id = i.id)
    RETURNING i.edition_isbn
)
SELECT (SELECT array_agg(ord) FROM unheld),
       (SELECT array_agg(ord) FROM updated WHERE was_withdrawn),
       (SELECT array_agg(ord) FROM updated WHERE NOT was_withdrawn),
       (SELECT array_agg(ord) FROM removed),
       (SELECT array_agg(ord) FROM held WHERE action <> 'a' AND (held_id IS NULL OR was_withdrawn)),
       (SELECT count(*) FROM withdrawn),
       (SELECT array_agg(edition_isbn) FROM (SELECT edition_isbn FROM withdrawn LIMIT 100) AS few),
       (SELECT array_agg(isbn) FROM new_editions),
       (SELECT count(*) FROM unheld WHERE is_unknown)
"""


async def apply(
    driver: Driver, collection_id: UUID, changes: Sized[Change], *, replacing: bool, merge_info: bool
) -> Outcome:
    """Write the changes into a collection whose row the transaction has locked. Nothing that is equal is touched."""
    parameters: dict[str, object] = {
        "collection": collection_id,
        "replacing": replacing,
        "merge": merge_info,
        "untitled": UNTITLED,
    }
    if len(changes) > SMALL:
        await _copy(driver, changes)
        statement = "WITH " + _APPLY
    else:
        columns = zip(*map(_values, changes), strict=True) if changes else [[] for _ in COLUMNS]
        parameters |= {name: list(column) for name, column in zip(COLUMNS, columns, strict=True)}
        statement = _FROM_ARRAYS + _APPLY
    (row,) = await (await driver.execute(statement, parameters)).fetchall()
    added, returned, updated, removed, missing, withdrawn, withdrawn_isbns, created, expected = row
    if len(created or []) < expected:
        await _take_over_titles(driver, collection_id)
    return Outcome(
        added=frozenset((added or []) + (returned or [])),
        updated=frozenset(updated or []),
        removed=frozenset(removed or []),
        missing=frozenset(missing or []),
        withdrawn=withdrawn,
        withdrawn_isbns=tuple(isbn for isbn in withdrawn_isbns or [] if isbn is not None),
        new_editions=tuple(created or []),
    )


_FROM_ARRAYS = """WITH changes AS MATERIALIZED (
    SELECT * FROM unnest(%(ord)s::int[], %(isbn)s::bigint[], %(item_id)s::bigint[], %(action)s::"char"[],
                         %(total)s::int[], %(available)s::int[], %(info)s::jsonb[], %(local_key)s::text[],
                         %(sort_title)s::text[])
        AS c(ord, isbn, item_id, action, total, available, info, local_key, sort_title)
), """
_TABLE = """CREATE TEMP TABLE changes (
    ord int, isbn bigint, item_id bigint, action "char", total int, available int, info jsonb, local_key text,
    sort_title text
) ON COMMIT DROP"""


def _values(change: Change) -> tuple[object, ...]:
    return (
        change.index,
        change.isbn,
        change.item_id,
        change.action,
        change.total,
        change.available,
        change.info,
        change.local_key,
        change.sort_title,
    )


async def _copy(driver: Driver, changes: Sized[Change]) -> None:
    """Load the changes into a temporary table that goes with the transaction."""
    await driver.execute(_TABLE)
    async with driver.cursor() as cursor, cursor.copy("COPY changes FROM STDIN") as copy:
        for block in _blocks(changes):
            await copy.write(block)
    await driver.execute("ANALYZE changes")


async def _take_over_titles(driver: Driver, collection_id: UUID) -> None:
    """Another transaction stored some of our unknown editions first, perhaps with titles that we could not see."""
    await driver.execute(
        """UPDATE collection_items i SET sort_title = e.sort_title FROM editions e
            WHERE i.collection_id = %s AND e.isbn = i.edition_isbn AND i.sort_title <> e.sort_title""",
        (collection_id,),
    )


async def recognise(driver: Driver, collection_id: UUID, plan: Plan, *, replacing: bool) -> None:
    """Find the holdings that are named by their id, or, in a replacement, by title and author. Two changes that turn
    out to be about one holding become one."""
    without = [(key, change) for key, change in plan.changes.items() if change.isbn is None]
    if not without:
        return
    rows = await driver.execute(
        """SELECT id, edition_isbn, NULL FROM collection_items
            WHERE collection_id = %(collection)s AND id = ANY(%(ids)s)
           UNION ALL
           (SELECT DISTINCT ON (local_key) id, edition_isbn, local_key FROM collection_items
             WHERE collection_id = %(collection)s AND edition_isbn IS NULL AND local_key = ANY(%(keys)s)
             ORDER BY local_key, withdrawn_at IS NOT NULL, id)""",
        {
            "collection": collection_id,
            "ids": [change.item_id for _, change in without if change.item_id],
            "keys": [change.local_key for _, change in without if replacing and change.local_key],
        },
    )
    held: dict[object, tuple[int, int | None]] = {}
    for item_id, isbn, local_key in await rows.fetchall():
        held[local_key or item_id] = item_id, isbn
    for key, change in without:
        found = held.get(change.local_key if replacing else change.item_id)
        if found is None:
            continue
        change.item_id, change.isbn = found
        if change.isbn is not None:
            del plan.changes[key]
            plan.add(change.isbn, change)


def _blocks(changes: Sized[Change]) -> Iterator[bytes]:
    """The changes in COPY's text format, in blocks that are made in a few milliseconds."""
    waiting = iter(changes)
    while block := list(islice(waiting, BLOCK)):
        yield "".join(map(_line, block)).encode()


def _line(change: Change) -> str:
    total = NULL if change.total is None else change.total
    available = NULL if change.available is None else change.available
    rest = NO_TEXTS
    if change.info is not None or change.local_key is not None:
        rest = "\t".join(map(_text, (change.info, change.local_key, change.sort_title)))
    who = f"{change.index}\t{change.isbn or NULL}\t{change.item_id or NULL}\t{change.action}"
    return f"{who}\t{total}\t{available}\t{rest}\n"


def _text(value: str | None) -> str:
    return NULL if value is None else value.translate(_ESCAPES)


NULL = r"\N"
NO_TEXTS = "\t".join((NULL, NULL, NULL))
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
