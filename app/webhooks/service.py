"""The verbs of webhooks. Other services call ``announce`` in the line that did what is told; the task sends it."""

import base64
import secrets
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from psycopg.sql import Composed
from psycopg.types.json import Jsonb
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import note
from app.core.account import Account
from app.core.config import Settings
from app.core.db import driver_of, transaction_of
from app.core.errors import Conflict, FieldError, Invalid, NotFound, QuotaExceeded
from app.core.include import Included, permissions_if
from app.core.outbox import enqueue
from app.core.sealing import Vault
from app.events.service import record
from app.webhooks import queries
from app.webhooks.models import DeliveryState, Webhook, WebhookEvent
from app.webhooks.schemas import (
    DeliveryDetail,
    WebhookCreatedResponse,
    WebhookCreateIn,
    WebhookDetail,
    WebhookUpdateIn,
)
from app.webhooks.sending import DeliverWebhook
from app.webhooks.urls import fault_of

MOST_AT_A_SCHOOL = 20
SECRET_BYTES = 32
PREFIX = "whsec_"


async def announce(
    session: AsyncSession, event: WebhookEvent, *, account: Account | None, school_id: UUID | None, **ids: object
) -> None:
    """Have the webhooks of a school told of an event, if it has any: ids alone. ``account`` is who did it."""
    if school_id is None:
        return
    data = {"school_id": str(school_id), **{name: str(value) for name, value in ids.items()}}
    values = {"event": event.value, "school_id": school_id, "data": Jsonb(data)}
    await _announce(session, queries.ANNOUNCE, values, account)


async def announce_labelled(session: AsyncSession, work_ids: Iterable[int], *, account: Account | None) -> None:
    """Have the webhooks of every school that holds an edition of these works told that they have other labels."""
    values = {"event": WebhookEvent.EDITION_LABELLED.value, "school_id": None, "work_ids": list(work_ids)}
    await _announce(session, queries.ANNOUNCE_LABELLED, values, account)


async def _announce(
    session: AsyncSession, statement: Composed, values: dict[str, Any], account: Account | None
) -> None:
    rows = await (await driver_of(session).execute(statement, values)).fetchall()
    if rows:
        await enqueue(session, *(DeliverWebhook(delivery_id=id_) for (id_,) in rows), account=account)


async def list_webhooks(
    session: AsyncSession,
    account: Account,
    school_id: UUID | None,
    include: Included = None,
    *,
    after: tuple[datetime, UUID] | None,
    skip: int,
    limit: int,
) -> list[WebhookDetail]:
    """One page of the webhooks that the account may read, the newest first."""
    query = queries.webhooks_visible(account.principals, school_id, after=after).offset(skip).limit(limit)
    return [_shown(each, account, include) for each in await session.scalars(query)]


async def get_webhook(session: AsyncSession, webhook_id: UUID, *, to_change: bool = False) -> Webhook:
    found = await session.scalar(queries.webhook_with(webhook_id, locked=to_change))
    if found is None:
        raise NotFound("There is no such webhook.")
    return found


async def create(
    session: AsyncSession, account: Account, webhook: Webhook, given: WebhookCreateIn
) -> WebhookCreatedResponse:
    """Store a webhook about to be born, with a secret of its own. Raises `Invalid` and `QuotaExceeded`."""
    settings = transaction_of(session).database.settings
    _check_url(settings, given.url)
    if await session.scalar(queries.school_locked(given.school_id)) is None:
        raise Invalid(errors=[FieldError("/school_id", "not_found", "There is no such school.")])
    if (await session.scalar(queries.number_at(given.school_id)) or 0) >= MOST_AT_A_SCHOOL:
        raise QuotaExceeded(f"A school has at most {MOST_AT_A_SCHOOL} webhooks.")
    webhook.id = uuid4()
    webhook.url, webhook.description = given.url, given.description
    webhook.events = sorted(set(given.events))
    secret, webhook.secret_sealed = _new_secret(settings, webhook.id)
    session.add(webhook)
    await session.flush()
    _record(session, account, "Webhook created", webhook, events=webhook.events)
    _note(session, account, "webhook.created", webhook, events=webhook.events)
    return WebhookCreatedResponse(**_shown(webhook, account).model_dump(), secret=secret)


