"""The door of the queue."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.labelling import service
from app.labelling.labellers import Labellers
from app.labels.schemas import GenerateLabels

router = task_router()


async def get_labellers(request: Request) -> Labellers:
    labellers: Labellers = request.app.state.labellers
    return labellers


@router.post("/tasks/generate-labels", status_code=204)
async def generate_labels(
    work: Annotated[Work[GenerateLabels], Claimed(GenerateLabels)],
    labellers: Annotated[Labellers, Depends(get_labellers)],
) -> None:
    await service.generate_labels(work, labellers)
