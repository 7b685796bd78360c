"""Delivering to webhooks: one attempt to a task. A failure is an outcome like success: it is noted, and the next
attempt is a task of its own, due when the schedule says."""

import random
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.audit.service import note
from app.core.db import driver_of
from app.core.outbox import enqueue
from app.core.sealing import Vault
from app.core.work import Work
from app.events.models import EventLevel
from app.events.service import record
from app.messages.service import Draft, write
from app.webhooks import queries
from app.webhooks.models import DeliveryState, Webhook, WebhookDelivery
from app.webhooks.sending import (
    FAILING_FOR,
    GONE,
    MOST_FAILURES,
    SCHEDULE,
    SPREAD,
    THROTTLED,
    Answer,
    Call,
    DeliverWebhook,
    Sender,
)
from app.webhooks.service import secrets_of

KEPT = timedelta(days=30)
SWITCHED_OFF = "SwitchedOff"
REASONS = {
    True: "its receiver says that it is gone for good (410).",
    False: f"no delivery has succeeded for {FAILING_FOR.days} days.",
}
"""Whether the receiver says that it is gone: why its webhook is switched off."""


async def deliver(work: Work[DeliverWebhook], sender: Sender, vault: Vault) -> None:
    """Make the attempt, unless there is nothing to deliver any more."""
    now = datetime.now(UTC)
    async with work.reading() as session:
        delivery = await session.scalar(queries.delivery_with(work.task.delivery_id))
    answer = None
    if delivery is not None and delivery.state is DeliveryState.PENDING and delivery.webhook.is_active:
        answer = await sender.send(_call(delivery, vault, now))
    async with work.applying() as session:
        await driver_of(session).execute(queries.FORGET, [KEPT])
        if delivery is not None:
            await _note(session, work, answer, now)


def _call(delivery: WebhookDelivery, vault: Vault, now: datetime) -> Call:
    told = {"type": delivery.event.value, "timestamp": delivery.created_at, "data": delivery.data}
    secrets = secrets_of(vault, delivery.webhook, now)
    return Call(delivery.webhook.url, str(delivery.id), now, msgspec.json.encode(told), secrets)


async def _note(session: AsyncSession, work: Work[DeliverWebhook], answer: Answer | None, now: datetime) -> None:
    """Write down what came of an attempt. None: there was nothing to try, for the webhook is off."""
    delivery = await session.scalar(queries.delivery_with(work.task.delivery_id, locked=True))
    if delivery is None or delivery.state is not DeliveryState.PENDING:
        return
    webhook = delivery.webhook
    if answer is None:
        delivery.state, delivery.last_failure, delivery.next_attempt_at = DeliveryState.FAILED, SWITCHED_OFF, None
        return
    delivery.attempts += 1
    delivery.last_status, delivery.last_failure = answer.status, answer.failure
    delivery.last_milliseconds, delivery.last_attempt_at = answer.milliseconds, now
    delivery.next_attempt_at = None
    if answer.is_success:
        delivery.state = DeliveryState.DELIVERED
        webhook.failures, webhook.failing_since = 0, None
        return
    webhook.failures += 1
    webhook.failing_since = webhook.failing_since or now
    await _after_failure(session, work, delivery, answer, now)


async def _after_failure(
    session: AsyncSession, work: Work[DeliverWebhook], delivery: WebhookDelivery, answer: Answer, now: datetime
) -> None:
    webhook = delivery.webhook
    since = webhook.failing_since or now
    is_gone = answer.status == GONE
    if webhook.is_active and (is_gone or (webhook.failures >= MOST_FAILURES and now - since >= FAILING_FOR)):
        await _switch_off(session, webhook, is_gone=is_gone)
    if not webhook.is_active or work.task.attempt > len(SCHEDULE):
        delivery.state = DeliveryState.FAILED
        return
    pause = _pause(work.task.attempt, answer)
    delivery.next_attempt_at = now + pause
    following = DeliverWebhook(delivery_id=delivery.id, attempt=work.task.attempt + 1)
    await enqueue(session, following, account=work.account, due_in=pause)


def _pause(attempt: int, answer: Answer) -> timedelta:
    pause = SCHEDULE[attempt - 1]
    if answer.status in THROTTLED:
        pause = max(pause, SCHEDULE[1])
    return pause * (1 + SPREAD * random.random())  # noqa: S311  spreads load, and guards nothing


async def _switch_off(session: AsyncSession, webhook: Webhook, *, is_gone: bool) -> None:
    """Tell a receiver nothing more, and the school's admins by e-mail that it is so."""
    reason = REASONS[is_gone]
    webhook.is_active, webhook.switched_off_reason = False, reason
    info = {"webhook_id": str(webhook.id), "failures": webhook.failures}
    record(
        session,
        "Webhook switched off",
        account=None,
        level=EventLevel.WARNING,
        school_id=webhook.school_id,
        info=info,
    )
    note(
        session,
        "webhook.switched_off",
        account=None,
        subject=f"webhook:{webhook.id}",
        school_id=webhook.school_id,
        gone=is_gone,
        failures=webhook.failures,
    )
    told = {"host": urlsplit(webhook.url).hostname or "", "reason": reason}
    admins = await session.scalars(queries.admins_of(webhook.school_id))
    drafts = [Draft("webhook_switched_off", told, user_id=admin) for admin in admins]
    await write(session, *drafts, account=None)
