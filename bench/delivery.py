"""Tasks: how fast one worker applies them, how soon after their commit, and what a full queue costs everybody else."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from uuid import uuid4

import httpx
import psycopg

from app.adapters.local_queue import LocalQueue
from app.core.config import Settings
from app.core.db import Database
from app.core.migrations import ROOT
from app.core.outbox import enqueue
from app.core.processes import spawn, stop
from app.core.work import CLAIM, FINISH
from app.events.schemas import ProcessEvent
from bench.pgbench import client_environment, program
from bench.report import Finding, Report, middle
from bench.servers import environment

MANY, FEW, QUEUED = 2_000, 300, 10_000
PAUSE = 0.02
LEAST_RATE = 0.1
SOON, LATE = 50.0, 250.0
MOST_SLOWED = 1.1
CLEAR = "TRUNCATE tasks"
LEFT = "SELECT count(*) FROM tasks WHERE state = 'pending'"
DELAYS = """
    SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - created_at) * 1000)
      FROM tasks
"""
LOOK = "SELECT * FROM events WHERE id = gen_random_uuid()"
"""What the task of an event that is gone does between its claim and its end."""


async def measure(report: Report, settings: Settings, rounds: int) -> None:
    """T14, T15 and T16."""
    database = Database(settings)
    database.queue = LocalQueue(database)
    try:
        with _process(settings, "run", "public") as public, _process(settings, "run", "internal") as internal:
            floor = middle(_by_hand(settings) for _ in range(rounds))
            with _spawned(settings, "deliver", "--internal-url", internal):
                rates = [await _drained(database, MANY) for _ in range(rounds)]
                report.add(
                    Finding("T14", "tasks a second, of a loop in psql", middle(rates) / floor, LEAST_RATE, "least")
                )
                report.remark(f"T14: {middle(rates):.0f} tasks a second by one worker, {floor:.0f} by psql")
                for name, bound, value in zip(("median", "p99"), (SOON, LATE), await _delays(database), strict=True):
                    report.add(Finding("T15", f"commit to effect, {name}", value, bound, unit="ms"))
                ratios = [await _slowed(database, public) for _ in range(rounds)]
                what = f"public API while {QUEUED:,} tasks drain, median answer"
                report.add(Finding("T16", what, middle(during / alone for alone, during in ratios), MOST_SLOWED))
                alone, during = (middle(each[place] * 1000 for each in ratios) for place in (0, 1))
                report.remark(f"T16: {alone:.2f} ms with an empty queue, {during:.2f} ms while it drains")
    finally:
        await database.dispose()


def _by_hand(settings: Settings) -> float:
    """Tasks a second of the same statements, one task after the other, in psql."""
    with psycopg.connect(settings.dsn, autocommit=True) as connection:
        connection.execute(CLEAR)
        connection.execute(
            """INSERT INTO tasks (id, kind, payload, state, attempts)
               SELECT gen_random_uuid(), 'process-event', '{}', 'pending', 0 FROM generate_series(1, %s)""",
            [MANY],
        )
        ids = [row[0] for row in connection.execute("SELECT id FROM tasks")]
        cursor = psycopg.ClientCursor(connection)
        claims = [
            cursor.mogrify(CLAIM, {"id": id_, "kind": "process-event", "lease": "15 s", "most": 8}) for id_ in ids
        ]
        finish = FINISH.replace("%(claim)s", "claim")
        ends = [cursor.mogrify(finish, {"id": id_}) for id_ in ids]
    script = "\n".join(f"{claim};\nBEGIN;\n{LOOK};\n{end};\nCOMMIT;" for claim, end in zip(claims, ends, strict=True))
    started = time.monotonic()
    subprocess.run(
        [program("psql"), "-q", "-X", "-o", os.devnull, "-v", "ON_ERROR_STOP=1", settings.dsn],
        input=script.encode(),
        env=client_environment(),
        check=True,
    )
    return MANY / (time.monotonic() - started)


async def _stored(database: Database, number: int) -> None:
    async with database.transaction() as transaction:
        await enqueue(transaction.session, *(ProcessEvent(event_id=uuid4()) for _ in range(number)), account=None)


async def _left(database: Database) -> int:
    async with database.transaction(reading=True) as transaction:
        row = await (await transaction.driver.execute(LEFT)).fetchone()
    return int(row[0]) if row else 0


async def _cleared(database: Database) -> None:
    async with database.transaction(reading=True) as transaction:
        await transaction.driver.execute(CLEAR)


async def _drained(database: Database, number: int) -> float:
    """Tasks a second, from their commit to the last effect."""
    await _cleared(database)
    await _stored(database, number)
    started = time.monotonic()
    while await _left(database):  # noqa: ASYNC110  another process's rows
        await asyncio.sleep(0.05)
    return number / (time.monotonic() - started)


async def _delays(database: Database) -> tuple[float, float]:
    """Milliseconds from commit to effect, median and p99, of tasks that come one after the other."""
    await _cleared(database)
    for _ in range(FEW):
        await _stored(database, 1)
        await asyncio.sleep(PAUSE)
    while await _left(database):  # noqa: ASYNC110  another process's rows
        await asyncio.sleep(0.05)
    async with database.transaction(reading=True) as transaction:
        row = await (await transaction.driver.execute(DELAYS)).fetchone()
    assert row is not None
    return float(row[0][0]), float(row[0][1])


async def _slowed(database: Database, public: str) -> tuple[float, float]:
    """Median seconds of an answer of the public API, with an empty queue and while a full one drains."""
    await _cleared(database)
    async with _asking(public) as alone:
        await asyncio.sleep(4)
    await _stored(database, QUEUED)
    async with _asking(public) as during:
        await asyncio.sleep(4)
        left = await _left(database)
    assert left, "the queue was drained too soon to tell"
    while await _left(database):  # noqa: ASYNC110  another process's rows
        await asyncio.sleep(0.1)
    return middle(alone), middle(during)


@asynccontextmanager
async def _asking(url: str) -> AsyncIterator[list[float]]:
    """The seconds that each of some thirty requests a second took."""
    seconds: list[float] = []

    async def ask() -> None:
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            while True:
                started = time.monotonic()
                (await client.get("/v1/public-lists")).raise_for_status()
                seconds.append(time.monotonic() - started)
                await asyncio.sleep(0.03)

    asking = asyncio.create_task(ask())
    try:
        yield seconds
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


@contextmanager
def _process(settings: Settings, *command: str) -> Iterator[str]:
    """One of the APIs; its address, once it answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with _spawned(settings, *command, "--fd", str(listener.fileno()), pass_fds=(listener.fileno(),)):
            httpx.get(f"{url}/livez", timeout=60, trust_env=False).raise_for_status()
            yield url


@contextmanager
def _spawned(settings: Settings, *command: str, pass_fds: tuple[int, ...] = ()) -> Iterator[None]:
    process = spawn(
        [sys.executable, "-m", "app.cli", *command],
        last_signal=signal.SIGKILL,
        cwd=ROOT,
        env={"PATH": os.defpath, **environment(settings.dsn)},
        pass_fds=pass_fds,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        stop(process, signal.SIGKILL, patience=10)
