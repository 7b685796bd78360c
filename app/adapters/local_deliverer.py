"""Delivers tasks where there is no Cloud Tasks, and calls jobs where there is no Cloud Scheduler: over HTTP, under the
same contract.

What is due stands in the table, so nothing is kept here but what is in flight: an answer other than 2xx has left its
next time in the task's row, and a worker that died leaves a claim that runs out.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from app.adapters.local_queue import CHANNEL
from app.adapters.queue_callers import LocalCallers
from app.core.config import Settings
from app.core.log import get_logger
from app.tasks.jobs import SCHEDULE

IN_FLIGHT = 16
RATE = 150.0
"""Tasks a second, and in steps of how many: a full queue drains beside requests that somebody waits for."""
STEP = 2
LOOKS_EVERY = 1.0
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
SLOWEST_ANSWER = 660.0

LAST_DONE = "SELECT job, max(started_at) FROM job_runs WHERE outcome = 'done' GROUP BY job"
DUE = """
    SELECT id, kind FROM tasks
     WHERE state = 'pending' AND due_at <= now() AND (claimed_until IS NULL OR claimed_until < now())
       AND id <> ALL(%(in_flight)s)
     ORDER BY due_at, id LIMIT %(places)s
"""


class Deliverer:
    """Delivers until it is cancelled, at most ``in_flight`` tasks at once, each kind at ``/v1/tasks/{kind}``."""

    def __init__(
        self, settings: Settings, url: str, *, in_flight: int = IN_FLIGHT, looks_for_jobs_every: float = 15.0
    ) -> None:
        self._looks_for_jobs_every = looks_for_jobs_every
        self._settings, self._url, self._most = settings, url, in_flight
        self._callers = LocalCallers(settings)
        self._in_flight: dict[UUID, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._away = 0
        """How often in a row the internal API did not answer."""

    async def run(self) -> None:
        import httpx

        limits = httpx.Limits(max_connections=self._most, max_keepalive_connections=self._most)
        timeout = httpx.Timeout(SLOWEST_ANSWER, connect=2.0)
        async with (
            httpx.AsyncClient(base_url=self._url, limits=limits, timeout=timeout, trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(self._keep_the_time(client))
            while True:
                try:
                    await self._deliver_from_one_connection(client)
                except (psycopg.OperationalError, OSError) as error:
                    get_logger().warning("deliverer.database_away", exc_info=error)
                    await asyncio.sleep(LOOKS_EVERY)

    async def _keep_the_time(self, client: Any) -> None:
        """Call each job when its time has come, as of the last run that did well; one that failed, a little later."""
        import httpx

        while True:
            await asyncio.sleep(self._looks_for_jobs_every)
            try:
                for name in await self._jobs_due():
                    await client.post(f"/v1/jobs/{name}", headers=self._signed())
            except (httpx.HTTPError, psycopg.Error, OSError) as error:
                get_logger().warning("deliverer.no_job", exc_info=error)

    async def _jobs_due(self) -> list[str]:
        async with await psycopg.AsyncConnection.connect(self._settings.dsn, autocommit=True) as connection:
            done: dict[str, datetime] = dict(await (await connection.execute(LAST_DONE)).fetchall())
        now = datetime.now(UTC)
        return [job.name for job in SCHEDULE if job.name not in done or done[job.name] <= now - job.every]

    def _signed(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._callers.sign()}"}

    async def _deliver_from_one_connection(self, client: Any) -> None:
        async with _listening(self._settings.dsn, self._wake) as connection:
            while True:
                self._wake.clear()
                places = min(self._most - len(self._in_flight), STEP)
                values = {"in_flight": list(self._in_flight), "places": places}
                due = await (await connection.execute(DUE, values)).fetchall()
                for id_, kind in due:
                    self._in_flight[id_] = asyncio.create_task(self._deliver(client, id_, kind))
                if due:
                    await asyncio.sleep(len(due) / RATE)
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOKS_EVERY):
                            await self._wake.wait()
                if self._away:
                    longest = min(FIRST_PAUSE * 2**self._away, LONGEST_PAUSE)
                    await asyncio.sleep(random.uniform(longest / 2, longest))  # noqa: S311  no secret

    async def _deliver(self, client: Any, id_: UUID, kind: str) -> None:
        import httpx

        try:
            answer = await client.post(
                f"/v1/tasks/{kind}",
                json={"id": str(id_)},
                headers=self._signed(),
            )
        except httpx.HTTPError as error:
            self._away += 1
            get_logger().warning("deliverer.no_answer", task=id_, kind=kind, exc_info=error)
        else:
            self._away = 0
            if answer.status_code not in (204, 409, 503):
                get_logger().warning("deliverer.refused", task=id_, kind=kind, status=answer.status_code)
                await asyncio.sleep(LONGEST_PAUSE)
        finally:
            del self._in_flight[id_]
            self._wake.set()


@asynccontextmanager
async def _listening(dsn: str, wake: asyncio.Event) -> AsyncIterator[psycopg.AsyncConnection[Any]]:
    """A connection that sets ``wake`` when somebody has a word for the deliverer."""
    connect = psycopg.AsyncConnection.connect
    async with await connect(dsn, autocommit=True) as looking, await connect(dsn, autocommit=True) as hearing:
        await hearing.execute(f"LISTEN {CHANNEL}")

        async def hear() -> None:
            async for _ in hearing.notifies():
                wake.set()

        listener = asyncio.create_task(hear())
        try:
            yield looking
        finally:
            listener.cancel()
            await asyncio.gather(listener, return_exceptions=True)
