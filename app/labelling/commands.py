"""What staff do with labellers at a terminal."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database, driver_of
from app.core.environment import settings
from app.labelling import queries, service

app = typer.Typer(no_args_is_help=True, help="Labels that a labeller gives.")


@app.command()
def works(work_id: Annotated[list[int], typer.Argument(help="Ids of works.", min=1, max=2**31 - 1)]) -> None:
    """Have these works labelled, also those that were before, and print how many are queued."""

    async def queued(session: AsyncSession) -> str:
        return str((await service.queue_labelling(session, None, work_id, again=True)).works)

    _print(queued)


@app.command()
def missing(most: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 500) -> None:
    """Have held works labelled that lack labels, the most held first, and print how many are queued."""

    async def queued(session: AsyncSession) -> str:
        return str(await service.queue_unlabelled(session, most))

    _print(queued)


@app.command()
def spent(days: Annotated[int, typer.Option(min=1, max=366, help="Today and the days before.")] = 30) -> None:
    """Print what labellers took each day: works, tokens in and out, US dollars."""

    async def told(session: AsyncSession) -> str:
        rows = await (await driver_of(session).execute(queries.SPENT, [days])).fetchall()
        return "\n".join("\t".join(map(str, row)) for row in rows)

    _print(told)


def _print(deed: Callable[[AsyncSession], Awaitable[str]]) -> None:
    typer.echo(asyncio.run(_committed(deed)))


async def _committed(deed: Callable[[AsyncSession], Awaitable[str]]) -> str:
    database = Database(settings())
    try:
        async with database.transaction() as transaction:
            return await deed(transaction.session)
    finally:
        await database.dispose()
