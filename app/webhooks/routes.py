"""The doors of webhooks, and the description of what receivers are sent."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.idempotency import Idempotent
from app.core.include import Include
from app.core.paging import Pages
from app.core.requests import Door
from app.webhooks import service
from app.webhooks.models import DeliveryState, Webhook
from app.webhooks.schemas import (
    CollectionUpdated,
    DeliveryDetail,
    DeliveryListsResponse,
    EditionLabelled,
    SchoolUpdated,
    WebhookCreatedResponse,
    WebhookCreateIn,
    WebhookDetail,
    WebhookListsResponse,
    WebhookRotateIn,
    WebhookUpdateIn,
)

router = APIRouter(prefix="/v1", tags=["webhooks"], route_class=Door)
told = APIRouter(tags=["webhooks"])
"""Not served: what receivers are sent, for the `webhooks` of the OpenAPI document."""


async def unborn_webhook(given: WebhookCreateIn, caller: Caller) -> Webhook:
    program = None if caller.kind == "user" or caller.is_admin else caller.id
    return Webhook(school_id=given.school_id, service_account_id=program)


async def webhook_by_id(webhook_id: UUID, session: Session) -> Webhook:
    return await service.get_webhook(session, webhook_id)


async def webhook_to_change(webhook_id: UUID, session: Session) -> Webhook:
    return await service.get_webhook(session, webhook_id, to_change=True)


Creatable = Annotated[Webhook, Permission("create", unborn_webhook)]
Readable = Annotated[Webhook, Permission("read", webhook_by_id)]
Changeable = Annotated[Webhook, Permission("update", webhook_to_change)]
Deletable = Annotated[Webhook, Permission("delete", webhook_to_change)]


@router.get("/webhooks")
async def find(
    caller: Caller,
    session: Session,
    pages: Pages,
    school_id: Annotated[UUID | None, Query(description="Only those of this school.")] = None,
    include: Include = None,
) -> WebhookListsResponse:
    """The webhooks that you may read, the newest first."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await service.list_webhooks(
        session, caller, school_id, include, after=after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(found), (found[-1].created_at.isoformat(), str(found[-1].id)) if found else None)
    return WebhookListsResponse(data=found, pagination=pages.describe(None))


@router.post("/webhook")
async def create(
    given: WebhookCreateIn, webhook: Creatable, caller: Caller, session: Session, _: Idempotent
) -> WebhookCreatedResponse:
    """Have a school's events sent to a receiver of yours. The answer has the secret that signs them, this once.

    Each request to it follows Standard Webhooks 1.0, and holds ids alone: ask this API for what they name. A library
    system sees and changes what programs have registered at the schools that it serves, a school admin all of the
    school's.
    """
    return await service.create(session, caller, webhook, given)


@router.get("/webhook/{webhook_id}")
async def get(webhook: Readable, caller: Caller) -> WebhookDetail:
    """A webhook. Its secret is not shown again: rotate it if it is lost."""
    return WebhookDetail.model_validate(webhook)


@router.patch("/webhook/{webhook_id}")
async def update(webhook: Changeable, caller: Caller, session: Session, patch: WebhookUpdateIn) -> WebhookDetail:
    """Change a webhook, or switch it off or on.

    The system switches one off, and writes to the school's admins, once its receiver has answered 410, or 20 attempts
    in a row have failed over five days or more.
    """
    return await service.update(session, caller, webhook, patch)


@router.delete("/webhook/{webhook_id}", status_code=204)
async def delete(webhook: Deletable, caller: Caller, session: Session) -> None:
    """Delete a webhook and its log."""
    await service.remove(session, caller, webhook)


@router.post("/webhook/{webhook_id}/rotate-secret")
async def rotate_secret(
    webhook: Changeable, caller: Caller, session: Session, given: WebhookRotateIn | None = None
) -> WebhookCreatedResponse:
    """Make a new secret. For the hours of the overlap each request is signed with both."""
    overlap = timedelta(hours=(given or WebhookRotateIn()).overlap_hours)
    return await service.rotate(session, caller, webhook, overlap)


@router.get("/webhook/{webhook_id}/deliveries")
async def list_deliveries(
    webhook: Readable,
    session: Session,
    pages: Pages,
    state: Annotated[DeliveryState | None, Query(description="Only deliveries at this state.")] = None,
) -> DeliveryListsResponse:
    """What a webhook was told in the last 30 days, the newest first, and how each delivery went."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await service.list_deliveries(session, webhook, state, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].created_at.isoformat(), str(found[-1].id)) if found else None)
    return DeliveryListsResponse(data=list(found), pagination=pages.describe(None))


@router.post("/webhook/{webhook_id}/delivery/{delivery_id}/replay")
async def replay(webhook: Changeable, delivery_id: UUID, caller: Caller, session: Session) -> DeliveryDetail:
    """Deliver something once more, under the same `webhook-id`."""
    return await service.replay(session, caller, webhook, delivery_id)


@told.post("collection.updated", status_code=204)
async def collection_updated(body: CollectionUpdated) -> None:
    """What the school's collection holds, or how it is described, has changed."""


@told.post("edition.labelled", status_code=204)
async def edition_labelled(body: EditionLabelled) -> None:
    """Books that the school holds have other labels."""


@told.post("school.updated", status_code=204)
async def school_updated(body: SchoolUpdated) -> None:
    """The school's own data has changed."""
