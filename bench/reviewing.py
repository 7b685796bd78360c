"""T17: a page of the labels' review queue: first, deep, large; and what its upkeep takes."""

import time

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.config import Settings
from app.core.db import Database
from app.labelling.review import keep_reviews, to_review
from bench.report import Finding, Report, middle
from bench.world import refresh

PAGE, LARGE = 100, 1_000
REPETITIONS = 20
MOST = 50.0
MIDDLE = "SELECT -turn, work_id FROM label_reviews WHERE turn < 0 ORDER BY turn, work_id OFFSET %s LIMIT 1"
QUEUED = "SELECT count(*) FROM label_reviews WHERE turn < 0"


async def measure(report: Report, settings: Settings, rounds: int) -> None:
    database = Database(settings)
    started = time.perf_counter()
    kept = await keep_reviews(database)
    first = time.perf_counter() - started
    refresh(settings, "label_reviews")
    started = time.perf_counter()
    await keep_reviews(database)
    report.remark(
        f"T17 upkeep: {first:.1f} s that count {kept['counted']:,} works anew, "
        f"{time.perf_counter() - started:.1f} s that find nothing to do"
    )
    async with database.transaction(reading=True) as transaction:
        (queued,) = await transaction.row(QUEUED, []) or (0,)
        weight, last = await transaction.row(MIDDLE, [queued // 2]) or (0, 0)
        report.remark(f"T17 queue: {queued:,} works")
        pages: dict[str, tuple[tuple[int, int] | None, int]] = {
            f"first page of {PAGE}": (None, PAGE),
            f"page of {PAGE} in the middle": ((weight, last), PAGE),
            f"first page of {LARGE:,}": (None, LARGE),
        }
        for what, (after, limit) in pages.items():
            times = [await _seconds(transaction.session, after, limit) for _ in range(rounds * REPETITIONS)]
            report.add(Finding("T17", what, middle(times) * 1000, MOST, unit="ms"))
    await database.dispose()


async def _seconds(session: AsyncSession, after: tuple[int, int] | None, limit: int) -> float:
    started = time.perf_counter()
    await to_review(session, after=after, skip=0, limit=limit)
    return time.perf_counter() - started
