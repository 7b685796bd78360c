"""The doors of tasks: who may knock, and what a knock means.

    @router.post("/tasks/hydrate", status_code=204)
    async def hydrate(work: Annotated[Work[Hydrate], Claimed(Hydrate)]) -> None:
        await service.hydrate(work)

The queue sends ``{"id": …}``, the id of a stored task. 204: it is done, or there is nothing to do any more. 409:
somebody else does it, or its time has not come. 503: the attempt failed. For these two the queue asks again.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.core.errors import Unauthenticated
from app.core.idempotency import Replay
from app.core.outbox import Task
from app.core.requests import Door
from app.core.schemas import Input
from app.core.work import NothingToDo, Work, attempt

T = TypeVar("T", bound=Task)


class QueueCallers(Protocol):
    """Knows the tokens of those who may call the internal API."""

    async def verify(self, token: str) -> None:
        """``Unauthenticated`` for whatever is wrong with a token; ``Forbidden`` where somebody else has a good one."""
        ...


class Delivery(Input):
    """What a queue says of a task: its id. What is to be done stays in the database."""

    id: UUID


async def verified_caller(request: Request) -> None:
    """The mark of an internal door: only the queue, the scheduler or the local deliverer may call."""
    given = request.headers.getlist("authorization")
    scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated
    callers: QueueCallers = request.app.state.queue_callers
    await callers.verify(token.strip())


queue_only = Depends(verified_caller)


def task_router() -> APIRouter:
    """A router of internal doors, all of which verify who calls."""
    return APIRouter(prefix="/v1", tags=["tasks"], route_class=Door, dependencies=[queue_only])


def Claimed(kind: type[T]) -> Any:
    """The claimed task of a door; the door's end is the task's, see ``core/work.attempt``."""

    async def claimed(request: Request, _: Annotated[None, queue_only], delivery: Delivery) -> AsyncIterator[Work[T]]:
        state = request.app.state
        try:
            async with attempt(state.database, state.restore, kind, delivery.id) as work:
                yield work
        except NothingToDo:
            raise Replay(Response(status_code=204)) from None

    vars(claimed)["task"] = kind
    return Depends(claimed, scope="function")
