"""Where the id of a work or author leads that was merged into another."""

from collections.abc import Collection

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.models import MergeKind
from app.core.aside import array_of
from app.core.db import driver_of

_CURRENT = """
WITH RECURSIVE trail (asked, id) AS (
    SELECT asked, asked FROM unnest(%s::int[]) AS asked
    UNION ALL
    SELECT t.asked, m.into_id FROM trail t
      JOIN merges m ON m.kind = %s AND m.from_id = t.id AND m.undone_at IS NULL
)
SELECT t.asked, t.id FROM trail t
 WHERE NOT EXISTS (SELECT FROM merges m WHERE m.kind = %s AND m.from_id = t.id AND m.undone_at IS NULL)
"""


async def current_ids(session: AsyncSession, kind: MergeKind, ids: Collection[int]) -> dict[int, int]:
    """The present id for each, which is its own where it was not merged. Whether that exists is not asked."""
    if not ids:
        return {}
    found = await driver_of(session).execute(_CURRENT, [array_of(set(ids)), kind, kind])
    return dict(await found.fetchall())


async def current_id(session: AsyncSession, kind: MergeKind, id_: int) -> int:
    return (await current_ids(session, kind, [id_]))[id_]
