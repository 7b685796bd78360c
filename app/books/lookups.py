"""Having editions looked up that are known by their number only."""

from collections.abc import Collection
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.books.schemas import MAX_LOOKED_UP, Hydrate
from app.core.account import Account
from app.core.aside import MANY_ROWS, aside
from app.core.isbn import display
from app.core.outbox import enqueue


async def look_up(
    session: AsyncSession, isbns: Collection[int], *, account: Account | None, due_in: timedelta = timedelta(0)
) -> int:
    """Have what is known of these editions asked of the providers, after the transaction: a task for each 500."""
    if not isbns:
        return 0
    tasks = await aside(len(isbns) > MANY_ROWS, _tasks, isbns)
    await enqueue(session, *tasks, account=account, due_in=due_in)
    return len(tasks)


def _tasks(isbns: Collection[int]) -> list[Hydrate]:
    """The tasks, unvalidated: the numbers are the database's own."""
    numbers = sorted(isbns)
    return [
        Hydrate.model_construct(isbns=[display(isbn) for isbn in numbers[start : start + MAX_LOOKED_UP]])
        for start in range(0, len(numbers), MAX_LOOKED_UP)
    ]
