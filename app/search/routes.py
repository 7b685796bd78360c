"""The door of the search."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from app.books.models import CATALOGUE
from app.core.db import Session, driver_of
from app.core.guards import Permission
from app.core.paging import Pages
from app.core.requests import Door
from app.search import service
from app.search.schemas import SearchQueryInput, SearchResults

router = APIRouter(prefix="/v1", tags=["search"], route_class=Door)


@dataclass(frozen=True, slots=True)
class Shelves:
    """Where a caller wants to look, under the rules of that place."""

    collection_id: UUID | None
    is_empty: bool
    __acl__: list[Any]


async def get_shelves(
    session: Session,
    school_id: Annotated[
        UUID | None, Query(description="Look on the shelves of this school alone, and tell what is available there.")
    ] = None,
) -> Shelves:
    if school_id is None:
        return Shelves(None, False, list(CATALOGUE))
    shelf = await service.shelf_of_school(session, school_id)
    return Shelves(shelf.id, shelf.id is None, shelf.__acl__)


Readable = Annotated[Shelves, Permission("read", get_shelves)]


@router.get("/search", responses={404: {}})
async def find(
    shelves: Readable,
    pages: Pages,
    session: Session,
    query: Annotated[
        str | None,
        Query(max_length=200, description="Words of title, series, subtitle or author, as they are typed; or an ISBN."),
    ] = None,
    author_id: Annotated[int | None, Query(ge=1, lt=2**31, description="Works of this author alone.")] = None,
) -> SearchResults:
    """Find works, the best match first, and of equal matches those that more libraries hold.

    Each word begins a word of the work. Where little matches, what is spelt nearly so follows. Without a query, the
    works that most libraries hold come first. `highlights` is HTML, every other field plain text. Of very many matches
    the 150 that most libraries hold are ranked.
    """
    asked = SearchQueryInput(query=query, author_id=author_id)
    if shelves.is_empty:
        return SearchResults(input=asked, books=[])
    scope = await service.scope_of(session, shelves.collection_id, author_id)
    results, last = await service.search(
        driver_of(session), asked, scope, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(results.books), last)
    return results
