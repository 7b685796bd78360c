"""Schools whose library system has stopped to sync: nobody else would notice, for the shelf just stays as it was."""

from collections.abc import Mapping
from datetime import UTC, datetime

from app.core.db import Database
from app.core.log import get_logger
from app.events import service as events
from app.events.models import EventLevel
from app.events.titles import SYNC_IS_STALE
from app.messages.service import Draft, write

# A school that a library system serves and once filled, of which neither a sync nor a notice came of late.
STALE = """
    SELECT s.wriveted_identifier, c.id, last.at
      FROM schools AS s
      JOIN collections AS c ON c.school_id = s.wriveted_identifier
     CROSS JOIN LATERAL (SELECT max(timestamp) AS at FROM events AS e
                          WHERE e.school_id = s.wriveted_identifier AND e.service_account_id IS NOT NULL
                            AND e.title IN ('Collection Update', 'Collection Reset')) AS last
     WHERE s.state = 'active' AND last.at < now() - %(after)s
       AND NOT EXISTS (SELECT FROM events AS e WHERE e.school_id = s.wriveted_identifier
                          AND e.title = %(title)s AND e.timestamp > last.at)
     ORDER BY last.at LIMIT 1000
"""
ADMINS = """
    SELECT s.wriveted_identifier, s.name, a.id
      FROM schools AS s
      JOIN educators AS e ON e.school_id = s.wriveted_identifier
      JOIN school_admins AS a ON a.id = e.id
     WHERE s.wriveted_identifier = ANY(%s) ORDER BY a.id
"""


async def notice_stale_syncs(database: Database) -> Mapping[str, int]:
    """Note each school that has not synced for too long, and write to its admins: once until it syncs again."""
    values = {"after": database.settings.stale_sync_after, "title": SYNC_IS_STALE}
    async with database.transaction() as transaction:
        await transaction.allow_bulk()
        found = await (await transaction.driver.execute(STALE, values)).fetchall()
        for school_id, collection_id, at in found:
            events.record(
                transaction.session,
                SYNC_IS_STALE,
                account=None,
                level=EventLevel.WARNING,
                description=f"The last sync was on {at:%Y-%m-%d}",
                school_id=school_id,
                info={"collection_id": str(collection_id), "last_sync_at": at.isoformat()},
            )
        last = {school_id: at for school_id, _, at in found}
        admins = await (await transaction.driver.execute(ADMINS, [list(last)])).fetchall()
        now = datetime.now(UTC)
        drafts = [
            Draft("stale_sync", {"school": name, "days": str((now - last[school_id]).days)}, user_id=admin)
            for school_id, name, admin in admins
        ]
        await write(transaction.session, *drafts, account=None)
    if found:
        get_logger().warning("syncs.stale", count=len(found))
    return {"stale": len(found)}
