"""The door of recommendations."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query

from app.books.models import CATALOGUE
from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.idempotency import Idempotent
from app.core.requests import Door
from app.core.scopes import only_reads
from app.recommendations import service
from app.recommendations.schemas import HueyOutput, HueyRecommendationFilter
from app.recommendations.service import Place
from app.search.service import school_number, shelf_of_school

MAX_BOOKS = 50

router = APIRouter(prefix="/v1", tags=["recommendations"], route_class=Door)


@dataclass(frozen=True, slots=True)
class GuardedPlace:
    """Where books are to be taken from, under the rules of that place."""

    place: Place
    __acl__: list[Any]


async def get_place(question: HueyRecommendationFilter, session: Session) -> GuardedPlace:
    school_id = question.wriveted_identifier
    if school_id is None:
        return GuardedPlace(Place(None, None, None), list(CATALOGUE))
    shelf = await shelf_of_school(session, school_id)
    return GuardedPlace(Place(school_id, await school_number(session, school_id), shelf.id), shelf.__acl__)


Readable = Annotated[GuardedPlace, Permission("read", get_place)]


@router.post("/recommend", responses={404: {}})
@only_reads
async def recommend(
    question: HueyRecommendationFilter,
    guarded: Readable,
    caller: Caller,
    once: Idempotent,
    session: Session,
    limit: Annotated[int | None, Query(ge=1, le=MAX_BOOKS, description="Books at most.")] = 5,
) -> HueyOutput:
    """Books that a child may like, out of those that its school holds; each says why, and whether it can be borrowed.

    Only books that are marked good. Who may not read the school's collection gets none of it (403); a school without a
    collection has none. Where nothing matches, the list is empty.
    """
    return await service.recommend(session, caller, question, guarded.place, limit or 5)
