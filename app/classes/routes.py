"""The doors of classes."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from app.classes import service
from app.classes.doors import ClassCodes
from app.classes.models import ClassGroup
from app.classes.schemas import (
    AnyClassGroup,
    ClassFilters,
    ClassGroupBrief,
    ClassGroupBriefWithJoiningCode,
    ClassGroupCreateIn,
    ClassGroupListResponse,
    ClassGroupUpdateIn,
)
from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.idempotency import Idempotent
from app.core.include import Include, IncludeBesideFilters
from app.core.paging import Pages
from app.core.requests import Door

router = APIRouter(prefix="/v1", tags=["classes"], route_class=Door)

ClassId = Annotated[UUID, Path(alias="id")]


async def unborn_class(wriveted_identifier: UUID, session: Session) -> ClassGroup:
    return await service.unborn_class(session, wriveted_identifier)


async def class_by_id(class_id: ClassId, session: Session) -> ClassGroup:
    return await service.class_by_id(session, class_id)


async def class_to_change(class_id: ClassId, session: Session) -> ClassGroup:
    return await service.class_by_id(session, class_id, locked=True)


Readable = Annotated[ClassGroup, Permission("read", class_by_id)]
Changeable = Annotated[ClassGroup, Permission("update", class_to_change)]
Deletable = Annotated[ClassGroup, Permission("delete", class_to_change)]


@router.get("/classes")
async def find(
    caller: Caller,
    pages: Pages,
    session: Session,
    filters: Annotated[ClassFilters, Query()],
    include: IncludeBesideFilters,
) -> ClassGroupListResponse:
    """The classes that you may read, by name. Of a school that is not yours there are none."""
    found, total = await service.list_classes(
        session, caller, filters, after=pages.after, skip=pages.skip, limit=pages.limit, include=include
    )
    pages.offer_next(len(found), (found[-1].name, str(found[-1].id)) if found else None)
    return ClassGroupListResponse(data=found, pagination=pages.describe(total))


@router.post("/school/{wriveted_identifier}/class")
async def create(
    unborn: Annotated[ClassGroup, Permission("create", unborn_class)],
    caller: Caller,
    once: Idempotent,
    session: Session,
    codes: ClassCodes,
    given: ClassGroupCreateIn,
) -> ClassGroupBriefWithJoiningCode:
    """Add a class to a school. It has a code by which its pupils sign in; the code expires after a year."""
    return await service.create_class(session, caller, codes, unborn.school_id, given)


@router.get("/class/{id}")
async def get(
    group: Readable, caller: Caller, session: Session, codes: ClassCodes, include: Include = None
) -> AnyClassGroup:
    """One class.

    The staff of its school see its code, its note and who is in it; a pupil of the class its code and the others'
    first names and initials; everybody else of the school its name and size.
    """
    return await service.describe(session, caller, codes, group, include)


@router.patch("/class/{id}")
async def update(
    group: Changeable, caller: Caller, session: Session, codes: ClassCodes, given: ClassGroupUpdateIn
) -> AnyClassGroup:
    """Change the name or the note of a class, and move students into it or out of it."""
    return await service.update_class(session, caller, codes, group, given)


@router.delete("/class/{id}")
async def delete(group: Deletable, caller: Caller, session: Session) -> ClassGroupBrief:
    """Delete a class.

    Its students stay students of the school: without a class and deactivated, until they are put into another class
    and activated again.
    """
    return await service.delete_class(session, caller, group)


@router.post("/class/{id}/rotate-code")
async def rotate_code(
    group: Changeable, caller: Caller, session: Session, codes: ClassCodes
) -> ClassGroupBriefWithJoiningCode:
    """Give a class a new code, good for another year. The old code is refused from now on."""
    return await service.rotate_code(session, caller, codes, group)
