"""The doors of the queue."""

from typing import Annotated

from fastapi import Request

from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.events.alerts import TellSupporters
from app.feedback import service

router = task_router()


@router.post("/tasks/tell-supporters", status_code=204)
async def tell_supporters(work: Annotated[Work[TellSupporters], Claimed(TellSupporters)], request: Request) -> None:
    await service.tell_supporters(work, request.app.state.settings)