async def update(session: AsyncSession, account: Account, webhook: Webhook, patch: WebhookUpdateIn) -> WebhookDetail:
    """Change what a patch names of a locked webhook. Switched on again, it begins without failures."""
    wanted = {name: getattr(patch, name) for name in patch.model_fields_set}
    nulls = [
        FieldError(f"/{name}", "not_clearable", "Leave it out.") for name, value in wanted.items() if value is None
    ]
    if nulls:
        raise Invalid(errors=nulls)
    if "url" in wanted:
        _check_url(transaction_of(session).database.settings, wanted["url"])
    if "events" in wanted:
        wanted["events"] = sorted(set(wanted["events"]))
    changed = sorted(name for name, value in wanted.items() if value != getattr(webhook, name))
    for name in changed:
        setattr(webhook, name, wanted[name])
    if wanted.get("is_active"):
        webhook.switched_off_reason, webhook.failures, webhook.failing_since = None, 0, None
    await session.flush()
    await session.refresh(webhook)
    if changed:
        _record(session, account, "Webhook updated", webhook, changed=changed)
        _note(session, account, "webhook.updated", webhook, fields=changed)
    return _shown(webhook, account)


async def rotate(
    session: AsyncSession, account: Account, webhook: Webhook, overlap: timedelta
) -> WebhookCreatedResponse:
    """Give a locked webhook a new secret; the present one signs beside it for so long. One before that ends now."""
    settings, present = transaction_of(session).database.settings, webhook.secret_sealed
    secret, webhook.secret_sealed = _new_secret(settings, webhook.id)
    webhook.previous_secret_sealed = present if overlap else None
    webhook.previous_until = datetime.now(UTC) + overlap if overlap else None
    await session.flush()
    await session.refresh(webhook)
    hours = overlap / timedelta(hours=1)
    _record(session, account, "Webhook secret rotated", webhook, overlap_hours=hours)
    _note(session, account, "webhook.rotated", webhook, overlap_hours=hours)
    return WebhookCreatedResponse(**_shown(webhook, account).model_dump(), secret=secret)


async def remove(session: AsyncSession, account: Account, webhook: Webhook) -> None:
    """Delete a webhook and its log; what is still to be delivered to it is not."""
    await session.execute(delete(Webhook).where(Webhook.id == webhook.id))
    _record(session, account, "Webhook deleted", webhook)
    _note(session, account, "webhook.deleted", webhook)


async def list_deliveries(
    session: AsyncSession,
    webhook: Webhook,
    state: DeliveryState | None,
    *,
    after: tuple[datetime, UUID] | None,
    skip: int,
    limit: int,
) -> Sequence[DeliveryDetail]:
    """One page of what a webhook was told, the newest first."""
    found = await session.scalars(queries.deliveries_of(webhook.id, state, after=after).offset(skip).limit(limit))
    return [DeliveryDetail.model_validate(each) for each in found]


async def replay(session: AsyncSession, account: Account, webhook: Webhook, delivery_id: UUID) -> DeliveryDetail:
    """Deliver once more what was delivered or has failed, under the same id. Raises `NotFound` and `Conflict`."""
    delivery = await session.scalar(queries.delivery_with(delivery_id, locked=True))
    if delivery is None or delivery.webhook_id != webhook.id:
        raise NotFound("The webhook has no such delivery.")
    if not webhook.is_active:
        raise Conflict("The webhook is switched off: switch it on first.")
    if delivery.state is DeliveryState.PENDING:
        raise Conflict("It is being delivered already.")
    delivery.state = DeliveryState.PENDING
    await session.flush()
    await enqueue(session, DeliverWebhook(delivery_id=delivery.id), account=account)
    return DeliveryDetail.model_validate(delivery)


def secrets_of(vault: Vault, webhook: Webhook, now: datetime) -> tuple[str, ...]:
    """What signs at present: the newest secret first."""
    sealed = [webhook.secret_sealed]
    if (
        webhook.previous_secret_sealed is not None
        and webhook.previous_until is not None
        and now < webhook.previous_until
    ):
        sealed.append(webhook.previous_secret_sealed)
    return tuple(vault.open(each, _place(webhook.id)).decode() for each in sealed)


def _new_secret(settings: Settings, webhook_id: UUID) -> tuple[str, bytes]:
    secret = PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return secret, Vault.of(settings).seal(secret.encode(), _place(webhook_id))


def _place(webhook_id: UUID) -> str:
    return f"webhooks.secret:{webhook_id}"


def _check_url(settings: Settings, url: str) -> None:
    fault = fault_of(url, loopback=settings.egress_loopback)
    if fault is not None:
        raise Invalid(errors=[FieldError("/url", "unsafe_url", fault)])


def _record(session: AsyncSession, account: Account, title: str, webhook: Webhook, **info: Any) -> None:
    info |= {"webhook_id": str(webhook.id)}
    record(session, title, account=account, school_id=webhook.school_id, info=info)


def _note(session: AsyncSession, account: Account, action: str, webhook: Webhook, **details: Any) -> None:
    note(session, action, account=account, subject=f"webhook:{webhook.id}", school_id=webhook.school_id, **details)


def _shown(webhook: Webhook, account: Account, include: Included = None) -> WebhookDetail:
    shown = WebhookDetail.model_validate(webhook)
    shown.permissions = permissions_if(include, webhook, account.principals)
    return shown
