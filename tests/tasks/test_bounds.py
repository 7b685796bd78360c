"""Row R8 for the internal API: what somebody else holds makes a task wait for another attempt, and no worker hang."""

import time

import httpx
import psycopg
from sqlalchemy import func, select

from app.collections.models import ReadingActivity
from app.core.outbox import TaskState
from app.events.schemas import ProcessEvent
from tests.tasks.doing import Tasks
from tests.tasks.readings import holding, post_readings
from tests.world import World

LONGEST = 2.5


async def test_a_row_that_is_held_costs_an_attempt_and_two_seconds(world: World, queue: httpx.AsyncClient) -> None:
    tasks = Tasks(world, queue)
    reader, item = await holding(world)
    await post_readings(world, reader, item, 25)
    (first, *_) = await tasks.rows(ProcessEvent.kind)
    with psycopg.connect(world.database.settings.dsn) as other:
        other.execute("SELECT FROM collection_items WHERE id = %s FOR UPDATE", [item])
        began = time.monotonic()
        answer = await queue.post(f"/v1/tasks/{first.kind}", json={"id": str(first.id)})
        assert time.monotonic() - began < LONGEST
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["retry-after"]) >= 1
    (waiting, *_) = await tasks.rows(ProcessEvent.kind, TaskState.PENDING)
    assert (waiting.id, waiting.attempts, waiting.claim) == (first.id, 1, None)
    async with world.session() as session:
        waiting = await session.merge(waiting)
        waiting.due_at = func.now()
    assert await tasks.do(ProcessEvent.kind) == [204] * 25
    async with world.session() as session:
        mine = select(func.count()).where(ReadingActivity.collection_item_id == item)
        assert await session.scalar(mine) == 25
