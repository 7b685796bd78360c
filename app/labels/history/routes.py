"""The door of the history of labels."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.paging import Pages
from app.core.requests import Door
from app.labels.history import service
from app.labels.history.schemas import LabelChangesPage
from app.labels.models import LabelChange

router = APIRouter(prefix="/v1", tags=["labels"], route_class=Door)

Auditor = Annotated[Account, Permission("read", list(LabelChange.__acl__))]


@router.get("/work/{work_id}/label-changes")
async def find_changes(
    caller: Auditor, work_id: Annotated[int, Path(ge=1, lt=2**31)], session: Session, pages: Pages
) -> LabelChangesPage:
    """Who changed a work's labels, when, and from what to what: the newest first, also of a work that was deleted."""
    found = await service.list_changes(session, caller, work_id, after=pages.after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].id,) if found else None)
    return LabelChangesPage(data=found, pagination=pages.describe(None))
