"""The outbox: what is to be done after the answer, stored in the transaction that causes it.

    class Hydrate(Task, kind="hydrate"):
        isbns: list[Isbn]

    await enqueue(session, Hydrate(isbns=...), account=caller)

The row is the task: it is there if and only if its transaction was committed, and says whether the task is done. A
queue is told of it afterwards and may forget it, tell of it twice or out of order: the worker (``core/work``) claims
the row before it acts, and marks it done in the transaction of the effect.
"""

import asyncio
import enum
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, NamedTuple, Protocol
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, Index, String, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app.core.account import Account
from app.core.acl import Acl, Allow
from app.core.db import Base, transaction_of
from app.core.log import get_logger, request_id
from app.core.schemas import Input
from app.core.types import text_enum

TELLING_SECONDS = 50.0
"""How long a commit's tasks may take to be told of: a little less than the sweep waits before it tells of them."""

KINDS: "dict[str, type[Task]]" = {}
"""Every kind of task, by the name that its door has."""


class Task(Input):
    """What is to be done: a schema with an address, ``/v1/tasks/{kind}`` of the internal API."""

    kind: ClassVar[str]
    deadline: ClassVar[timedelta] = timedelta(seconds=60)
    """How long one attempt may take; then it counts as failed, and another worker may claim the task."""

    def __init_subclass__(cls, *, kind: str, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.kind = kind
        if KINDS.setdefault(kind, cls) is not cls:
            raise TypeError(f"two tasks are called {kind!r}")


class TaskState(enum.StrEnum):
    PENDING = "pending"
    DONE = "done"
    SET_ASIDE = "set_aside"
    """Failed too often: waits for staff to replay or discard it."""
    DISCARDED = "discarded"


class TaskRow(Base):
    """A task that was caused. ``account`` is on whose behalf it runs, ``claim`` who works on it until when."""

    __tablename__ = "tasks"
    __table_args__ = (
        CheckConstraint("attempts >= 0", name="attempts_are_a_count"),
        CheckConstraint("(claim IS NULL) = (claimed_until IS NULL)", name="claim_has_an_end"),
        Index("ix_tasks_due", "due_at", "id", postgresql_where=text("state = 'pending'")),
        Index("ix_tasks_state_kind_created_at", "state", "kind", "created_at", "id"),
        Index("ix_tasks_created_at_id", "created_at", "id"),
        Index("ix_tasks_ended_at", "ended_at", postgresql_where=text("ended_at IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    kind: Mapped[str] = mapped_column(String(60))
    payload: Mapped[dict[str, Any]]
    state: Mapped[TaskState] = mapped_column(text_enum(TaskState), default=TaskState.PENDING)
    account: Mapped[str | None] = mapped_column(String(60))
    impersonator: Mapped[str | None] = mapped_column(String(60))
    request_id: Mapped[str | None] = mapped_column(String(64))
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    offered_at: Mapped[datetime | None]
    """When the sweep last told the queue of it, and in ``offers`` how often."""
    offers: Mapped[int] = mapped_column(server_default="0")
    claim: Mapped[UUID | None]
    claimed_until: Mapped[datetime | None]
    failure: Mapped[str | None] = mapped_column(String(120))
    """The kind of the last failure, such as ``TimeoutError``: what staff group tasks by."""
    failure_detail: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]

    __acl__ = Acl((Allow, "role:admin", ("read", "replay", "discard")))


class Offer(NamedTuple):
    """What a queue is told of a task: never what is in it."""

    id: UUID
    kind: str
    due_at: datetime | None
    number: int = 1
    """The first offer, the second …: a queue that remembers names takes each."""


class Queue(Protocol):
    """Something that calls the internal API, later: at least once, in no order."""

    async def offer(self, offers: Sequence[Offer]) -> None:
        """Tell it of tasks. An error is no harm: the sweep tells it again."""
        ...


async def enqueue(
    session: AsyncSession, *tasks: Task, account: Account | None, due_in: timedelta = timedelta(0)
) -> list[UUID]:
    """Store tasks in the caller's transaction; after its commit the queue is told of them. Their ids.

    ``account`` is on whose behalf they run, with the rights that it has then; None for the system itself.
    """
    return store(session, *tasks, account=account, due_in=due_in)


def store(session: AsyncSession, *tasks: Task, account: Account | None, due_in: timedelta = timedelta(0)) -> list[UUID]:
    """The same, for one who cannot wait: the session writes the rows with the rest of its transaction."""
    due_at = datetime.now(UTC) + due_in if due_in else None
    later = {} if due_at is None else {"due_at": due_at}
    rows = [
        TaskRow(
            id=uuid4(),
            kind=task.kind,
            payload=task.model_dump(mode="json"),
            account=None if account is None else account.subject,
            impersonator=None if account is None else account.impersonator,
            request_id=request_id.get() or None,
            **later,
        )
        for task in tasks
    ]
    session.add_all(rows)
    _offer_afterwards(session, [Offer(row.id, row.kind, due_at) for row in rows])
    return [row.id for row in rows]


def tell_again(session: AsyncSession, tasks: Sequence[tuple[UUID, str, int]]) -> None:
    """Tell the queue after the commit of tasks that are due anew: the id, kind and number of the offer of each."""
    _offer_afterwards(session, [Offer(id_, kind, None, number) for id_, kind, number in tasks])


def _offer_afterwards(session: AsyncSession, offers: Sequence[Offer]) -> None:
    transaction = transaction_of(session)
    queue = transaction.database.queue
    if queue is not None and offers:
        transaction.afterwards.append(lambda: _tell(queue, offers))


_telling: set[asyncio.Task[None]] = set()
"""Held here, for the event loop holds what it runs only weakly."""


def _tell(queue: Queue, offers: Sequence[Offer]) -> None:
    """Tell the queue while the answer is on its way; what it does not hear of, the sweep finds."""
    task = asyncio.create_task(_told(queue, offers))
    _telling.add(task)
    task.add_done_callback(_telling.discard)


async def _told(queue: Queue, offers: Sequence[Offer]) -> None:
    try:
        async with asyncio.timeout(TELLING_SECONDS):
            await queue.offer(offers)
    except Exception as error:  # noqa: BLE001  a vendor's client raises what it likes, and the sweep makes it good
        get_logger().warning("tasks.not_offered", number=len(offers), exc_info=error)
