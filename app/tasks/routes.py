"""The desk at which staff look after tasks and jobs."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.outbox import TaskRow, TaskState
from app.core.paging import Pages
from app.core.requests import Door
from app.tasks import service
from app.tasks.models import JobRun
from app.tasks.schemas import (
    Failure,
    Jobs,
    Kind,
    TaskBrief,
    TaskChoice,
    TaskDetail,
    TaskFilter,
    TaskGroups,
    TaskPage,
    TasksChanged,
)

router = APIRouter(prefix="/v1", tags=["tasks"], route_class=Door)

Reader = Annotated[Account, Permission("read", list(TaskRow.__acl__))]
Replayer = Annotated[Account, Permission("replay", list(TaskRow.__acl__))]
Discarder = Annotated[Account, Permission("discard", list(TaskRow.__acl__))]
JobReader = Annotated[Account, Permission("read", list(JobRun.__acl__))]


async def task_filter(
    state: TaskState | None = None,
    kind: Annotated[Kind | None, Query(description="Such as `process-event`.")] = None,
    failure: Annotated[
        Failure | None, Query(description="The kind of the last failure, as `GET /v1/task-groups` says it.")
    ] = None,
) -> TaskFilter:
    return TaskFilter(state, kind, failure)


async def task_by_id(session: Session, task_id: UUID) -> TaskRow:
    return await service.task_by_id(session, task_id)


@router.get("/tasks")
async def find(
    caller: Reader, session: Session, wanted: Annotated[TaskFilter, Depends(task_filter)], pages: Pages
) -> TaskPage:
    """Tasks, the newest first: what a request has caused, and how far that is. What is done is kept for a week."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await service.list_tasks(session, wanted, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].created_at.isoformat(), str(found[-1].id)) if found else None)
    return TaskPage(data=[TaskBrief.model_validate(row) for row in found], pagination=pages.describe(None))


@router.get("/task-groups")
async def groups(caller: Reader, session: Session) -> TaskGroups:
    """How the tasks stand that are not done, by kind, state and failure; those that were set aside first."""
    return await service.list_groups(session)


@router.get("/task/{task_id}")
async def get(found: Annotated[TaskRow, Permission("read", task_by_id)]) -> TaskDetail:
    """A task, with what is to be done and where its last attempt failed."""
    return TaskDetail.model_validate(found)


@router.post("/tasks/replay")
async def replay(caller: Replayer, session: Session, choice: TaskChoice) -> TasksChanged:
    """Have tasks tried again that were set aside or discarded: those of these ids, or of a kind and failure. A thousand
    at most; what stands otherwise stays as it is."""
    return TasksChanged(number=await service.replay(session, caller, choice))


@router.post("/tasks/discard")
async def discard(caller: Discarder, session: Session, choice: TaskChoice) -> TasksChanged:
    """Give up tasks that were set aside or still wait. A thousand at most; what a worker has in hand is left to it."""
    return TasksChanged(number=await service.discard(session, caller, choice))


@router.get("/jobs")
async def jobs(caller: JobReader, session: Session) -> Jobs:
    """What a clock starts: every job, whether it is late, and its last twenty runs."""
    return await service.list_jobs(session)
