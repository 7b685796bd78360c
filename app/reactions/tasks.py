"""The doors of the queue."""

from typing import Annotated

from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.events.schemas import ProcessEvent
from app.reactions import service

router = task_router()


@router.post("/tasks/process-event", status_code=204)
async def process_event(work: Annotated[Work[ProcessEvent], Claimed(ProcessEvent)]) -> None:
    await service.process(work)
