"""What staff do with tasks at a terminal: one line of JSON for each answer, so that `jq` can go on with it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from app.core.environment import settings
from app.core.errors import Problem
from app.core.outbox import TaskState
from app.tasks import service
from app.tasks.schemas import TaskBrief, TaskChoice, TaskDetail, TaskFilter, TasksChanged

app = typer.Typer(no_args_is_help=True, help="What is done after the answer.")

Kinds = Annotated[str | None, typer.Option("--kind", help="Of this kind, such as process-event.")]
Failures = Annotated[str | None, typer.Option("--failure", help="That failed so, such as TimeoutError.")]
Named = Annotated[list[UUID] | None, typer.Argument(help="The ids of tasks.")]


@app.command("list")
def list_(
    state: Annotated[TaskState | None, typer.Option(help="That stand so.")] = None,
    kind: Kinds = None,
    failure: Failures = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000)] = 100,
) -> None:
    """List tasks, the newest first."""

    async def look(session: AsyncSession) -> list[BaseModel]:
        wanted = TaskFilter(state, kind, failure)
        found = await service.list_tasks(session, wanted, after=None, skip=0, limit=limit)
        return [TaskBrief.model_validate(row) for row in found]

    _print(look)


@app.command()
def groups() -> None:
    """How the tasks stand that are not done, by kind, state and failure."""

    async def look(session: AsyncSession) -> list[BaseModel]:
        return list((await service.list_groups(session)).data)

    _print(look)


@app.command()
def show(task_id: UUID) -> None:
    """Show one task."""

    async def look(session: AsyncSession) -> list[BaseModel]:
        return [TaskDetail.model_validate(await service.task_by_id(session, task_id))]

    _print(look)


@app.command()
def replay(ids: Named = None, kind: Kinds = None, failure: Failures = None) -> None:
    """Have tasks tried again that were set aside or discarded."""

    async def act(session: AsyncSession) -> list[BaseModel]:
        return [TasksChanged(number=await service.replay(session, None, _choice(ids, kind, failure)))]

    _print(act)


@app.command()
def discard(ids: Named = None, kind: Kinds = None, failure: Failures = None) -> None:
    """Give up tasks that were set aside or still wait."""

    async def act(session: AsyncSession) -> list[BaseModel]:
        return [TasksChanged(number=await service.discard(session, None, _choice(ids, kind, failure)))]

    _print(act)


@app.command()
def jobs() -> None:
    """What a clock starts, whether it is late, and its last runs."""

    async def look(session: AsyncSession) -> list[BaseModel]:
        return list((await service.list_jobs(session)).data)

    _print(look)


def _choice(ids: list[UUID] | None, kind: str | None, failure: str | None) -> TaskChoice:
    given: dict[str, Any] = {"ids": ids or None, "kind": kind, "failure": failure}
    return TaskChoice(**given)


def _print(act: Callable[[AsyncSession], Awaitable[list[BaseModel]]]) -> None:
    """Do it in a transaction of its own, and print the answer."""

    async def run() -> list[BaseModel]:
        database = Database(settings())
        try:
            async with database.transaction() as transaction:
                return await act(transaction.session)
        finally:
            await database.dispose()

    try:
        for line in asyncio.run(run()):
            typer.echo(line.model_dump_json())
    except (Problem, ValidationError) as refusal:
        raise SystemExit(f"error: {refusal}") from refusal
