"""The verbs of merging: two works, or two authors, that are one."""

from typing import Any

from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.briefs import refresh_briefs
from app.books.merging.links import LINKS, TABLES
from app.books.merging.schemas import MergeRead
from app.books.models import Merge, MergeKind
from app.core.account import Account
from app.core.db import Driver, driver_of, transaction_of
from app.core.errors import Conflict, FieldError, Invalid, NotFound
from app.events import service as events

TITLES = {MergeKind.WORK: "Works merged", MergeKind.AUTHOR: "Authors merged"}


async def lock_both(session: AsyncSession, kind: MergeKind, from_id: int, into_id: int) -> None:
    """Lock the rows that are to be one. The catalogue is locked. Raises ``NotFound``, or ``Invalid``."""
    if from_id == into_id:
        raise Invalid(errors=[FieldError("/duplicate_id", "same", "It is the one in the path.")])
    query = SQL("SELECT id FROM {} WHERE id = ANY(%s) ORDER BY id FOR UPDATE").format(Identifier(TABLES[kind]))
    found = await (await driver_of(session).execute(query, [[from_id, into_id]])).fetchall()
    ids = {id_ for (id_,) in found}
    if into_id not in ids:
        raise NotFound(f"There is no {kind} with this id.")
    if from_id not in ids:
        raise Invalid(errors=[FieldError("/duplicate_id", "not_found", f"There is no such {kind}.")])


async def merge(
    session: AsyncSession, account: Account, kind: MergeKind, from_id: int, into_id: int, *, extra: dict[str, Any]
) -> Merge:
    """Move all that refers to the duplicate, and remove it; both are locked. ``extra`` is kept for undoing."""
    driver = driver_of(session)
    ids = {"from": from_id, "into": into_id}
    links: dict[str, Any] = {}
    for link in LINKS[kind]:
        moved = await (await driver.execute(link.move, ids)).fetchall()
        taken = await (await driver.execute(link.take, ids)).fetchall() if link.is_unique else []
        links[link.table] = {"moved": [row for (row,) in moved], "taken": [row for (row,) in taken]}
    query = SQL("DELETE FROM {table} t WHERE id = %s RETURNING to_jsonb(t)").format(table=Identifier(TABLES[kind]))
    ((row,),) = await (await driver.execute(query, [from_id])).fetchall()
    undo = {"row": row, "links": links, **extra}
    made = Merge(kind=kind, from_id=from_id, into_id=into_id, actor=account.subject, undo=undo)
    session.add(made)
    await session.flush()
    await refresh_briefs(session, (), _works_of(made))
    described = describe(made)
    events.record(
        session,
        TITLES[kind],
        account=account,
        description=f"{kind} {from_id} into {into_id}",
        info={"merge_id": made.id, **described.model_dump(include={"from_id", "into_id", "moved", "taken"})},
    )
    return made


async def undo(session: AsyncSession, account: Account, made: Merge) -> None:
    """Bring the duplicate back with what it had, as far as nobody has changed that since. The merge is locked.

    Raises ``Conflict`` if it was undone, or the survivor is gone, be it into a third.
    """
    if made.undone_at is not None:
        raise Conflict("This merge was undone already.")
    driver, table = driver_of(session), Identifier(TABLES[made.kind])
    query = SQL("SELECT FROM {} WHERE id = %s FOR UPDATE").format(table)
    if await (await driver.execute(query, [made.into_id])).fetchone() is None:
        raise Conflict(f"The {made.kind} {made.into_id} is gone. If it was merged on, undo that first.")
    put_back = SQL("INSERT INTO {table} SELECT n.* FROM jsonb_populate_record(NULL::{table}, %s) n")
    await driver.execute(put_back.format(table=table), [Jsonb(made.undo["row"])])
    await _move_back(driver, made)
    made.undone_at = await session.scalar(select(func.now()))
    await session.flush()
    await refresh_briefs(session, (), _works_of(made))
    events.record(
        session,
        "Merge undone",
        account=account,
        description=f"{made.kind} {made.from_id} out of {made.into_id}",
        info={"merge_id": made.id, "kind": made.kind, "from_id": made.from_id, "into_id": made.into_id},
    )


async def merge_locked(session: AsyncSession, merge_id: int) -> Merge:
    """Raises ``NotFound``."""
    made = await session.scalar(select(Merge).where(Merge.id == merge_id).with_for_update())
    if made is None:
        raise NotFound("There is no merge with this id.")
    return made


def describe(made: Merge) -> MergeRead:
    links = made.undo["links"]
    return MergeRead(
        id=made.id,
        kind=made.kind,
        from_id=str(made.from_id),
        into_id=str(made.into_id),
        at=made.at,
        actor=made.actor,
        undone_at=made.undone_at,
        moved={table: len(link["moved"]) for table, link in links.items()},
        taken={table: len(link["taken"]) for table, link in links.items()},
    )


def rehearse(session: AsyncSession, described: MergeRead) -> MergeRead:
    """The account of a merge that will not have been."""
    transaction_of(session).rollback_only = True
    return described.model_copy(update={"id": None})


async def _move_back(driver: Driver, made: Merge) -> None:
    ids = {"from": made.from_id, "into": made.into_id}
    for link in LINKS[made.kind]:
        was = made.undo["links"].get(link.table, {"moved": [], "taken": []})
        await driver.execute(link.move_back, {**ids, "moved": Jsonb(was["moved"])})
        if link.is_unique:
            await driver.execute(link.put_back, {"taken": Jsonb(was["taken"])})


def _works_of(made: Merge) -> set[int]:
    """The works of which an edition may look different now."""
    if made.kind is MergeKind.WORK:
        return {made.from_id, made.into_id}
    link = made.undo["links"]["author_works"]
    return {row["work_id"] for row in (*link["moved"], *link["taken"])}
