"""The doors of supporters' feedback."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request

from app.accounts.doors import TokenIssuer
from app.core.db import Session
from app.core.guards import Caller, Permission, public
from app.core.openapi import problem
from app.core.ratelimit import client_address
from app.core.requests import Door
from app.events.models import Event
from app.events.schemas import EventDetail
from app.feedback import service
from app.feedback.models import SupporterFeedback
from app.feedback.schemas import FeedbackLinkIn, FeedbackToken, ReadingLogEventDetail, ReadingLogEventFeedback

router = APIRouter(prefix="/v1", tags=["feedback"], route_class=Door)
NO_READING: dict[int | str, dict[str, Any]] = {400: problem("The event is not of a reader's timeline.")}


async def event_by_id(event_id: UUID, session: Session) -> Event:
    return await service.timeline_event(session, event_id)


TimelineEvent = Annotated[Event, Depends(event_by_id)]


async def feedback_on(event_id: UUID, session: Session) -> SupporterFeedback:
    event = await service.timeline_event(session, event_id)
    return SupporterFeedback(event_id=event.id, reader_id=event.user_id)


async def counted(request: Request) -> None:
    """Links are counted as sign-ins are: while that cannot be done, none opens."""
    settings = request.app.state.settings
    address = client_address(request.scope, settings.trusted_proxies)
    await request.app.state.limiter.take(
        f"feedback-link:{address}", settings.rate_limit_anonymous, policy="sign-in", fail_closed=True
    )


@router.post("/auth/feedback-link", dependencies=[public, Depends(counted)], responses={401: {}})
async def open_link(given: FeedbackLinkIn, session: Session, issuer: TokenIssuer) -> FeedbackToken:
    """Exchange the code of a link in an e-mail, which opens once, for a token that opens feedback alone."""
    return await service.open_link(session, issuer, given.code)


@router.get("/feedback/{event_id}", dependencies=[Permission("read", feedback_on)], responses=NO_READING)
async def get(event: TimelineEvent, caller: Caller, session: Session) -> ReadingLogEventDetail:
    """What a reader whom you cheer on has read."""
    return await service.describe(session, caller, event)


@router.post("/feedback/{event_id}", dependencies=[Permission("create", feedback_on)], responses=NO_READING)
async def give(event: TimelineEvent, given: ReadingLogEventFeedback, caller: Caller, session: Session) -> EventDetail:
    """Leave a reader whom you cheer on a few kind words about what was read: once for each event."""
    return await service.give(session, caller, event, given)
