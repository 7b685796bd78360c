"""The database: one engine, one connection and one transaction per request; the only place that commits."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, LiteralString, cast

import msgspec
import psycopg
from fastapi import Depends, Request
from psycopg.abc import Params
from psycopg.rows import dict_row
from sqlalchemy import DateTime, MetaData, NullPool
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from app.core.config import Settings
from app.core.errors import Unavailable
from app.core.leases import Driver as Driver
from app.core.leases import Lease, Leases
from app.core.server_facts import SERVER_FACTS, server_objections

if TYPE_CHECKING:
    from app.core.outbox import Queue

READING_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
BULK_WORK_MEM = "64MB"
APPEND_ONLY = "append_only"
"""The mark, in its `info`, of a table whose rows the application adds and never changes."""
MIGRATIONS = Path(__file__).parents[2] / "alembic" / "versions"
KEEPALIVE = {
    "connect_timeout": 3,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


class Base(DeclarativeBase):
    """Every table. Constraints are named by convention, timestamps carry a time zone, JSON is ``jsonb``."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: DateTime(timezone=True), dict[str, Any]: JSONB(none_as_null=True)}


class Transaction:
    """One unit of work on one connection. The session is made when it is first asked for."""

    def __init__(self, database: "Database", lease: Lease) -> None:
        self.database = database
        self.driver = lease.driver
        self.rollback_only = False
        self.afterwards: list[Callable[[], None]] = []
        """Called once the commit is made and the connection given back; not at all if everything is undone."""
        self._lease = lease
        self._session: AsyncSession | None = None

    @property
    def session(self) -> AsyncSession:
        if self._session is None:
            connection = SyncConnection(self.database.engine.sync_engine, connection=self._lease.connection)
            self._session = AsyncSession(
                bind=AsyncConnection(self.database.engine, sync_connection=connection),
                expire_on_commit=False,
                info={"transaction": self},
            )
        return self._session

    async def row(self, statement: LiteralString | bytes, parameters: Params) -> tuple[Any, ...] | None:
        """The first row of a statement that most requests ask, on the cursor that stays open: to make one costs as much
        as a third of such a statement."""
        cursor = self._lease.cursor
        await cursor.execute(statement, parameters)
        row: tuple[Any, ...] | None = await cursor.fetchone()
        return row

    async def allow_bulk(self) -> None:
        """Give this transaction the time and memory of a bulk change: long statements, long waits, large sorts."""
        settings = self.database.settings
        await self.driver.execute(
            """SELECT set_config('statement_timeout', %s, true), set_config('lock_timeout', %s, true),
                      set_config('work_mem', %s, true)""",
            (f"{settings.bulk_statement_timeout}s", f"{settings.bulk_lock_timeout}s", BULK_WORK_MEM),
        )

    async def finish(self) -> None:
        """Write what the session still holds, then commit; or undo everything for a rehearsal."""
        if self._session is not None:
            await self._session.flush()
        if self.rollback_only:
            await self.driver.rollback()
        else:
            await self.driver.commit()

    async def close(self) -> None:
        if self._session is not None:
            self._session.expunge_all()


