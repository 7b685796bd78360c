"""The doors of the queue."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.webhooks import delivery
from app.webhooks.sending import DeliverWebhook, Sender

router = task_router()


async def get_sender(request: Request) -> Sender:
    sender: Sender = request.app.state.webhook_sender
    return sender


@router.post("/tasks/deliver-webhook", status_code=204)
async def deliver_webhook(
    work: Annotated[Work[DeliverWebhook], Claimed(DeliverWebhook)],
    sender: Annotated[Sender, Depends(get_sender)],
    request: Request,
) -> None:
    await delivery.deliver(work, sender, request.app.state.vault)
