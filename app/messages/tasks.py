"""The doors of the queue."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.events.alerts import SendAlert
from app.messages import delivery
from app.messages.delivery import Post
from app.messages.schemas import Alerter, SendEmail

router = task_router()


async def get_post(request: Request) -> Post:
    state = request.app.state
    return Post(state.settings, state.vault, state.mailer)


async def get_alerter(request: Request) -> Alerter | None:
    alerter: Alerter | None = request.app.state.alerter
    return alerter


@router.post("/tasks/send-email", status_code=204)
async def send_email(
    work: Annotated[Work[SendEmail], Claimed(SendEmail)], post: Annotated[Post, Depends(get_post)]
) -> None:
    await delivery.deliver(work, post)


@router.post("/tasks/send-alert", status_code=204)
async def send_alert(
    work: Annotated[Work[SendAlert], Claimed(SendAlert)], alerter: Annotated[Alerter | None, Depends(get_alerter)]
) -> None:
    await delivery.tell(work, alerter)
