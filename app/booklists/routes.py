"""The doors of booklists."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from app.booklists import items, service
from app.booklists.items import Shown
from app.booklists.models import ListSharingType
from app.booklists.requests import (
    Changeable,
    Creatable,
    Deletable,
    IfMatch,
    Published,
    Readable,
    ReadableCollection,
)
from app.booklists.schemas import (
    BookListBrief,
    BookListCreateIn,
    BookListDetail,
    BookListDetailEnriched,
    BookListsResponse,
    BookListUpdateIn,
    CollectionBookListIntersection,
)
from app.booklists.service import Listing
from app.core.db import Session
from app.core.guards import Caller, public
from app.core.idempotency import Idempotent
from app.core.include import Include, permissions_if
from app.core.paging import Pages, Paging
from app.core.requests import Door
from app.people.schemas import ListType

router = APIRouter(prefix="/v1", tags=["booklists"], route_class=Door)

Enriched = Annotated[
    bool, Query(description="True: each work with an edition to show; works that have none are left out.")
]


def page_of(listing: Listing, pages: Paging) -> BookListsResponse:
    pages.offer_next(len(listing.lists), listing.last)
    return BookListsResponse(data=listing.lists, pagination=pages.describe(listing.total))


def detail(brief: BookListBrief, shown: Shown, pages: Paging, etag: str) -> Response:
    """`schemas.BookListDetail`, or the enriched one."""
    pages.offer_next(len(shown.rows), shown.last)
    body = f"{brief.model_dump_json()[:-1]},{_page(shown, pages)[1:]}"
    return Response(body, media_type="application/json", headers={**pages.headers, "ETag": etag})


def _page(shown: Shown, pages: Paging) -> str:
    pagination = pages.describe(shown.total).model_dump_json()
    return f'{{"data":[{",".join(shown.rows)}],"pagination":{pagination}}}'


@router.post("/list")
async def create(
    new: Creatable, caller: Caller, once: Idempotent, booklist: BookListCreateIn, session: Session, response: Response
) -> BookListBrief:
    """Create a booklist, with its first works if there are any.

    `Personal` lists are yours, `School` lists your school's if you work there; `Regional`, `Huey` and `Other` lists
    are made by administrators.
    """
    response.headers["ETag"] = service.etag_of(new)
    return await service.create(session, caller, new, booklist)


@router.get("/lists")
async def find(
    caller: Caller,
    pages: Pages,
    session: Session,
    list_type: ListType | None = None,
    sharing_type: ListSharingType | None = None,
    include: Include = None,
) -> BookListsResponse:
    """The booklists that you may read, the newest first. `pagination.total` comes with the first page."""
    listing = await service.find_lists(
        session,
        caller.principals,
        include,
        kind=list_type,
        sharing=sharing_type,
        after=pages.after,
        skip=pages.skip,
        limit=pages.limit,
    )
    return page_of(listing, pages)


@router.get("/list/{booklist_identifier}", response_model=BookListDetailEnriched | BookListDetail)
async def get(
    booklist: Readable,
    caller: Caller,
    pages: Pages,
    session: Session,
    enriched: Enriched = False,
    include: Include = None,
) -> Any:
    """A booklist with its works in their order, each with its labels."""
    permissions = permissions_if(include, booklist, caller.principals)
    shown = await items.show_items(
        session, booklist, enriched=enriched, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    return detail(await service.describe(session, booklist, permissions), shown, pages, service.etag_of(booklist))


@router.patch("/list/{booklist_identifier}")
async def update(
    booklist: Changeable,
    caller: Caller,
    once: Idempotent,
    patch: BookListUpdateIn,
    session: Session,
    response: Response,
    if_match: IfMatch = None,
) -> BookListBrief:
    """Change a booklist, and add, move, remove or comment works on it: all of it or, where something is wrong, nothing.

    Who changes its type, owner or sharing needs the right to write the list as it is and as it is going to be.
    """
    brief, response.headers["ETag"] = await service.change(session, caller, booklist.id, patch, if_match)
    return brief


@router.delete("/list/{booklist_identifier}")
async def delete(booklist: Deletable, caller: Caller, session: Session) -> BookListBrief:
    """Delete a booklist. The answer is what it was."""
    return await service.remove(session, caller, booklist)


@router.get("/public-lists", dependencies=[public])
async def find_public(pages: Pages, session: Session) -> BookListsResponse:
    """The booklists that anybody may read: Huey's public ones, the newest first."""
    listing = await service.find_lists(session, service.ANYBODY, after=pages.after, skip=pages.skip, limit=pages.limit)
    return page_of(listing, pages)


@router.get(
    "/public-list/{booklist_slug}",
    response_model=BookListDetailEnriched | BookListDetail,
    dependencies=[public],
)
async def get_public(booklist: Published, pages: Pages, session: Session, enriched: Enriched = False) -> Any:
    """A booklist that anybody may read, by its slug."""
    shown = await items.show_items(
        session, booklist, enriched=enriched, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    return detail(await service.describe(session, booklist), shown, pages, service.etag_of(booklist))


@router.get(
    "/collection/{collection_id}/compare-with-booklist/{booklist_identifier}",
    response_model=CollectionBookListIntersection,
)
async def compare_with_collection(
    collection: ReadableCollection, booklist: Readable, pages: Pages, session: Session
) -> Any:
    """The works of a booklist in their order, and which of them, in which editions, a collection has on its shelf."""
    shown = await items.compare_items(
        session, booklist, collection.id, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(shown.rows), shown.last)
    return Response(_page(shown, pages), media_type="application/json", headers=pages.headers)
