"""The doors of messages: staff's own e-mail, what is not sent to whom, and the links that unsubscribe."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse

from app.core.db import Session
from app.core.errors import NotFound
from app.core.guards import Caller, Permission, public
from app.core.idempotency import Idempotent
from app.core.paging import Pages
from app.core.requests import Door
from app.core.sealing import Vault
from app.messages import service
from app.messages.addresses import Subscription, read_token
from app.messages.models import SentEmail, Suppression
from app.messages.schemas import (
    Address,
    EmailIn,
    EmailQueued,
    SuppressionDetail,
    SuppressionIn,
    SuppressionListsResponse,
)

router = APIRouter(prefix="/v1", tags=["messages"], route_class=Door)
PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page for people.", "content": {"text/html": {"schema": {"type": "string"}}}}
}
ASK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Huey Books</title>
<p>Do you want no more e-mails of this kind from Huey Books?</p>
<form method="post"><button>No more e-mails of this kind</button></form></html>"""
DONE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Huey Books</title>
<p>You get no more e-mails of this kind from Huey Books.</p></html>"""


async def unborn_email() -> SentEmail:
    return SentEmail()


async def any_suppression() -> Suppression:
    return Suppression()


async def suppression_by_id(suppression_id: UUID, session: Session) -> Suppression:
    return await service.get_suppression(session, suppression_id)


async def get_vault(request: Request) -> Vault:
    vault: Vault = request.app.state.vault
    return vault


async def read_link(token: Annotated[str, Path(max_length=200)], request: Request) -> Subscription:
    found = read_token(request.app.state.vault, token)
    if found is None:
        raise NotFound("This link is not one of ours; it may be incomplete.")
    return found


Marks = Annotated[Vault, Depends(get_vault)]
Link = Annotated[Subscription, Depends(read_link)]


@router.post("/sendgrid/email", status_code=202, dependencies=[Permission("create", unborn_email)])
async def send_email(given: EmailIn, caller: Caller, session: Session, request: Request, _: Idempotent) -> EmailQueued:
    """Send an e-mail, to each recipient alone. 202: it is stored, and sent in a moment.

    Addresses that are suppressed, have unsubscribed, or are a pupil's get nothing.
    """
    return await service.send_by_hand(session, caller, request.app.state.settings, given)


@router.get("/email/suppressions", dependencies=[Permission("read", any_suppression)])
async def list_suppressions(
    session: Session,
    vault: Marks,
    pages: Pages,
    email: Annotated[Address | None, Query(description="Only what is not sent to this address.")] = None,
) -> SuppressionListsResponse:
    """Who gets no e-mail, the newest first: because they unsubscribed, there is no such mailbox, or staff said so."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await service.list_suppressions(session, vault, email, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].created_at.isoformat(), str(found[-1].id)) if found else None)
    return SuppressionListsResponse(data=list(found), pagination=pages.describe(None))


@router.post("/email/suppression", dependencies=[Permission("create", any_suppression)])
async def suppress(given: SuppressionIn, caller: Caller, session: Session, vault: Marks) -> SuppressionDetail:
    """Send nothing more to an address, or nothing of a category."""
    return await service.suppress(session, caller, vault, given)


@router.delete("/email/suppression/{suppression_id}", status_code=204)
async def lift_suppression(
    found: Annotated[Suppression, Permission("delete", suppression_by_id)], caller: Caller, session: Session
) -> None:
    """Send to an address again, such as one whose mailbox was full."""
    await service.lift(session, caller, found)


@router.get("/email/unsubscribe/{token}", dependencies=[public], response_class=HTMLResponse, responses=PAGE)
async def ask_to_unsubscribe(link: Link) -> HTMLResponse:
    """Where the link in an e-mail leads: a page that asks. Nothing changes by it, for mail scanners follow links."""
    return HTMLResponse(ASK)


@router.post("/email/unsubscribe/{token}", dependencies=[public], response_class=HTMLResponse, responses=PAGE)
async def unsubscribe(link: Link, session: Session) -> HTMLResponse:
    """Unsubscribe the address that an e-mail went to from e-mails of its kind, at once (RFC 8058)."""
    await service.unsubscribe(session, link)
    return HTMLResponse(DONE)
