"""Doing a task that the outbox holds: claimed first, marked done in the transaction of its effect.

A worker that dies leaves a claim that runs out; a second call finds the task claimed or done; an attempt is counted when
it begins, so that a task which kills its worker is set aside too.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.db import Database
from app.core.errors import Problem
from app.core.outbox import Task

MOST_ATTEMPTS = 8
FIRST_PAUSE, LONGEST_PAUSE = 5.0, 3600.0
MARGIN = timedelta(seconds=5)
"""How much longer a claim lasts than the attempt may: who is late is stopped before another begins."""

T = TypeVar("T", bound=Task)

CLAIM = """
    UPDATE tasks SET attempts = attempts + 1, claim = gen_random_uuid(), claimed_until = now() + %(lease)s
     WHERE id = %(id)s AND kind = %(kind)s AND state = 'pending' AND due_at <= now()
       AND (claimed_until IS NULL OR claimed_until < now())
    RETURNING payload, attempts, claim, account, impersonator, request_id
"""
SET_ASIDE = """
    UPDATE tasks SET state = 'set_aside', ended_at = now(), claim = NULL, claimed_until = NULL,
           failure = coalesce(%(failure)s, failure, 'WorkerLost'), failure_detail = coalesce(%(detail)s, failure_detail)
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
STATE = """
    SELECT state, greatest(due_at, coalesce(claimed_until, due_at)) - now() FROM tasks WHERE id = %(id)s
"""


class Postponed(Problem):
    status = 503
    code = "task_postponed"
    title = "The task is not done yet"
    advice = "The queue asks again after `Retry-After` seconds."
    members = frozenset({"reason"})


class Superseded(Exception):
    """The claim ran out while the task was being done: somebody else has it, and nothing of this attempt stays."""


@dataclass(frozen=True, slots=True)
class Work(Generic[T]):
    """A claimed task. ``account`` is on whose behalf it is done, with its present rights."""

    task: T
    id: UUID
    attempt: int
    account: Account | None
    request_id: str | None
    _database: Database
    _claim: UUID

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
