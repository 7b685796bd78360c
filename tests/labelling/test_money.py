"""The day's budget of a language model, when several ask at once and when one of them dies."""

import asyncio
from contextlib import suppress
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import text

from app.adapters.openai_labeller import MOST_TOKENS
from app.core.outbox import TaskState
from app.labelling.service import read_books
from tests.books.catalogue import one
from tests.labelling.labelling import Deliver, Model, a_work, answer, modelling, runs_of
from tests.labelling.test_language_model import asking
from tests.world import World

SPENT = "SELECT coalesce(sum(cost), 0) FROM labelling_runs WHERE at >= date_trunc('day', now())"
HELD = "SELECT coalesce(sum(amount), 0) FROM labelling_reservations WHERE expires_at > now()"


async def works(world: World, number: int) -> list[Any]:
    admin = await world.admin()
    return [(await a_work(admin, keywords="ghosts"))["id"] for _ in range(number)]


async def budget_for(world: World, model: Model, work_id: Any, times: str) -> str:
    """What is spent already, and so many times what a look at a work may cost."""
    async with asking(model) as (labellers, _), world.session() as session:
        (book,) = (await read_books(session, [int(work_id)])).values()
        most = labellers.first.most(book)
    return str(await one(world, SPENT) + await one(world, HELD) + most * Decimal(times))


async def labellers_of(world: World, *work_ids: Any) -> list[list[str]]:
    return [[run.labeller for run in await runs_of(world, id_)] for id_ in work_ids]


async def test_two_tasks_at_the_edge_of_the_budget_do_not_spend_the_same_money(world: World, deliver: Deliver) -> None:
    first, second, third = await works(world, 3)
    async with modelling(answer(), pause=0.5) as model:
        budget = await budget_for(world, model, first, "1.5")
        async with asking(model, budget=budget) as (labellers, _):
            done = await asyncio.gather(*(deliver(id_, labellers=labellers) for id_ in (first, second)))
            assert {each.state for each in done} == {TaskState.DONE}
            assert len(model.asked) == 1
            assert sorted(await labellers_of(world, first, second)) == [["local"], ["openai"]]
            assert await one(world, SPENT) <= Decimal(budget)
            assert await one(world, HELD) == 0
            await deliver(third, labellers=labellers)
    assert await labellers_of(world, third) == [["openai"]], "what was reserved and not spent is there again"


async def test_the_works_of_a_task_do_not_spend_the_same_money(world: World, deliver: Deliver) -> None:
    asked = await works(world, 4)
    async with modelling(answer(), pause=0.5) as model:
        budget = await budget_for(world, model, asked[0], "2.5")
        async with asking(model, budget=budget) as (labellers, _):
            await deliver(*asked, labellers=labellers)
    assert len(model.asked) == 2
    assert sorted(await labellers_of(world, *asked)) == [["local"], ["local"], ["openai"], ["openai"]]


async def test_what_a_killed_worker_had_reserved_lapses(world: World, deliver: Deliver) -> None:
    first, second, third = await works(world, 3)
    async with modelling(answer(), pause=30) as slow:
        budget = await budget_for(world, slow, first, "1.5")
        async with asking(slow, budget=budget) as (labellers, _):
            dying = asyncio.create_task(deliver(first, labellers=labellers))
            await asyncio.wait_for(slow.is_asked.wait(), 10)
            dying.cancel()
            with suppress(asyncio.CancelledError):
                await dying
    assert await runs_of(world, first) == []
    assert await one(world, HELD) > 0
    async with modelling() as model, asking(model, budget=budget) as (labellers, _):
        await deliver(second, labellers=labellers)
        assert await labellers_of(world, second) == [["local"]], "it may be spending it still"
        async with world.session() as session:
            await session.execute(text("UPDATE labelling_reservations SET expires_at = now()"))
        await deliver(third, labellers=labellers)
    assert await labellers_of(world, third) == [["openai"]]
    assert await one(world, "SELECT count(*) FROM labelling_reservations") == 0


async def test_a_model_that_is_away_costs_nothing(world: World, deliver: Deliver) -> None:
    first, second = await works(world, 2)
    async with modelling(500) as away:
        budget = await budget_for(world, away, first, "1.5")
        async with asking(away, budget=budget) as (labellers, _):
            assert (await deliver(first, labellers=labellers)).state is TaskState.PENDING
    assert await one(world, HELD) == 0
    async with modelling() as model, asking(model, budget=budget) as (labellers, _):
        await deliver(second, labellers=labellers)
    assert await labellers_of(world, second) == [["openai"]]


async def test_no_look_at_a_book_costs_more_than_was_reserved(world: World, deliver: Deliver) -> None:
    """Told in as many tokens as bytes, and answered at full length each time."""
    admin = await world.admin()
    work = await a_work(admin, "ж" * 200, summary_short="ж" * 1500, summary_long='"' * 1500, keywords="\\" * 1500)
    wrong = answer(genres=["x" * 300] * 30, styles=["y"] * 30, awards=["z"] * 30, notes="ж" * 9000)
    async with modelling(wrong) as model, asking(model) as (labellers, _):
        async with world.session() as session:
            (book,) = (await read_books(session, [int(work["id"])])).values()
        await deliver(work["id"], labellers=labellers)
        most = labellers.first.most(book)
    assert len(model.asked) == 3
    told = sum(len(msgspec.json.encode((each["messages"], each["response_format"]))) for each in model.asked)
    assert (told * 2 + 3 * MOST_TOKENS * 10) / Decimal(1_000_000) <= most
