"""What became of a work's labels, and who did it."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.merging.redirects import current_id
from app.books.models import MergeKind, Work
from app.core.account import Account
from app.core.acl_sql import allowed
from app.core.errors import NotFound
from app.labels.history.schemas import LabelChangeRead
from app.labels.models import LabelChange


async def list_changes(
    session: AsyncSession, account: Account, work_id: int, *, after: Sequence[Any] | None, skip: int, limit: int
) -> list[LabelChangeRead]:
    """A page of the changes of a work's labels, the newest first; ``after`` is the id of the last one seen.

    A work that was deleted keeps its history, and one that was merged leads to the other's. Raises ``NotFound``.
    """
    work_id = await current_id(session, MergeKind.WORK, work_id)
    known = LabelChange
    page = select(known.id, known.at, known.actor, known.label_group, known.before, known.after).where(
        known.work_id == work_id, allowed(known, "read", account.principals)
    )
    if after is not None:
        page = page.where(known.id < after[0])
    rows = (await session.execute(page.order_by(known.id.desc()).offset(skip).limit(limit))).all()
    if not rows and after is None and skip == 0 and await session.get(Work, work_id) is None:
        raise NotFound("There is no work with this id, and there never were labels of one.")
    return [_change(row) for row in rows]


def _change(row: Row[Any]) -> LabelChangeRead:
    return LabelChangeRead.model_validate({**row._asdict(), "group": row.label_group})
