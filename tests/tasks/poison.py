"""An internal API whose tasks do harm, for a process of its own: ``python -m tests.tasks.poison <fd>``.

Times are scaled: what takes an hour takes a second or two.
"""

import asyncio
import os
import socket
import sys
from datetime import timedelta
from typing import Annotated

import uvicorn

from app.accounts.authenticate import restore
from app.adapters.queue_callers import LocalCallers
from app.core import work
from app.core.db import Database
from app.core.environment import serving_settings
from app.core.http import create_app
from app.core.outbox import Task
from app.core.task_doors import Claimed, task_router
from app.core.work import Work
from app.events.service import record
from app.tables import metadata

GOOD, RAISES, HANGS, KILLS = "good-deed", "raising-deed", "hanging-deed", "killing-deed"
router = task_router()


class Good(Task, kind=GOOD):
    title: str


class Raises(Task, kind=RAISES):
    pass


class Hangs(Task, kind=HANGS):
    deadline = timedelta(seconds=0.3)


class Kills(Task, kind=KILLS):
    deadline = timedelta(seconds=0.3)


@router.post("/tasks/good-deed", status_code=204)
async def good(work: Annotated[Work[Good], Claimed(Good)]) -> None:
    async with work.applying() as session:
        record(session, work.task.title, account=None)


@router.post("/tasks/raising-deed", status_code=204)
async def raises(work: Annotated[Work[Raises], Claimed(Raises)]) -> None:
    raise RuntimeError


@router.post("/tasks/hanging-deed", status_code=204)
async def hangs(work: Annotated[Work[Hangs], Claimed(Hangs)]) -> None:
    await asyncio.sleep(60)


@router.post("/tasks/killing-deed", status_code=204)
async def kills(work: Annotated[Work[Kills], Claimed(Kills)]) -> None:
    os._exit(9)


def serve(fd: int) -> None:
    assert metadata.tables, "every table is known"
    work.MARGIN, work.LONGEST_PAUSE = timedelta(seconds=0.2), 1.0
    settings = serving_settings()
    app = create_app(
        title="Poison",
        version="1",
        description="",
        routers=(router,),
        settings=settings,
        database=Database(settings),
        docs=False,
    )
    app.state.queue_callers = LocalCallers(settings)
    app.state.restore = restore
    config = uvicorn.Config(app, log_config=None, access_log=False)
    uvicorn.Server(config).run([socket.socket(fileno=fd)])


if __name__ == "__main__":
    serve(int(sys.argv[1]))