class Database:
    """The engine, and the leases that requests, tasks and commands take from its pool."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.queue: Queue | None = None
        """Who is told of tasks that were stored; None: whoever sweeps finds them."""
        self._bulk_places = asyncio.Semaphore(max(1, settings.database_pool_size // 2))
        self.engine = create_async_engine(
            settings.sqlalchemy_url,
            poolclass=NullPool,
            pool_reset_on_return=None,  # every transaction here ends itself
            json_serializer=lambda value: msgspec.json.encode(value).decode(),
            json_deserializer=msgspec.json.decode,
            connect_args={"options": _session_options(settings), **KEEPALIVE},
        )
        self.leases = Leases(
            self.engine,
            kept=settings.database_pool_size,
            most=settings.database_pool_size + settings.database_max_overflow,
            patience=settings.database_pool_timeout,
        )

    @asynccontextmanager
    async def transaction(self, *, reading: bool = False) -> AsyncIterator[Transaction]:
        """One unit of work: committed when the block is left, rolled back on an error.

        ``reading`` runs every statement by itself, which saves a read its BEGIN and COMMIT.
        """
        lease = await self.leases.take()
        transaction = Transaction(self, lease)
        try:
            if lease.driver.autocommit is not reading:
                await lease.driver.set_autocommit(reading)
            yield transaction
            await transaction.finish()
        except BaseException:
            if lease.driver.closed:
                self.leases.doubt()
            else:
                await lease.driver.rollback()
            raise
        finally:
            await transaction.close()
            await self.leases.give_back(lease)
        if not transaction.rollback_only:
            for each in transaction.afterwards:
                each()

    @asynccontextmanager
    async def bulk_place(self) -> AsyncIterator[None]:
        """One of the places for long transactions, which are half of the pool; taken before its connection is."""
        try:
            async with asyncio.timeout(self.settings.bulk_lock_timeout):
                await self._bulk_places.acquire()
        except TimeoutError:
            raise Unavailable("Too many bulk changes are running.") from None
        try:
            yield
        finally:
            self._bulk_places.release()

    async def objections(self) -> list[str]:
        """What keeps this process from serving: an empty list when it is ready.

        Production also asks what the server and our role on it are like (``server_facts``).
        """
        try:
            async with self.transaction(reading=True) as transaction:
                found = await current_revision(transaction.driver)
                facts = await self._facts(transaction.driver)
        except (psycopg.Error, SQLAlchemyError, OSError) as error:
            return [f"the database does not answer ({type(error).__name__})"]
        if found != expected_revision():
            return [f"migrations are at {found}, this release expects {expected_revision()}"]
        return server_objections(facts) if facts is not None else []

    async def _facts(self, driver: Driver) -> dict[str, Any] | None:
        if self.settings.environment != "production":
            return None
        async with driver.cursor(row_factory=dict_row) as cursor:
            facts = await (await cursor.execute(SERVER_FACTS)).fetchone() or {}
        return facts | {"connections": self.settings.database_pool_size + self.settings.database_max_overflow}

    async def dispose(self) -> None:
        await self.leases.dispose()
        await self.engine.dispose()


async def current_revision(driver: Driver) -> str | None:
    """The migration that the database is at; None where none has run."""
    exists = await (await driver.execute("SELECT to_regclass('alembic_version') IS NOT NULL")).fetchone()
    if exists is None or not exists[0]:
        return None
    row = await (await driver.execute("SELECT version_num FROM alembic_version")).fetchone()
    return None if row is None else str(row[0])


@cache
def expected_revision() -> str | None:
    """The newest migration that this release carries, read from its files: Alembic itself would slow every start."""
    sources = [path.read_text(encoding="utf-8") for path in MIGRATIONS.glob("*.py")]
    revisions = {found for source in sources for found in re.findall(r'^revision = "(\w+)"', source, re.MULTILINE)}
    parents = {found for source in sources for found in re.findall(r'^down_revision = "(\w+)"', source, re.MULTILINE)}
    return next(iter(revisions - parents), None)


def transaction_of(session: AsyncSession) -> Transaction:
    """The transaction that a session belongs to."""
    return cast(Transaction, session.info["transaction"])


def driver_of(session: AsyncSession) -> Driver:
    """The psycopg connection under a session, in the same transaction: for COPY and hot statements."""
    return transaction_of(session).driver


def _session_options(settings: Settings) -> str:
    milliseconds = {
        "statement_timeout": settings.statement_timeout,
        "lock_timeout": settings.lock_timeout,
        "idle_in_transaction_session_timeout": settings.idle_in_transaction_timeout,
    }
    limits = " ".join(f"-c {name}={round(seconds * 1000)}" for name, seconds in milliseconds.items())
    return f"{limits} -c search_path=public -c timezone=UTC -c application_name=wriveted"


async def get_transaction(request: Request) -> Transaction:
    """The request's transaction; it ends after the answer is built and before it is sent.

    FastAPI closes that stack at the right moment. A generator would be closed by it too, but costs as much as the
    rest of the transaction.
    """
    return await _transaction(request, reading=request.method in READING_METHODS)


async def _transaction(request: Request, *, reading: bool) -> Transaction:
    found: Transaction | None = getattr(request.state, "transaction", None)
    if found is None:
        database: Database = request.app.state.database
        before_sending: AsyncExitStack = request.scope["fastapi_function_astack"]
        holding = AsyncExitStack()
        found = await holding.enter_async_context(database.transaction(reading=reading))
        before_sending.push_async_exit(holding)
        request.state.transaction, request.state.holding = found, holding
    return found


async def let_go(request: Request) -> None:
    """End the request's transaction before something slow, and give its connection back; nobody may use it after."""
    holding: AsyncExitStack = request.state.holding
    request.state.transaction = None
    await holding.aclose()


RequestTransaction = Annotated[Transaction, Depends(get_transaction)]


async def get_session(request: Request) -> AsyncSession:
    return (await get_transaction(request)).session


async def get_writing_session(request: Request) -> AsyncSession:
    return (await _transaction(request, reading=False)).session


Session = Annotated[AsyncSession, Depends(get_session)]
WritingSession = Annotated[AsyncSession, Depends(get_writing_session)]
"""For a door that writes although its method says that it reads, because today's clients call it so."""
