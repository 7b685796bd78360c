"""Doing a task that the outbox holds: claimed first, marked done in the transaction of its effect.

A worker that dies leaves a claim that runs out; a second call finds the task claimed or done; an attempt is counted
when it begins, so that a task which kills its worker is set aside too.
"""

import asyncio
import math
import random
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from psycopg.rows import dict_row
from sqlalchemy.ext.asyncio import AsyncSession

from app.core import log
from app.core.account import Account
from app.core.db import Database, Transaction
from app.core.errors import Conflict, Problem
from app.core.outbox import Task

MOST_ATTEMPTS = 8
LONGEST_PAUSE = 3600.0
GROWTH = 4
"""Each pause is so many times the one before: with the usual first one, eight attempts take some three hours."""
MARGIN = timedelta(seconds=5)
"""How much longer a claim lasts than the attempt may: who is late is stopped before another begins."""

APP = f"{Path(__file__).parents[2]}/"
T = TypeVar("T", bound=Task)

CLAIM = """
    UPDATE tasks SET attempts = attempts + 1, claim = gen_random_uuid(), claimed_until = now() + %(lease)s
     WHERE id = %(id)s AND kind = %(kind)s AND state = 'pending' AND due_at <= now() AND attempts < %(most)s
       AND (claimed_until IS NULL OR claimed_until < now())
    RETURNING payload, attempts, claim, account, impersonator, request_id
"""
STATE = """
    SELECT state, extract(epoch FROM greatest(due_at, coalesce(claimed_until, due_at)) - now())::float AS seconds
      FROM tasks WHERE id = %(id)s AND kind = %(kind)s
"""
LOSE = """
    UPDATE tasks SET state = 'set_aside', ended_at = now(), claim = NULL, claimed_until = NULL, failure = 'WorkerLost'
     WHERE id = %(id)s AND state = 'pending' AND attempts >= %(most)s
       AND (claimed_until IS NULL OR claimed_until < now())
"""
SET_ASIDE = """
    UPDATE tasks SET state = 'set_aside', ended_at = now(), claim = NULL, claimed_until = NULL,
           failure = %(failure)s, failure_detail = %(detail)s
     WHERE id = %(id)s AND claim = %(claim)s
"""
POSTPONE = """
    UPDATE tasks SET claim = NULL, claimed_until = NULL, due_at = now() + %(pause)s,
           failure = %(failure)s, failure_detail = %(detail)s
     WHERE id = %(id)s AND claim = %(claim)s
"""
FINISH = """
    UPDATE tasks SET state = 'done', ended_at = now(), claim = NULL, claimed_until = NULL
     WHERE id = %(id)s AND claim = %(claim)s
"""


class Postponed(Problem):
    status = 503
    code = "task_postponed"
    title = "The task is not done yet"
    advice = "The queue asks again after `Retry-After` seconds."
    members = frozenset({"reason"})


class NotYet(Conflict):
    code = "task_not_due"
    title = "Somebody else does the task, or its time has not come"
    advice = "The queue asks again after `Retry-After` seconds."


class NothingToDo(Exception):
    """The task is done already, set aside or discarded, or nobody stored it: the queue may forget it."""


class Superseded(Exception):
    """The claim ran out while the task was being done: somebody else has it, and nothing of this attempt stays."""


class Restore(Protocol):
    """What the accounts domain provides: an account with its present rights, by the names that a task keeps."""

    async def __call__(self, transaction: Transaction, subject: str, *, impersonator: str | None) -> Account: ...


