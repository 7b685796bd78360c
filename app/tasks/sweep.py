"""Finds what no queue was told of, or has forgotten, and what has killed every worker that tried."""

from collections.abc import Mapping
from datetime import timedelta

from app.core.db import Database
from app.core.log import get_logger
from app.core.outbox import Offer
from app.core.work import MOST_ATTEMPTS

GRACE = timedelta(seconds=60)
"""How long a queue may take before it is told again."""
AGAIN = timedelta(minutes=15)
MOST_AT_ONCE = 2_000

OFFER = """
    UPDATE tasks SET offered_at = now(), offers = offers + 1
     WHERE id IN (SELECT id FROM tasks
                   WHERE state = 'pending' AND due_at < now() - %(grace)s
                     AND (claimed_until IS NULL OR claimed_until < now())
                     AND (offered_at IS NULL OR offered_at < now() - %(again)s)
                   ORDER BY due_at, id LIMIT %(most)s FOR UPDATE SKIP LOCKED)
    RETURNING id, kind, offers + 1
"""
LOSE = """
    UPDATE tasks SET state = 'set_aside', ended_at = now(), claim = NULL, claimed_until = NULL, failure = 'WorkerLost'
     WHERE state = 'pending' AND attempts >= %(most)s AND (claimed_until IS NULL OR claimed_until < now())
"""


async def sweep(database: Database, *, grace: timedelta = GRACE) -> Mapping[str, int]:
    """Tell the queue of tasks that are due for longer than ``grace``; set aside those that kill their workers."""
    async with database.transaction() as transaction:
        lost = (await transaction.driver.execute(LOSE, {"most": MOST_ATTEMPTS})).rowcount
        values = {"grace": grace, "again": AGAIN, "most": MOST_AT_ONCE}
        found = await (await transaction.driver.execute(OFFER, values)).fetchall()
    if lost:
        get_logger().error("tasks.set_aside", count=lost, reason="WorkerLost")
    if found and database.queue is not None:
        await database.queue.offer([Offer(id_, kind, None, number) for id_, kind, number in found])
    return {"offered": len(found), "set_aside": lost}
