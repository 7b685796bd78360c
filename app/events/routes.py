"""The doors of events."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import StringConstraints

from app.core.db import Session
from app.core.guards import Caller
from app.core.idempotency import Idempotent
from app.core.include import Include
from app.core.openapi import problem
from app.core.paging import Pages
from app.core.requests import Door
from app.core.schemas import Moment
from app.events import service
from app.events.models import EventLevel
from app.events.schemas import (
    EventCreateIn,
    EventDetail,
    EventFilter,
    EventListsResponse,
    EventTypesResponse,
)

router = APIRouter(prefix="/v1", tags=["events"], route_class=Door)


ADMINS_ONLY = problem("Something in it is for administrators, or for those whom it is about (`permission`, `errors`).")
TitlePart = Annotated[str, StringConstraints(min_length=1, max_length=200)]


async def event_filter(
    query: Annotated[
        list[TitlePart] | None, Query(max_length=10, description="Texts, any of which the title contains.")
    ] = None,
    match_prefix: Annotated[bool, Query(description="The title begins with the text instead.")] = False,
    level: Annotated[EventLevel | None, Query(description="The least level.")] = None,
    school_id: UUID | None = None,
    user_id: UUID | None = None,
    service_account_id: UUID | None = None,
    info_jsonpath_match: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=500,
            description="Administrators only: an SQL/JSON path predicate over `info`, such as `$.reads > 3`.",
        ),
    ] = None,
    since: Annotated[Moment | None, Query(description="Not before this time: UTC, unless it names its zone.")] = None,
) -> EventFilter:
    return EventFilter(
        titles=tuple(query or ()),
        match_prefix=match_prefix,
        level=level,
        school_id=school_id,
        user_id=user_id,
        service_account_id=service_account_id,
        since=since,
        info_path=info_jsonpath_match,
    )


@router.get("/events", responses={400: problem("The cursor, or info_jsonpath_match, is malformed."), 403: ADMINS_ONLY})
async def get_events(
    caller: Caller,
    session: Session,
    wanted: Annotated[EventFilter, Depends(event_filter)],
    pages: Pages,
    include: Include = None,
) -> EventListsResponse:
    """Events that you may read, the newest first: your own, and for staff those of the school."""
    after = None if pages.after is None else (datetime.fromisoformat(pages.after[0]), UUID(pages.after[1]))
    found = await service.list_events(session, caller, wanted, include, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1].timestamp.isoformat(), str(found[-1].id)) if found else None)
    return EventListsResponse(data=found, pagination=pages.describe(None))


@router.post("/events", responses={403: ADMINS_ONLY})
async def create_event(given: EventCreateIn, caller: Caller, session: Session, _: Idempotent) -> EventDetail:
    """Note that something happened to you, to your child or at your school."""
    return await service.create_event(session, caller, given)


@router.get("/event-types")
async def get_event_types(
    caller: Caller,
    session: Session,
    pages: Pages,
    level: Annotated[EventLevel | None, Query(description="The least level.")] = None,
) -> EventTypesResponse:
    """The different titles among the events that you may read."""
    after = None if pages.after is None else str(pages.after[0])
    found = await service.list_titles(session, caller, level, after=after, skip=pages.skip, limit=pages.limit)
    pages.offer_next(len(found), (found[-1],) if found else None)
    return EventTypesResponse(data=found, pagination=pages.describe(None))
