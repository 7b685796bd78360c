"""The door of the audit."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import StringConstraints

from app.audit import service
from app.audit.models import AuditRow, Outcome
from app.audit.schemas import AuditFilter, AuditPage
from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.paging import Pages
from app.core.requests import Door
from app.core.schemas import Moment

router = APIRouter(prefix="/v1", tags=["audit"], route_class=Door)

Auditor = Annotated[Account, Permission("read", list(AuditRow.__acl__))]
Actor = Annotated[str, StringConstraints(pattern=r"^(user|service_account):[0-9a-f-]{36}$")]
Subject = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}:[0-9A-Za-z-]{1,36}$")]
Action = Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,30}\.[a-z_]{1,29}$")]


async def audit_filter(
    actor: Annotated[Actor | None, Query(description="Who did it: `user:<id>` or `service_account:<id>`.")] = None,
    subject: Annotated[
        Subject | None, Query(description="Whom or what it concerns: `user:<id>`, `school:<id>`, …")
    ] = None,
    action: Annotated[Action | None, Query(description="What was done, such as `user.viewed`.")] = None,
    outcome: Outcome | None = None,
    school_id: UUID | None = None,
    since: Annotated[Moment | None, Query(description="Not before this time: UTC, unless it names its zone.")] = None,
    until: Annotated[Moment | None, Query(description="Before this time.")] = None,
) -> AuditFilter:
    return AuditFilter(actor, subject, action, outcome, school_id, since, until)


@router.get("/audit")
async def find(
    caller: Auditor, session: Session, wanted: Annotated[AuditFilter, Depends(audit_filter)], pages: Pages
) -> AuditPage:
    """What was done or refused that concerns security, the newest first.

    Ask by `subject` who did what to an account, or saw it (`action=user.viewed`); by `actor`, what an account did.
    """
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), int(pages.after[1]))
    found = await service.list_rows(session, wanted, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].at.isoformat(), found[-1].id) if found else None)
    return AuditPage(data=found, pagination=pages.describe(None))
