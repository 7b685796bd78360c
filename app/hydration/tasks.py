"""The door of the queue."""

from typing import Annotated

from fastapi import Request

from app.books.schemas import Hydrate
from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.hydration import service

router = task_router()


@router.post("/tasks/hydrate", status_code=204)
async def hydrate(work: Annotated[Work[Hydrate], Claimed(Hydrate)], request: Request) -> None:
    state = request.app.state
    labelling = state.settings.label_after_hydration
    await service.hydrate(work, state.providers, work.task.isbns, account=work.account, labelling=labelling)