@dataclass(slots=True)
class Work(Generic[T]):
    """A claimed task. ``account`` is on whose behalf it is done, with its present rights."""

    task: T
    id: UUID
    attempt: int
    account: Account | None
    request_id: str | None
    _database: Database
    _claim: UUID
    _done: bool = field(default=False)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A look at the database, let go before a slow call outside."""
        async with self._database.transaction(reading=True) as transaction:
            yield transaction.session

    @asynccontextmanager
    async def applying(self) -> AsyncIterator[AsyncSession]:
        """The transaction of the effect: with it the task is done, and only with it. Once for each task."""
        async with self._database.transaction() as transaction:
            yield transaction.session
            await transaction.session.flush()
            finished = await transaction.driver.execute(FINISH, {"id": self.id, "claim": self._claim})
            if finished.rowcount != 1:
                raise Superseded
        self._done = True

    async def finish(self) -> None:
        """Done, though there was nothing to write."""
        if not self._done:
            async with self.applying():
                pass


@asynccontextmanager
async def attempt(database: Database, restore: Restore, kind: type[T], id_: UUID) -> AsyncIterator[Work[T]]:
    """One attempt at a task: the block does it, within the task's deadline, and a block that ends well has done it.

    Raises ``NothingToDo``, ``NotYet``, or ``Postponed`` when the block fails; the eighth failure sets the task aside.
    """
    claimed = await _claim(database, kind, id_)
    if claimed["request_id"] is not None:
        log.request_id.set(claimed["request_id"])
    work: Work[T] | None = None
    try:
        async with asyncio.timeout(kind.deadline.total_seconds()):
            work = await _work(database, restore, kind, id_, claimed)
            yield work
            await work.finish()
    except Superseded:
        raise NotYet(retry_after=1) from None
    except BaseException as error:
        if work is None or not work._done:
            raise await _failed(database, kind, id_, claimed, error) from error
        log.get_logger().error("task.failed_when_done", task=id_, kind=kind.kind, exc_info=error)
    log.get_logger().info("task.done", task=id_, kind=kind.kind, attempt=claimed["attempts"])


async def _claim(database: Database, kind: type[Task], id_: UUID) -> dict[str, Any]:
    """Take the task for as long as an attempt may last; committed at once, so that it counts whatever happens."""
    values = {"id": id_, "kind": kind.kind, "lease": kind.deadline + MARGIN, "most": MOST_ATTEMPTS}
    async with (
        database.transaction(reading=True) as transaction,
        transaction.driver.cursor(row_factory=dict_row) as cursor,
    ):
        claimed = await (await cursor.execute(CLAIM, values)).fetchone()
        if claimed is not None:
            return claimed
        lost = await cursor.execute(LOSE, values)
        if lost.rowcount:
            log.get_logger().error("task.set_aside", task=id_, kind=kind.kind, reason="WorkerLost")
        found = await (await cursor.execute(STATE, values)).fetchone()
    if found is None or found["state"] != "pending":
        raise NothingToDo
    raise NotYet(retry_after=max(1, math.ceil(found["seconds"])))


async def _work(database: Database, restore: Restore, kind: type[T], id_: UUID, claimed: Mapping[str, Any]) -> Work[T]:
    account = None
    if claimed["account"] is not None:
        async with database.transaction(reading=True) as transaction:
            account = await restore(transaction, claimed["account"], impersonator=claimed["impersonator"])
    return Work(
        kind.model_validate(claimed["payload"]),
        id_,
        claimed["attempts"],
        account,
        claimed["request_id"],
        database,
        claimed["claim"],
    )


async def _failed(
    database: Database, kind: type[Task], id_: UUID, claimed: Mapping[str, Any], error: BaseException
) -> BaseException:
    """Note the failure, and what to raise: the attempt is over, and the next one or staff's look has its time."""
    number, interrupted = claimed["attempts"], not isinstance(error, Exception)
    pause = 0.0 if interrupted else _pause(database.settings.task_first_pause, number)
    failure = {"failure": _name(error), "detail": _place(error)}
    values = {"id": id_, "claim": claimed["claim"], "pause": timedelta(seconds=pause), **failure}
    is_last = number >= MOST_ATTEMPTS
    async with database.transaction(reading=True) as transaction:
        await transaction.driver.execute(SET_ASIDE if is_last else POSTPONE, values)
    event = "task.set_aside" if is_last else "task.postponed"
    log.get_logger().warning(event, task=id_, kind=kind.kind, attempt=number, exc_info=error)
    if interrupted:
        return error
    return NothingToDo() if is_last else Postponed(reason=_name(error), retry_after=max(1, math.ceil(pause)))


def _pause(first: float, number: int) -> float:
    """Seconds until the next attempt after this many, spread so that what failed together does not return together."""
    pause: float = min(first * GROWTH ** (number - 1), LONGEST_PAUSE)
    return pause * random.uniform(0.75, 1.25)  # noqa: S311  no secret


def _name(error: BaseException) -> str:
    return error.code if isinstance(error, Problem) else type(error).__name__


def _place(error: BaseException) -> str | None:
    """Where in our own code it came from: the message may quote people's data, and is not kept."""
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(APP)]
    places = [f"{each.filename.removeprefix(APP)}:{each.lineno} {each.name}" for each in own[-4:]]
    return "\n".join(places) or None
