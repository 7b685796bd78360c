"""The doors of merging."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.books.merging.schemas import MergeIn, MergeRead
from app.books.models import CATALOGUE, Merge, MergeKind
from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.idempotency import Idempotent
from app.core.paging import Pages
from app.core.requests import Door
from app.labels.merging import service

router = APIRouter(prefix="/v1", tags=["merges"], route_class=Door)

Editor = Annotated[Account, Permission("update", list(CATALOGUE))]
Reader = Annotated[Account, Permission("read", list(Merge.__acl__))]
PathId = Annotated[int, Path(ge=1, lt=2**31)]
DryRun = Annotated[bool, Query(description="True: nothing is written; the answer tells what would be.")]


@router.post("/work/{work_id}/merge")
async def merge_works(
    caller: Editor, once: Idempotent, work_id: PathId, merge: MergeIn, session: Session, dry_run: DryRun = False
) -> MergeRead:
    """Make a duplicate part of this work: its editions, authors, series and labels go over, its id leads here.

    Of the labels of both, the stronger origin's stand in each group.
    """
    return await service.merge(
        session, caller, MergeKind.WORK, duplicate_id=merge.duplicate_id, into_id=work_id, dry_run=dry_run
    )


@router.post("/authors/{author_id}/merge")
async def merge_authors(
    caller: Editor, once: Idempotent, author_id: PathId, merge: MergeIn, session: Session, dry_run: DryRun = False
) -> MergeRead:
    """Make a duplicate one with this author, who keeps the name: the works go over, the duplicate's id leads here."""
    return await service.merge(
        session, caller, MergeKind.AUTHOR, duplicate_id=merge.duplicate_id, into_id=author_id, dry_run=dry_run
    )


@router.get("/merges")
async def find(
    caller: Reader,
    pages: Pages,
    session: Session,
    kind: Annotated[MergeKind | None, Query(description="Of works, or of authors.")] = None,
) -> list[MergeRead]:
    """What was merged, the newest first; also what was undone since."""
    found, last = await service.list_merges(
        session, caller, kind, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(found), last)
    return found


@router.post("/merges/{merge_id}/undo")
async def undo(caller: Editor, once: Idempotent, merge_id: PathId, session: Session) -> MergeRead:
    """Take the two apart again: the duplicate is back under its id with what it had, but for what was changed since.

    409 if that was done already, or if the survivor is gone; if it was merged on, undo that first.
    """
    return await service.undo(session, caller, merge_id)
