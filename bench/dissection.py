"""Where the time of one bulk change goes: the same steps as behind the door, one after the other, in this process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from unittest.mock import patch
from uuid import UUID

import msgspec
import psycopg

from app.collections import queries, service
from app.collections.models import Collection
from app.collections.sync.plan import plan_changes
from app.collections.sync.rows import Delta, decode_body
from app.collections.sync.terms import Terms
from app.core.account import Account
from app.core.config import Settings
from app.core.db import Database
from app.core.security import Claims, utc_now

MOST_ROWS = 100_000
BULK_STATEMENT = "WITH"
SMALL = 1_000
REHEARSALS = 6
"""For small bodies: from the sixth time on psycopg has a statement prepared."""


@dataclass(slots=True)
class Statements:
    """Every statement that psycopg is asked meanwhile, and how long each took."""

    spent: list[tuple[str, float]] = field(default_factory=list)

    @contextmanager
    def watched(self) -> Iterator[None]:
        execute, commit = psycopg.AsyncCursor.execute, psycopg.AsyncConnection.commit

        async def timed_execute(cursor: Any, statement: Any, *args: Any, **options: Any) -> Any:
            started = time.perf_counter()
            result = await execute(cursor, statement, *args, **options)
            text = statement.decode() if isinstance(statement, bytes) else str(statement)
            self.spent.append((text.split(maxsplit=1)[0], time.perf_counter() - started))
            return result

        async def timed_commit(connection: Any) -> None:
            started = time.perf_counter()
            await commit(connection)
            self.spent.append(("COMMIT", time.perf_counter() - started))

        with (
            patch.object(psycopg.AsyncCursor, "execute", timed_execute),
            patch.object(psycopg.AsyncConnection, "commit", timed_commit),
        ):
            yield

    def seconds(self, *words: str) -> float:
        """Of the statements that begin with one of these words, or of all."""
        return sum(seconds for word, seconds in self.spent if not words or word in words)


async def _rehearse(database: Database, account: Account, collection_id: UUID, body: bytes) -> None:
    """Make the same change in vain, so that connection and statements are those of a server that runs."""
    for _ in range(REHEARSALS if len(body) < SMALL else 1):
        delta, rows = decode_body(Delta, body, MOST_ROWS)
        async with database.transaction() as transaction:
            collection = await transaction.session.get_one(Collection, collection_id)
            plan = plan_changes(rows, replacing=False)
            await service.change(transaction.session, account, collection, delta, plan, Terms(dry_run=True))


async def dissect(settings: Settings, account_id: UUID, collection_id: UUID, body: bytes) -> dict[str, float]:
    """Seconds of each step of this account's PATCH of this body; ``database`` holds all statements and the commit."""
    claims = Claims("service-account", account_id, "bench", utc_now(), utc_now())
    account = Account("service_account", account_id, "lms", "Library system", frozenset(), claims)
    statements = Statements()
    database = Database(settings)
    await _rehearse(database, account, collection_id, body)
    clock = time.perf_counter
    times = [clock()]
    delta, rows = decode_body(Delta, body, MOST_ROWS)
    times.append(clock())
    plan = plan_changes(rows, replacing=False)
    times.append(clock())
    with statements.watched():
        async with database.transaction() as transaction:
            await transaction.allow_bulk()
            session = transaction.session
            collection = await session.scalar(queries.collection_locked(Collection.id == collection_id))
            assert collection is not None
            report = await service.change(session, account, collection, delta, plan, Terms())
            msgspec.json.encode(report)
    times.append(clock())
    await database.dispose()
    decoding, planning, applying = (end - start for start, end in pairwise(times))
    in_database = statements.seconds()
    return {
        "decode": decoding,
        "understand and plan": planning,
        "bulk statement": statements.seconds(BULK_STATEMENT),
        "other statements": in_database - statements.seconds(BULK_STATEMENT),
        "COPY and rest": applying - in_database,
        "database": in_database,
    }
