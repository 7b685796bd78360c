"""Jobs that a clock starts: one run of each at a time, on record, whoever calls and however often.

Cloud Scheduler calls at least once and may be late: a call soon after a good run finds nothing to do, and one that was
missed is made up for by the next. A process that ends amid its run leaves it to be taken for lost.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

from psycopg.types.json import Jsonb

from app.core.db import Database
from app.core.errors import Busy
from app.core.log import get_logger

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Job:
    """When a job is to run, by how much it may be late before somebody is told, and how long a run may take."""

    name: str
    every: timedelta
    tolerance: timedelta
    longest: timedelta


SCHEDULE = (
    Job("sweep", every=MINUTE, tolerance=5 * MINUTE, longest=MINUTE),
    Job("retention", every=DAY, tolerance=12 * HOUR, longest=30 * MINUTE),
    Job("search-upkeep", every=DAY, tolerance=12 * HOUR, longest=30 * MINUTE),
    Job("popularity-upkeep", every=DAY, tolerance=12 * HOUR, longest=30 * MINUTE),
    Job("review-upkeep", every=HOUR, tolerance=HOUR, longest=30 * MINUTE),
    Job("stale-syncs", every=DAY, tolerance=12 * HOUR, longest=10 * MINUTE),
)
Run: TypeAlias = Callable[[Database], Awaitable[Mapping[str, int]]]
"""Does a job, and reports it in numbers."""

LOSE = """
    UPDATE job_runs SET outcome = 'lost', ended_at = now()
     WHERE job = %(job)s AND outcome = 'running' AND started_at < now() - %(longest)s
"""
BEGIN = """
    INSERT INTO job_runs (id, job, outcome)
    SELECT gen_random_uuid(), %(job)s::varchar, 'running'
     WHERE NOT EXISTS (SELECT FROM job_runs
                        WHERE job = %(job)s::varchar AND outcome = 'done' AND started_at > now() - %(soonest)s)
    ON CONFLICT (job) WHERE outcome = 'running' DO NOTHING
    RETURNING id
"""
RUNNING = "SELECT FROM job_runs WHERE job = %(job)s AND outcome = 'running'"
END = """
    UPDATE job_runs SET outcome = %(outcome)s, failure = %(failure)s, report = %(report)s, ended_at = now()
     WHERE id = %(id)s AND outcome = 'running'
"""


async def run(database: Database, job: Job, act: Run) -> Mapping[str, int] | None:
    """Run a job, unless it did well a moment ago: then None. Raises ``Busy`` while another runs it."""
    id_ = await _begin(database, job)
    if id_ is None:
        return None
    try:
        async with asyncio.timeout(job.longest.total_seconds()):
            report = await act(database)
    except BaseException as error:
        await _end(database, id_, outcome="failed", failure=type(error).__name__, report={})
        get_logger().error("job.failed", kind=job.name, exc_info=error)
        raise
    await _end(database, id_, outcome="done", failure=None, report=report)
    get_logger().info("job.done", kind=job.name)
    return report


async def _begin(database: Database, job: Job) -> UUID | None:
    values = {"job": job.name, "longest": job.longest + MINUTE, "soonest": job.every / 2}
    async with database.transaction() as transaction:
        await transaction.driver.execute(LOSE, values)
        begun = await (await transaction.driver.execute(BEGIN, values)).fetchone()
        if begun is not None:
            found: UUID = begun[0]
            return found
        if await (await transaction.driver.execute(RUNNING, values)).fetchone() is not None:
            raise Busy("The job is running.", retry_after=10)
    return None


async def _end(database: Database, id_: UUID, *, outcome: str, failure: str | None, report: Mapping[str, int]) -> None:
    values = {"id": id_, "outcome": outcome, "failure": failure, "report": Jsonb(dict(report))}
    async with database.transaction(reading=True) as transaction:
        await transaction.driver.execute(END, values)
