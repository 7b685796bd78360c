"""Deletes what is kept for a while only: a little at a time, so that nobody waits for it.

Of higher domains it names tables alone. People, what they read and the audit are not its business: those are deleted by
somebody who decides it.
"""

from collections.abc import Mapping
from datetime import timedelta

from app.core.db import Database

BATCH = 5_000
DAY = timedelta(days=1)

EXPIRED: Mapping[str, str] = {
    "tasks_done": "tasks WHERE state = 'done' AND ended_at < now() - interval '7 days'",
    "tasks_discarded": "tasks WHERE state = 'discarded' AND ended_at < now() - interval '30 days'",
    "tasks_set_aside": "tasks WHERE state = 'set_aside' AND ended_at < now() - interval '180 days'",
    "job_runs": "job_runs WHERE started_at < now() - interval '90 days'",
    "idempotency_records": "idempotency_records WHERE created_at < now() - %(idempotency)s",
    "spent_tokens": "spent_tokens WHERE expires_at < now() - interval '1 day'",
    "sign_in_sessions": "sign_in_sessions WHERE least(expires_at, ended_at) < now() - interval '30 days'",
    "webhook_deliveries": "webhook_deliveries WHERE created_at < now() - interval '30 days'",
    "sent_emails": "sent_emails WHERE created_at < now() - interval '365 days'",
    "feedback_links": "feedback_links WHERE expires_at < now() - interval '1 day'",
    "events": "events WHERE timestamp < now() - %(events)s",
}
"""What is deleted, by the name that the report has for it."""


async def retain(database: Database) -> Mapping[str, int]:
    """Delete everything whose time is over; how many rows of each."""
    return {name: await _delete(database, which) for name, which in EXPIRED.items()}


async def _delete(database: Database, which: str) -> int:
    table, _, condition = which.partition(" WHERE ")
    statement = f"""
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table} WHERE {condition} LIMIT {BATCH} FOR UPDATE SKIP LOCKED))
    """  # noqa: S608  the constants above
    settings = database.settings
    values = {"idempotency": settings.idempotency_retention, "events": settings.event_retention}
    total, last = 0, BATCH
    while last == BATCH:
        async with database.transaction() as transaction:
            await transaction.allow_bulk()
            last = (await transaction.driver.execute(statement.encode(), values)).rowcount
        total += last
    return total
