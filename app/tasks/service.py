"""The verbs of staff at the desk of tasks and jobs."""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import note
from app.core.account import Account
from app.core.errors import NotFound
from app.core.outbox import TaskRow, TaskState, tell_again
from app.tasks import queries
from app.tasks.jobs import SCHEDULE
from app.tasks.models import JobRun
from app.tasks.schemas import JobRead, JobRunRead, Jobs, TaskChoice, TaskFilter, TaskGroup, TaskGroups

REPLAYABLE = (TaskState.SET_ASIDE, TaskState.DISCARDED)
DISCARDABLE = (TaskState.SET_ASIDE, TaskState.PENDING)


async def list_tasks(
    session: AsyncSession, wanted: TaskFilter, *, after: tuple[datetime, UUID] | None, skip: int, limit: int
) -> list[TaskRow]:
    """One page of tasks, the newest first."""
    return list(await session.scalars(queries.tasks_matching(wanted, after=after, skip=skip, limit=limit)))


async def task_by_id(session: AsyncSession, task_id: UUID) -> TaskRow:
    """Raises ``NotFound``."""
    found = await session.scalar(select(TaskRow).where(TaskRow.id == task_id))
    if found is None:
        raise NotFound("There is no such task; one that was done is kept for a week.")
    return found


async def list_groups(session: AsyncSession) -> TaskGroups:
    """How the tasks stand that are not done: those that were set aside first, the most alike before others."""
    return TaskGroups(data=[TaskGroup.model_validate(row) for row in await session.execute(queries.groups())])


async def replay(session: AsyncSession, account: Account | None, choice: TaskChoice) -> int:
    """Let tasks that were set aside or discarded be tried again, eight times; how many."""
    values = {"state": TaskState.PENDING, "attempts": 0, "due_at": func.now(), "ended_at": None}
    values |= {"offers": TaskRow.offers + 1, "offered_at": func.now()}
    changed = await _change(session, choice, REPLAYABLE, values)
    tell_again(session, [(row.id, row.kind, row.offers + 1) for row in changed])
    return _noted(session, account, "task.replayed", choice, len(changed))


async def discard(session: AsyncSession, account: Account | None, choice: TaskChoice) -> int:
    """Give tasks up that were set aside or wait; how many. What a worker has in hand is left to it."""
    changed = await _change(session, choice, DISCARDABLE, {"state": TaskState.DISCARDED, "ended_at": func.now()})
    return _noted(session, account, "task.discarded", choice, len(changed))


async def list_jobs(session: AsyncSession) -> Jobs:
    """Every job of the schedule, whether it is late, and its last runs."""
    runs: dict[str, list[JobRun]] = defaultdict(list)
    for run in await session.scalars(queries.last_runs()):
        runs[run.job].append(run)
    done: dict[str, datetime] = {row.job: row.at for row in await session.execute(queries.last_done())}
    now = datetime.now(UTC)
    return Jobs(
        data=[
            JobRead(
                name=job.name,
                every_seconds=round(job.every.total_seconds()),
                late=job.name not in done or done[job.name] < now - job.every - job.tolerance,
                last_done_at=done.get(job.name),
                runs=[JobRunRead.model_validate(run) for run in runs[job.name]],
            )
            for job in SCHEDULE
        ]
    )


async def _change(
    session: AsyncSession, choice: TaskChoice, states: tuple[TaskState, ...], values: dict[str, Any]
) -> list[Any]:
    free = {"claim": None, "claimed_until": None}
    ids = queries.chosen(choice, states)
    statement = update(TaskRow).where(TaskRow.id.in_(ids)).values(**values, **free)
    return list(await session.execute(statement.returning(TaskRow.id, TaskRow.kind, TaskRow.offers)))


def _noted(session: AsyncSession, account: Account | None, action: str, choice: TaskChoice, number: int) -> int:
    if number:
        details: dict[str, Any] = choice.model_dump(mode="json", exclude_none=True)
        note(session, action, account=account, number=number, **details)
    return number
