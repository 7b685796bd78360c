"""The doors of schools."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter, ValidationError

from app.core.account import Account
from app.core.aside import MANY_BYTES, aside
from app.core.db import Session
from app.core.guards import Caller, Permission, public
from app.core.idempotency import Idempotent
from app.core.include import Include, IncludeBesideFilters, permissions_if
from app.core.openapi import json_body
from app.core.paging import Pages
from app.core.requests import Door, RawBody, bulk
from app.core.schemas import Message
from app.core.strict_json import parse_json
from app.schools import descriptions, service
from app.schools.models import SCHOOLS, School
from app.schools.schemas import (
    SCHOOL_EXAMPLE,
    FoundSchool,
    SchoolBookbotInfo,
    SchoolBot,
    SchoolCreateIn,
    SchoolDetail,
    SchoolFilters,
    SchoolPatchOptions,
)

MAX_BATCH_BYTES = 2 * 1024 * 1024
Batch = Annotated[list[SchoolCreateIn], Field(max_length=1_000)]
BATCH = TypeAdapter(Batch)

router = APIRouter(prefix="/v1", tags=["schools"], route_class=Door)


async def school_by_id(wriveted_identifier: UUID, session: Session) -> School:
    return await service.school_by_id(session, wriveted_identifier)


async def school_to_change(wriveted_identifier: UUID, session: Session) -> School:
    return await service.school_by_id(session, wriveted_identifier, locked=True)


async def get_batch(body: RawBody) -> list[SchoolCreateIn]:
    """The schools of a batch, understood beside the event loop, so that other requests do not wait for it."""
    return await aside(len(body) >= MANY_BYTES, _understood, body)


def _understood(body: bytes) -> list[SchoolCreateIn]:
    document = parse_json(body)
    try:
        return BATCH.validate_python(document, from_attributes=True)
    except ValidationError as error:
        faults = [{**fault, "loc": ("body", *fault["loc"])} for fault in error.errors(include_url=False)]
        raise RequestValidationError(faults, body=document) from None


Readable = Annotated[School, Permission("read", school_by_id)]
Changeable = Annotated[School, Permission("update", school_to_change)]
Deletable = Annotated[School, Permission("delete", school_to_change)]
Creator = Annotated[Account, Permission("create", SCHOOLS)]
BatchCreator = Annotated[Account, Permission("batch", SCHOOLS)]


@router.get("/schools")
async def find(
    caller: Caller,
    pages: Pages,
    session: Session,
    filters: Annotated[SchoolFilters, Query()],
    include: IncludeBesideFilters,
) -> list[FoundSchool]:
    """Find schools, the newest first.

    Of every school you see its name, its place and its identifiers; of those that you may read, also their state,
    the rest of `info`, and the collection.
    """
    schools, last = await service.find_schools(
        session, caller, filters, include, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(schools), last)
    return schools


@router.post("/schools", openapi_extra=json_body(Batch, "At most 1,000 schools.", [SCHOOL_EXAMPLE]))
@bulk(limit=MAX_BATCH_BYTES)
async def create_many(
    caller: BatchCreator,
    once: Idempotent,
    session: Session,
    schools: Annotated[list[SchoolCreateIn], Depends(get_batch)],
) -> Message:
    """Add many schools at once: all of them or, where an identifier is taken or given twice, none."""
    added = await service.create_schools(session, caller, schools)
    return Message(msg=f"Added {added} new schools")


@router.post("/school")
async def create(caller: Creator, once: Idempotent, session: Session, school: SchoolCreateIn) -> SchoolDetail:
    """Add a school. It is inactive at first."""
    return await service.create_school(session, caller, school)


@router.get("/school/{wriveted_identifier}")
async def get(school: Readable, caller: Caller, session: Session, include: Include = None) -> SchoolDetail:
    """One school, with its collection in brief; with its admins for those who look after it."""
    permissions = permissions_if(include, school, caller.principals)
    return await descriptions.describe(session, caller, school, permissions)


@router.get("/school/{wriveted_identifier}/exists", dependencies=[public])
async def exists(wriveted_identifier: UUID, session: Session) -> Literal[True]:
    """Whether there is such a school: `true`, or 404."""
    await service.school_by_id(session, wriveted_identifier)
    return True


@router.get("/school/{wriveted_identifier}/bot")
async def bot(school: Readable) -> SchoolBot:
    """What a bookbot has to know to speak for a school."""
    return descriptions.bot_of(school)


@router.get("/school/{wriveted_identifier}/bookbot")
async def bookbot(school: Readable) -> SchoolBookbotInfo:
    """Which bookbot a school has, and whether the school is active."""
    return SchoolBookbotInfo.model_validate(school)


@router.patch("/school/{wriveted_identifier}")
async def update(school: Changeable, caller: Caller, session: Session, patch: SchoolPatchOptions) -> SchoolDetail:
    """Change some fields of a school: absent keeps, null clears, and `info` is merged member by member."""
    return await service.update_school(session, caller, school, patch)


@router.delete("/school/{wriveted_identifier}")
async def delete(school: Deletable, caller: Caller, session: Session) -> Message:
    """Delete a school.

    Its classes and its collection go, its students are erased, and its staff keep accounts that belong to no school and
    are not active.
    """
    await service.delete_school(session, caller, school)
    return Message(msg="School deleted")
