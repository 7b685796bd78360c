"""Claims, attempts and their ends: over HTTP, as the queue asks."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from sqlalchemy import select, text, update

from app.accounts.authenticate import restore
from app.accounts.principals import NOBODYS
from app.adapters.queue_callers import LocalCallers
from app.core import log
from app.core.account import Account
from app.core.config import Settings
from app.core.db import Database
from app.core.http import create_app
from app.core.outbox import Task, TaskRow, TaskState, enqueue
from app.core.task_doors import Claimed, task_router
from app.core.work import MOST_ATTEMPTS, Work
from app.events.models import Event
from app.events.service import record
from tests.tasks.doing import calling
from tests.world import World


class Effect(Task, kind="effect-of-a-test"):
    title: str
    fails: int = 0
    """So many attempts fail before one succeeds."""
    hangs: bool = False
    deadline = timedelta(seconds=0.3)


class Quiet(Task, kind="quiet-of-a-test"):
    """Has nothing to write."""


seen: list[Work[Any]] = []
router = task_router()


@router.post("/tasks/effect-of-a-test", status_code=204)
async def effect(work: Annotated[Work[Effect], Claimed(Effect)]) -> None:
    seen.append(work)
    if work.task.hangs:
        await asyncio.sleep(30)
    async with work.applying() as session:
        record(session, work.task.title, account=work.account)
        if work.attempt <= work.task.fails:
            raise ValueError("the name of a child")


@router.post("/tasks/quiet-of-a-test", status_code=204)
async def quiet(work: Annotated[Work[Quiet], Claimed(Quiet)]) -> None:
    seen.append(work)


@pytest.fixture(scope="module")
def internal(settings: Settings, database: Database) -> FastAPI:
    app = create_app(
        title="Internal",
        version="1",
        description="",
        routers=(router,),
        settings=settings,
        database=database,
        docs=False,
    )
    app.state.queue_callers = LocalCallers(settings)
    app.state.restore = restore
    return app


@pytest_asyncio.fixture
async def queue(internal: FastAPI, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with calling(internal, settings) as client:
        yield client


async def stored(world: World, task: Task, account: Account | None = None) -> UUID:
    async with world.session() as session:
        return (await enqueue(session, task, account=account))[0]


async def knock(queue: httpx.AsyncClient, id_: UUID, kind: str = "effect-of-a-test") -> httpx.Response:
    return await queue.post(f"/v1/tasks/{kind}", json={"id": str(id_)})


async def row_of(world: World, id_: UUID) -> TaskRow:
    async with world.session() as session:
        return (await session.scalars(select(TaskRow).where(TaskRow.id == id_))).one()


async def due_now(world: World, id_: UUID) -> None:
    async with world.session() as session:
        await session.execute(update(TaskRow).where(TaskRow.id == id_).values(due_at=text("now()")))


async def effects(world: World, title: str) -> list[Event]:
    async with world.session() as session:
        return list(await session.scalars(select(Event).where(Event.title == title)))


def title() -> str:
    return f"Effect {uuid4()}"


async def test_task_is_done_once_however_often_the_queue_asks(world: World, queue: httpx.AsyncClient) -> None:
    name = title()
    id_ = await stored(world, Effect(title=name))
    assert [(await knock(queue, id_)).status_code for _ in range(3)] == [204, 204, 204]
    assert len(await effects(world, name)) == 1
    row = await row_of(world, id_)
    assert (row.state, row.attempts, row.claim) == (TaskState.DONE, 1, None)
    assert row.ended_at is not None


async def test_many_workers_at_once_do_it_once(world: World, queue: httpx.AsyncClient) -> None:
    name = title()
    id_ = await stored(world, Effect(title=name))
    answers = await asyncio.gather(*(knock(queue, id_) for _ in range(8)))
    assert {each.status_code for each in answers} <= {204, 409}
    assert all("Retry-After" in each.headers for each in answers if each.status_code == 409)
    assert len(await effects(world, name)) == 1


async def test_task_of_a_transaction_that_is_undone_never_was(world: World) -> None:
    async with world.database.transaction() as transaction:
        transaction.rollback_only = True
        (id_,) = await enqueue(transaction.session, Effect(title=title()), account=None)
    async with world.session() as session:
        assert await session.get(TaskRow, id_) is None


@pytest.mark.parametrize("kind", ["effect-of-a-test", "quiet-of-a-test"])
async def test_unknown_task_needs_no_further_asking(queue: httpx.AsyncClient, kind: str) -> None:
    assert (await knock(queue, uuid4(), kind)).status_code == 204


async def test_task_with_nothing_to_write_is_done(world: World, queue: httpx.AsyncClient) -> None:
    id_ = await stored(world, Quiet())
    assert (await knock(queue, id_, "quiet-of-a-test")).status_code == 204
    assert (await row_of(world, id_)).state is TaskState.DONE


async def test_failure_is_postponed_and_leaves_no_effect(world: World, queue: httpx.AsyncClient) -> None:
    name = title()
    id_ = await stored(world, Effect(title=name, fails=1))
    failed = await knock(queue, id_)
    assert (failed.status_code, failed.json()["code"]) == (503, "task_postponed")
    assert 3 <= int(failed.headers["Retry-After"]) <= 7
    assert await effects(world, name) == []
    row = await row_of(world, id_)
    assert (row.state, row.attempts, row.failure) == (TaskState.PENDING, 1, "ValueError")
    assert row.failure_detail is not None
    assert "tests/core/test_work.py" in row.failure_detail
    assert "child" not in row.failure_detail
    early = await knock(queue, id_)
    assert (early.status_code, early.json()["code"]) == (409, "task_not_due")
    await due_now(world, id_)
    assert (await knock(queue, id_)).status_code == 204
    assert len(await effects(world, name)) == 1


async def test_eighth_failure_sets_the_task_aside(world: World, queue: httpx.AsyncClient) -> None:
    name = title()
    id_ = await stored(world, Effect(title=name, fails=99))
    answers = []
    for _ in range(MOST_ATTEMPTS + 2):
        answers.append((await knock(queue, id_)).status_code)
        await due_now(world, id_)
    assert answers == [503] * (MOST_ATTEMPTS - 1) + [204] * 3
    row = await row_of(world, id_)
    assert (row.state, row.attempts, row.failure) == (TaskState.SET_ASIDE, MOST_ATTEMPTS, "ValueError")
    assert await effects(world, name) == []


async def test_one_who_hangs_is_stopped_at_the_deadline(world: World, queue: httpx.AsyncClient) -> None:
    id_ = await stored(world, Effect(title=title(), hangs=True))
    assert (await knock(queue, id_)).status_code == 503
    assert (await row_of(world, id_)).failure == "TimeoutError"


async def test_worker_that_died_leaves_a_claim_that_runs_out(world: World, queue: httpx.AsyncClient) -> None:
    name = title()
    id_ = await stored(world, Effect(title=name))
    await claimed_by_a_dead_worker(world, id_, attempts=1)
    waiting = await knock(queue, id_)
    assert (waiting.status_code, int(waiting.headers["Retry-After"])) == (409, 60)
    await claimed_by_a_dead_worker(world, id_, attempts=1, seconds=-1)
    assert (await knock(queue, id_)).status_code == 204
    assert (await row_of(world, id_)).attempts == 2


async def test_task_that_kills_its_eighth_worker_is_set_aside(world: World, queue: httpx.AsyncClient) -> None:
    id_ = await stored(world, Effect(title=title()))
    await claimed_by_a_dead_worker(world, id_, attempts=MOST_ATTEMPTS, seconds=-1)
    assert (await knock(queue, id_)).status_code == 204
    row = await row_of(world, id_)
    assert (row.state, row.failure, row.attempts) == (TaskState.SET_ASIDE, "WorkerLost", MOST_ATTEMPTS)


async def claimed_by_a_dead_worker(world: World, id_: UUID, *, attempts: int, seconds: float = 60) -> None:
    until = text(f"now() + interval '{seconds} seconds'")
    async with world.session() as session:
        values = {"attempts": attempts, "claim": uuid4(), "claimed_until": until}
        await session.execute(update(TaskRow).where(TaskRow.id == id_).values(**values))


async def test_one_whose_claim_ran_out_meanwhile_leaves_nothing(world: World, queue: httpx.AsyncClient) -> None:
    name = title()
    id_ = await stored(world, Effect(title=name, fails=0, hangs=True))
    knocking = asyncio.create_task(knock(queue, id_))
    await asyncio.sleep(0.1)
    assert seen[-1].id == id_
    async with world.session() as session:
        await session.execute(update(TaskRow).where(TaskRow.id == id_).values(claim=uuid4()))
    assert (await knocking).status_code == 503
    assert (await row_of(world, id_)).claim is not None, "the second worker's claim is untouched"
    assert await effects(world, name) == []


async def test_task_acts_with_the_rights_that_its_account_has_now(world: World, queue: httpx.AsyncClient) -> None:
    school = await world.school()
    educator = await world.educator(school)
    async with world.database.transaction(reading=True) as transaction:
        account = await restore(transaction, f"user:{educator.id}", impersonator=None)
    assert f"educator:{school.wriveted_identifier}" in account.principals
    first, second = await stored(world, Quiet(), account), await stored(world, Quiet(), account)
    await knock(queue, first, "quiet-of-a-test")
    assert seen[-1].account is not None
    assert seen[-1].account.principals == account.principals
    async with world.session() as session:
        await session.execute(text("UPDATE users SET is_active = false WHERE id = :id"), {"id": educator.id})
    await knock(queue, second, "quiet-of-a-test")
    assert seen[-1].account is not None
    assert seen[-1].account.principals == NOBODYS
    assert not seen[-1].account.is_gone


async def test_task_of_an_account_that_was_deleted_runs_with_no_rights(world: World, queue: httpx.AsyncClient) -> None:
    reader = await world.public_reader()
    async with world.database.transaction(reading=True) as transaction:
        account = await restore(transaction, f"user:{reader.id}", impersonator=f"user:{uuid4()}")
    name = title()
    id_ = await stored(world, Effect(title=name), account)
    async with world.session() as session:
        await session.execute(text("DELETE FROM users WHERE id = :id"), {"id": reader.id})
    assert (await knock(queue, id_)).status_code == 204
    (event,) = await effects(world, name)
    assert (event.user_id, event.info["actor"]) == (None, f"user:{reader.id}")


async def test_logs_of_a_task_bear_the_id_of_the_request_that_caused_it(world: World, queue: httpx.AsyncClient) -> None:
    token = log.request_id.set("0123456789abcdef")
    id_ = await stored(world, Quiet())
    log.request_id.reset(token)
    await knock(queue, id_, "quiet-of-a-test")
    assert seen[-1].request_id == "0123456789abcdef"


async def test_payload_of_another_release_is_a_failure_and_no_500(world: World, queue: httpx.AsyncClient) -> None:
    id_ = await stored(world, Effect(title="x"))
    async with world.session() as session:
        await session.execute(update(TaskRow).where(TaskRow.id == id_).values(payload={"unknown": 1}))
    assert (await knock(queue, id_)).status_code == 503
    assert (await row_of(world, id_)).failure == "ValidationError"


@pytest.mark.parametrize(
    "body", [{}, {"id": "not one"}, {"id": str(uuid4()), "kind": "effect-of-a-test"}, [], "x", None]
)
async def test_what_is_no_delivery_is_refused(queue: httpx.AsyncClient, body: object) -> None:
    assert (await queue.post("/v1/tasks/quiet-of-a-test", json=body)).status_code in (400, 422)
