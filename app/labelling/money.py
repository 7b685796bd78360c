"""The day's money for labelling: reserved before it is spent, so that no two tasks spend the same."""

from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import driver_of
from app.core.work import MARGIN, Work
from app.labelling import queries
from app.labelling.labellers import Book, Labellers
from app.labels.schemas import GenerateLabels

LAPSE = GenerateLabels.deadline + 2 * MARGIN
"""By then the attempt that reserved is over: what it did not settle, its worker took with it."""
UNCOUNTED = 0


async def reserve(work: Work[Any], labellers: Labellers, book: Book) -> int | None:
    """Set aside what the first labeller may take for a book at most; None where what is left of the day's budget does
    not cover that."""
    if labellers.daily_budget is None:
        return UNCOUNTED
    values = {
        "task": work.id,
        "most": labellers.first.most(book),
        "budget": labellers.daily_budget,
        "lapse": LAPSE,
    }
    async with work.reading() as session:
        (reserved,) = await (await driver_of(session).execute(queries.RESERVE, values)).fetchone() or (None,)
    return reserved


async def settle(work: Work[Any], reserved: int, cost: Decimal) -> None:
    """Keep of a reservation what was spent, until the attempt stores it."""
    if reserved != UNCOUNTED:
        async with work.reading() as session:
            await driver_of(session).execute(queries.SETTLE, {"id": reserved, "cost": cost})


async def hand_in(session: AsyncSession, work: Work[Any], labellers: Labellers) -> None:
    """In the transaction that stores what a task spent: its reservations have served."""
    if labellers.daily_budget is not None:
        await driver_of(session).execute(queries.HAND_IN, [work.id])
