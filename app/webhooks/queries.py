"""Statements about webhooks. Tables of higher floors are named in SQL."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from psycopg.sql import SQL
from sqlalchemy import Select, Uuid, column, func, select, table, tuple_
from sqlalchemy.orm import joinedload

from app.accounts.models import Educator, SchoolAdmin
from app.core.acl_sql import visible
from app.webhooks.models import DeliveryState, Webhook, WebhookDelivery

SCHOOLS = table("schools", column("wriveted_identifier", Uuid))

# A program is told of a school while it is active and serves it: as linked, or as a vendor, who has no links.
_CONCERNED = SQL("""
    WITH concerned AS (
        SELECT w.id, w.school_id FROM webhooks AS w
         WHERE w.is_active AND %(event)s = ANY(w.events)
           AND (%(school_id)s::uuid IS NULL OR w.school_id = %(school_id)s)
           AND (w.service_account_id IS NULL OR EXISTS (
               SELECT FROM service_accounts AS a LEFT JOIN service_account_schools AS l ON l.service_account_id = a.id
                WHERE a.id = w.service_account_id AND a.is_active AND (a.expires_at IS NULL OR a.expires_at > now())
                  AND (l.school_id = w.school_id OR a.is_vendor AND l.school_id IS NULL))))
""")
ANNOUNCE = _CONCERNED + SQL("""
    INSERT INTO webhook_deliveries (webhook_id, event, data)
    SELECT id, %(event)s, %(data)s FROM concerned RETURNING id
""")
ANNOUNCE_LABELLED = _CONCERNED + SQL("""
    INSERT INTO webhook_deliveries (webhook_id, event, data)
    SELECT w.id, %(event)s, jsonb_build_object('school_id', w.school_id, 'isbns', jsonb_agg(DISTINCT e.isbn::text))
      FROM concerned AS w
      JOIN collections AS c ON c.school_id = w.school_id
      JOIN editions AS e ON e.work_id = ANY(%(work_ids)s::int[])
      JOIN collection_items AS i ON i.collection_id = c.id AND i.edition_isbn = e.isbn AND i.withdrawn_at IS NULL
     GROUP BY w.id, w.school_id RETURNING id
""")
FORGET = """
    DELETE FROM webhook_deliveries WHERE id = ANY(ARRAY(
        SELECT id FROM webhook_deliveries WHERE created_at < now() - %s LIMIT 100 FOR UPDATE SKIP LOCKED))
"""


def school_locked(school_id: UUID) -> Select[UUID]:
    """A school that exists, kept from being given webhooks by two at once."""
    return select(SCHOOLS.c.wriveted_identifier).where(SCHOOLS.c.wriveted_identifier == school_id).with_for_update()


def number_at(school_id: UUID) -> Select[int]:
    return select(func.count()).select_from(Webhook).where(Webhook.school_id == school_id)


def webhooks_visible(
    principals: Iterable[str], school_id: UUID | None, *, after: tuple[datetime, UUID] | None
) -> Select[Webhook]:
    """The webhooks that somebody may read, of one school or of all, the newest first."""
    query = visible(Webhook, frozenset(principals))
    if school_id is not None:
        query = query.where(Webhook.school_id == school_id)
    if after is not None:
        query = query.where(tuple_(Webhook.created_at, Webhook.id) < after)
    return query.order_by(Webhook.created_at.desc(), Webhook.id.desc())


def webhook_with(webhook_id: UUID, *, locked: bool = False) -> Select[Webhook]:
    query = select(Webhook).where(Webhook.id == webhook_id)
    return query.with_for_update(key_share=True) if locked else query


def deliveries_of(
    webhook_id: UUID, state: DeliveryState | None, *, after: tuple[datetime, UUID] | None
) -> Select[WebhookDelivery]:
    query = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id)
    if state is not None:
        query = query.where(WebhookDelivery.state == state)
    if after is not None:
        query = query.where(tuple_(WebhookDelivery.created_at, WebhookDelivery.id) < after)
    return query.order_by(WebhookDelivery.created_at.desc(), WebhookDelivery.id.desc())


def delivery_with(delivery_id: UUID, *, locked: bool = False) -> Select[WebhookDelivery]:
    """A delivery and its webhook; locked, the webhook first for everybody."""
    query = (
        select(WebhookDelivery)
        .where(WebhookDelivery.id == delivery_id)
        .options(joinedload(WebhookDelivery.webhook, innerjoin=True))
    )
    return query.with_for_update(key_share=True) if locked else query


def admins_of(school_id: UUID) -> Select[UUID]:
    """Who keeps a school's account, and is active."""
    return select(SchoolAdmin.id).where(Educator.school_id == school_id, SchoolAdmin.is_active)
