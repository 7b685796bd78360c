"""The verbs of merging, labels included."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.merging import service as merging
from app.books.merging.locking import lock_catalogue
from app.books.merging.redirects import current_id
from app.books.merging.schemas import MergeRead
from app.books.models import Merge, MergeKind
from app.core.account import Account
from app.core.acl_sql import allowed
from app.core.db import driver_of, transaction_of
from app.labels.merging.labelsets import join_labels, part_labels


async def merge(
    session: AsyncSession, account: Account, kind: MergeKind, *, duplicate_id: int, into_id: int, dry_run: bool
) -> MergeRead:
    """Make one of two works or authors. A rehearsal does the same, and is undone.

    Raises ``NotFound``, and ``Invalid`` for a duplicate that does not exist or is the survivor.
    """
    await transaction_of(session).allow_bulk()
    await lock_catalogue(driver_of(session))
    into_id = await current_id(session, kind, into_id)
    await merging.lock_both(session, kind, duplicate_id, into_id)
    is_work = kind is MergeKind.WORK
    extra = await join_labels(session, account, duplicate_id, into_id) if is_work else {}
    described = merging.describe(await merging.merge(session, account, kind, duplicate_id, into_id, extra=extra))
    return merging.rehearse(session, described) if dry_run else described


async def undo(session: AsyncSession, account: Account, merge_id: int) -> MergeRead:
    """Take two apart that were made one (see `books.merging.service.undo`)."""
    await transaction_of(session).allow_bulk()
    await lock_catalogue(driver_of(session))
    made = await merging.merge_locked(session, merge_id)
    await merging.undo(session, account, made)
    if "labels" in made.undo:
        await part_labels(session, account, made.into_id, made.undo["labels"])
    return merging.describe(made)


async def list_merges(
    session: AsyncSession,
    account: Account,
    kind: MergeKind | None,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> tuple[list[MergeRead], tuple[int] | None]:
    """A page of merges, the newest first, and the id of the last."""
    page = select(Merge).where(allowed(Merge, "read", account.principals))
    if kind is not None:
        page = page.where(Merge.kind == kind)
    if after is not None:
        page = page.where(Merge.id < after[0])
    found = (await session.scalars(page.order_by(Merge.id.desc()).offset(skip).limit(limit))).all()
    return [merging.describe(made) for made in found], (found[-1].id,) if found else None
