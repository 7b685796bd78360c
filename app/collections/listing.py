"""Pages of the holdings of a collection, chosen by title or by what somebody reads."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.collections import queries
from app.collections.activity import holdings_read
from app.collections.models import CollectionItemReadStatus
from app.collections.queries import CollectionRow, ItemRow
from app.core.account import Account
from app.core.db import Transaction


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which holdings are asked for."""

    query: str | None
    reader_id: UUID | None
    read_status: CollectionItemReadStatus | None


async def list_items(
    transaction: Transaction,
    account: Account,
    collection: CollectionRow,
    wanted: Wanted,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> tuple[list[ItemRow], int]:
    """A page of holdings, and how many there are. By what somebody reads, as far as the account may see it."""
    driver, ids = transaction.driver, None
    if wanted.reader_id is not None or wanted.read_status is not None:
        read = holdings_read(collection.id, account.principals, reader_id=wanted.reader_id, status=wanted.read_status)
        ids = (await transaction.session.scalars(read)).all()
    rows = await queries.shelf(driver, collection.id, query=wanted.query, ids=ids, after=after, skip=skip, limit=limit)
    if wanted.query is None and ids is None:
        return rows, collection.item_count
    return rows, await queries.number_on_shelf(driver, collection.id, wanted.query, ids)
