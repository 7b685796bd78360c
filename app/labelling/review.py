"""The review queue: which labels a person should look at first. `LabelReview` says by what."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database, driver_of
from app.core.log import get_logger
from app.labelling import queries
from app.labelling.schemas import WorkToReview

WORKS = 2_000
BEFORE_ALL = (2**63 - 1, 0)
"""The weight and the id of what comes before the first work."""


async def to_review(
    session: AsyncSession, *, after: tuple[int, int] | None, skip: int, limit: int
) -> list[WorkToReview]:
    """One page of the held works whose labels are missing, unchecked or doubted: those that matter most first.

    ``after`` is the weight and the id of the last work seen. A work that no library holds can wait, and is not here.
    """
    weight, last = after or BEFORE_ALL
    values = {"turn": -weight, "after": last, "skip": skip, "limit": limit}
    rows = await (await driver_of(session).execute(queries.TO_REVIEW, values)).fetchall()
    names = ("work_id", "title", "libraries", "missing", "unsure", "doubt", "weight", "checked")
    return [WorkToReview.model_validate(dict(zip(names, row, strict=True))) for row in rows]


async def keep_reviews(database: Database) -> Mapping[str, int]:
    """Count anew how many libraries hold each work of the queue, and hold doubts to the labels: how many of each
    changed. Doubts do only if something was wrong."""
    counted = doubts = after = 0
    while ids := await _ids(database, after):
        after = ids[-1]
        moved, drifted = await _keep(database, ids)
        counted, doubts = counted + moved, doubts + drifted
    if doubts:
        get_logger().error("projections.drifted", count=doubts)
    return {"counted": counted, "doubts": doubts}


async def _ids(database: Database, after: int) -> list[int]:
    async with database.transaction(reading=True) as transaction:
        found = await transaction.driver.execute(queries.WORK_IDS, {"after": after, "number": WORKS})
        return [id_ for (id_,) in await found.fetchall()]


async def _keep(database: Database, ids: list[int]) -> tuple[int, int]:
    async with database.transaction() as transaction:
        await transaction.driver.execute(queries.NOT_REVIEWED, {"ids": ids})
    async with database.transaction() as transaction:
        await transaction.allow_bulk()
        free: Any = await (await transaction.driver.execute(queries.FREE, {"ids": ids})).fetchall()
        found = await transaction.driver.execute(queries.KEEP, {"ids": [id_ for (id_,) in free]})
        moved, drifted = await found.fetchone() or (0, 0)
    return moved, drifted
