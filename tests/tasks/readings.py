"""Readers who log what they read: events, each of which has one effect that can be counted."""

import asyncio
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, text

from app.accounts.authenticate import restore
from app.core.outbox import TaskRow, TaskState
from app.events.schemas import ProcessEvent
from app.events.service import record
from app.events.titles import READING_LOGGED
from tests.collections.shelves import isbn
from tests.world import World


async def holding(world: World) -> tuple[Any, int]:
    """A reader, and a book that the reader sees."""
    school = await world.school()
    reader = await world.student(await world.class_group(school))
    collection = await world.collection(school)
    async with world.session() as session:
        await session.execute(
            text("INSERT INTO editions (isbn, title, edition_title, sort_title) VALUES (:isbn, 'x', 'x', 'x')"),
            {"isbn": int(isbn(53_001))},
        )
        item = await session.scalar(
            text("""INSERT INTO collection_items
                           (collection_id, edition_isbn, sort_title, copies_total, copies_available)
                    VALUES (:id, :isbn, 'x', 1, 1) RETURNING id"""),
            {"id": collection.id, "isbn": int(isbn(53_001))},
        )
    assert isinstance(item, int)
    return reader, item


async def post_readings(world: World, reader: Any, item: int, number: int) -> list[Any]:
    """So many events in transactions of 25, of which each fifth is undone and made again; those that were undone."""
    async with world.database.transaction(reading=True) as transaction:
        account = await restore(transaction, f"user:{reader.id}", impersonator=None)
    undone = []
    for batch in range(number // 25):
        for rolls_back in (True, False) if batch % 5 == 0 else (False,):
            async with world.database.transaction() as transaction:
                transaction.rollback_only = rolls_back
                events = [
                    record(transaction.session, READING_LOGGED, account=account, info={"collection_item_id": item})
                    for _ in range(25)
                ]
                await transaction.session.flush()
                for place, event in enumerate(events):
                    event.timestamp = datetime.fromtimestamp(1_700_000_000 + batch * 25 + place).astimezone()
            if rolls_back:
                undone += [event.id for event in events]
        await asyncio.sleep(0)
    return undone


async def unfinished(world: World) -> int:
    """How many events are yet to be processed: what they cause in turn has a deadline, and a lag, of its own."""
    return await waiting(world, ProcessEvent.kind)


async def waiting(world: World, *kinds: str) -> int:
    async with world.session() as session:
        query = select(func.count()).where(TaskRow.kind.in_(kinds), TaskRow.state == TaskState.PENDING)
        return await session.scalar(query) or 0
