"""Selects on tasks and jobs that are worth a name."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_

from app.core.outbox import TaskRow, TaskState
from app.tasks.models import JobOutcome, JobRun
from app.tasks.schemas import MOST_NAMED, TaskChoice, TaskFilter

RUNS_SHOWN = 20


def tasks_matching(
    wanted: TaskFilter, *, after: tuple[datetime, UUID] | None, skip: int, limit: int
) -> Select[TaskRow]:
    """One page of tasks, the newest first, from the one after ``after``: its moment and id."""
    equal: list[tuple[Any, Any]] = [
        (TaskRow.state, wanted.state),
        (TaskRow.kind, wanted.kind),
        (TaskRow.failure, wanted.failure),
    ]
    page = select(TaskRow).where(*(column == value for column, value in equal if value is not None))
    if after is not None:
        page = page.where(tuple_(TaskRow.created_at, TaskRow.id) < after)
    return page.order_by(TaskRow.created_at.desc(), TaskRow.id.desc()).offset(skip).limit(limit)


def groups() -> Select[*tuple[Any, ...]]:
    """How tasks stand that are not done, by kind, state and failure."""
    number, oldest = func.count().label("number"), func.min(TaskRow.created_at).label("oldest")
    return (
        select(TaskRow.kind, TaskRow.state, TaskRow.failure, number, oldest)
        .where(TaskRow.state.in_((TaskState.PENDING, TaskState.SET_ASIDE)))
        .group_by(TaskRow.kind, TaskRow.state, TaskRow.failure)
        .order_by(TaskRow.state.desc(), number.desc(), TaskRow.kind, TaskRow.failure)
    )


def chosen(choice: TaskChoice, states: Sequence[TaskState]) -> Select[UUID]:
    """The ids of the tasks that are meant and stand so, which nobody is working on; locked, a thousand at most."""
    free: ColumnElement[bool] = TaskRow.claimed_until.is_(None) | (TaskRow.claimed_until < func.now())
    query = select(TaskRow.id).where(TaskRow.state.in_(states), free)
    if choice.ids is not None:
        query = query.where(TaskRow.id.in_(choice.ids))
    if choice.kind is not None:
        query = query.where(TaskRow.kind == choice.kind)
    if choice.failure is not None:
        query = query.where(TaskRow.failure == choice.failure)
    return query.order_by(TaskRow.created_at, TaskRow.id).limit(MOST_NAMED).with_for_update(skip_locked=True)


def last_runs() -> Select[JobRun]:
    """The last runs of each job, the newest first."""
    rank = func.row_number().over(partition_by=JobRun.job, order_by=(JobRun.started_at.desc(), JobRun.id.desc()))
    ranked = select(JobRun.id, rank.label("rank")).subquery()
    newest = select(ranked.c.id).where(ranked.c.rank <= RUNS_SHOWN)
    return select(JobRun).where(JobRun.id.in_(newest)).order_by(JobRun.started_at.desc(), JobRun.id.desc())


def last_done() -> Select[*tuple[Any, ...]]:
    """When each job last began a run that did well."""
    moment = func.max(JobRun.started_at).label("at")
    return select(JobRun.job, moment).where(JobRun.outcome == JobOutcome.DONE).group_by(JobRun.job)
