"""The lock of those who need the catalogue to stand still: who adds what is described, and who merges or deletes."""

from app.core.db import Driver

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('books.additions', 0))"


async def lock_catalogue(driver: Driver) -> None:
    """Until the transaction ends, nobody else adds works and people, or makes one of two.

    Taken before any row is locked, or two who hold a row each might wait for each other.
    """
    await driver.execute(_LOCK)
