"""The queue of a machine that has no Cloud Tasks: tells the deliverer, which waits at the database for a word."""

from collections.abc import Sequence

from app.core.db import Database
from app.core.outbox import Offer

CHANNEL = "tasks"


class LocalQueue:
    """Wakes the local deliverer. Whom it does not reach looks by itself, every second."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def offer(self, offers: Sequence[Offer]) -> None:
        async with self._database.transaction(reading=True) as transaction:
            await transaction.driver.execute("SELECT pg_notify(%s, '')", (CHANNEL,))

    async def close(self) -> None:
        """Nothing is open."""
