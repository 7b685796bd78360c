"""What doors need of people: who is asked for, and a guard for reading the whole of somebody, or a part."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Request

from app.core.acl import may
from app.core.db import Session
from app.core.errors import Forbidden
from app.core.guards import Caller
from app.core.resources import name_of
from app.people.kinds import Person
from app.people.service import find_person
from app.schools import service as schools
from app.schools.models import School

READING = ("read", "support")
"""Each lets a caller see somebody: as whoever reads them does, and as a supporter sees a reader."""


async def person_by_id(user_id: UUID, session: Session) -> Person:
    return await find_person(session, user_id)


async def person_to_change(user_id: UUID, session: Session) -> Person:
    return await find_person(session, user_id, to_change=True)


async def school_by_id(wriveted_identifier: UUID, session: Session) -> School:
    return await schools.school_by_id(session, wriveted_identifier)


async def supporter_by_id(supporter_id: UUID, session: Session) -> Person:
    return await find_person(session, supporter_id)


async def seen_person(request: Request, caller: Caller, person: Annotated[Person, Depends(person_by_id)]) -> Person:
    request.state.resource = person  # what a refusal is about
    if not any(may(person, permission, caller.principals) for permission in READING):
        raise Forbidden(permission="read", resource=name_of(person))
    return person


guard: Any = seen_person
guard.permission = "read"  # what the documentation and the architecture test read

SeenOne = Annotated[Person, Depends(seen_person)]
SupporterInPath = Annotated[Person, Depends(supporter_by_id)]
