"""Shapes of the desk at which staff look after tasks and jobs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from app.core.outbox import TaskState
from app.core.schemas import Input, JsonObject, Page, Schema
from app.tasks.models import JobOutcome

MOST_NAMED = 1_000

Kind = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")]
Failure = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.]{0,119}$")]


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Which tasks are asked for; None: whatever it is."""

    state: TaskState | None = None
    kind: str | None = None
    failure: str | None = None


class TaskBrief(Schema):
    id: UUID
    kind: str
    state: TaskState
    attempts: int
    failure: str | None = Field(description="The kind of the last failure: tasks that failed alike share it.")
    account: str | None = Field(description="On whose behalf it runs, by kind and id; null for the system itself.")
    request_id: str | None = Field(description="The `X-Request-ID` of the request that caused it.")
    created_at: datetime
    due_at: datetime = Field(description="Not before this time is it tried.")
    ended_at: datetime | None


class TaskDetail(TaskBrief):
    """A task, with what is to be done and where its last attempt failed."""

    payload: JsonObject
    failure_detail: str | None = Field(description="The places in our own code, the innermost last.")
    impersonator: str | None
    claimed_until: datetime | None = Field(description="Until when a worker has it; null: nobody has.")
    offers: int = Field(description="How often a sweep has told the queue of it again.")


class TaskPage(Page[TaskBrief]):
    """Tasks, the newest first."""


class TaskGroup(Schema):
    """Tasks that stand alike: of one kind and state, with the same failure."""

    kind: str
    state: TaskState
    failure: str | None
    number: int
    oldest: datetime


class TaskGroups(Schema):
    data: list[TaskGroup]


class TaskChoice(Input):
    """Which tasks are meant: those that are named, or all of a kind, or those of them with one failure."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"kind": "process-event", "failure": "TimeoutError"}]})

    ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_NAMED)] | None = None
    kind: Kind | None = None
    failure: Failure | None = None

    @model_validator(mode="after")
    def _names_some(self) -> Self:
        if (self.ids is None) == (self.kind is None):
            raise ValueError("Name the tasks by `ids`, or by `kind` and perhaps `failure`.")
        if self.failure is not None and self.kind is None:
            raise ValueError("`failure` goes with `kind`.")
        return self


class TasksChanged(Schema):
    number: int = Field(description="How many tasks that was; call again while it is 1000.")


class JobRunRead(Schema):
    outcome: JobOutcome
    started_at: datetime
    ended_at: datetime | None
    failure: str | None
    report: JsonObject = Field(description="What the run found, in numbers.")


class JobRead(Schema):
    """A job, and its last twenty runs, the newest first."""

    name: str
    every_seconds: int
    late: bool = Field(description="Whether no run did well for longer than the job may be late.")
    last_done_at: datetime | None
    runs: list[JobRunRead]


class Jobs(Schema):
    data: list[JobRead]


class JobReport(Schema):
    job: str
    ran: bool = Field(description="False: it did well a moment ago, and there was nothing to do.")
    report: JsonObject
