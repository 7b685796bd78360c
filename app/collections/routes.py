"""Collections and their holdings: what library systems push and frontends read."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Header, Path, Query, Request, Response

from app.collections import insight, listing, queries, service, shelf
from app.collections.activity import log
from app.collections.listing import Wanted
from app.collections.models import Collection, CollectionItemReadStatus
from app.collections.requests import (
    BulkChange,
    BulkTerms,
    Changeable,
    Changes,
    Creatable,
    Deletable,
    NewActivity,
    ParsedDelta,
    ParsedWhole,
    Readable,
    ReadableItem,
    ReaderAskedAbout,
    Replacement,
    SchoolChangeable,
    SchoolReadable,
)
from app.collections.schemas import (
    CollectionAndItemsUpdateIn,
    CollectionBrief,
    CollectionCreateIn,
    CollectionDeleted,
    CollectionInfo,
    CollectionItemActivityBase,
    CollectionItemActivityBrief,
    CollectionItemAndStatusCreateIn,
    CollectionItemCreateIn,
    CollectionItemDetail,
    CollectionItemsResponse,
    CollectionItemUpdate,
    CollectionUpdateSummaryResponse,
)
from app.collections.sync.report import Report
from app.core.db import RequestTransaction, Session, driver_of
from app.core.errors import NotFound
from app.core.guards import Caller
from app.core.idempotency import Idempotent
from app.core.include import DOCUMENTED, Include, permissions_asked, permissions_if
from app.core.isbn import Isbn
from app.core.openapi import json_body
from app.core.paging import Pages
from app.core.requests import Door, bulk

SCHOOL = "5dd4ba4e-9b8e-4f0c-8d0e-7b0d4b8a4b1c"
ROWS = [
    {"edition_isbn": "9780439023481", "copies_total": 3, "copies_available": 2},
    {"isbn": "0-439-35807-8"},
    {"info": {"title": "Our School, 1921-2021", "author": "The P&C"}},
]
REMOVAL = {"isbn": "9780439554930", "action": "remove"}

router = APIRouter(prefix="/v1", tags=["collections"], route_class=Door)


def report_answer(collection: Collection, report: Report) -> Response:
    headers = {} if report.summary.dry_run else {"ETag": service.etag_of(collection)}
    return Response(msgspec.json.encode(report), media_type="application/json", headers=headers)


@router.post(
    "/collection",
    response_model=CollectionBrief,
    openapi_extra=json_body(
        CollectionCreateIn,
        "Exactly one of `school_id` and `user_id` names the owner, who may have one collection.",
        {"name": "School library", "school_id": SCHOOL, "items": ROWS},
    ),
)
@bulk()
async def create(
    new: Creatable,
    caller: Caller,
    once: Idempotent,
    parsed: ParsedWhole,
    terms: BulkTerms,
    session: Session,
    response: Response,
) -> Any:
    """Create a collection, with its first holdings if there are any. 409 if the owner has one already."""
    collection = await service.create(session, caller, new, parsed[1], terms)
    response.headers["ETag"] = service.etag_of(collection)
    return collection


@router.get(
    "/collection/{collection_id}",
    response_model=CollectionBrief,
    responses={304: {"description": "It is still as `If-None-Match` says."}},
    openapi_extra=DOCUMENTED,
)
async def get(
    request: Request,
    collection: Readable,
    if_none_match: Annotated[str | None, Header(max_length=200)] = None,
) -> Any:
    """One collection. Its ETag changes with every change of the collection or of what it holds.

    Permissions may change without it: with `include=permissions` the answer is never 304.
    """
    headers = {"ETag": service.etag_of(collection)}
    permissions = permissions_asked(request, collection)
    if if_none_match is not None and headers["ETag"] in if_none_match and permissions is None:
        return Response(status_code=304, headers=headers)
    return Response(shelf.collection_json(collection, permissions), media_type="application/json", headers=headers)


@router.put(
    "/collection/{collection_id}",
    response_model=CollectionBrief,
    dependencies=[BulkChange],
    openapi_extra=json_body(
        CollectionCreateIn,
        "The whole collection. Its owner cannot be changed: name the same one, or none.",
        {"name": "School library", "school_id": SCHOOL, "items": ROWS},
    ),
)
@bulk()
async def replace(
    collection: Changeable,
    caller: Caller,
    parsed: ParsedWhole,
    terms: BulkTerms,
    session: Session,
    response: Response,
) -> Any:
    """Replace a collection's name, info and holdings. It keeps its id, and holdings that stay keep theirs."""
    await service.replace(session, caller, collection, *parsed, terms)
    response.headers["ETag"] = service.etag_of(collection)
    return collection


@router.patch(
    "/collection/{collection_id}",
    response_model=CollectionUpdateSummaryResponse,
    dependencies=[BulkChange],
    openapi_extra=json_body(
        CollectionAndItemsUpdateIn,
        "What is to change; what is left out stays.",
        {"name": "School library", "items": [*ROWS, REMOVAL]},
    ),
)
@bulk()
async def update(
    collection: Changeable, caller: Caller, parsed: ParsedDelta, terms: BulkTerms, session: Session
) -> Any:
    """Rename a collection and add, update or remove holdings: in one transaction, whatever the number of rows."""
    return report_answer(collection, await service.change(session, caller, collection, *parsed, terms))


@router.delete("/collection/{collection_id}", response_model=CollectionDeleted)
async def delete(collection: Deletable, caller: Caller, session: Session) -> Any:
    """Delete a collection with all that it holds, and its history. This cannot be undone."""
    await service.remove(session, caller, collection)
    return CollectionDeleted()


@router.get("/collection/{collection_id}/items", response_model=CollectionItemsResponse, openapi_extra=DOCUMENTED)
async def list_items(
    request: Request,
    collection: Readable,
    caller: Caller,
    reader_id: ReaderAskedAbout,
    transaction: RequestTransaction,
    pages: Pages,
    query: Annotated[
        str | None, Query(max_length=200, description="Words that each begin a word of the title, in any order.")
    ] = None,
    read_status: Annotated[
        CollectionItemReadStatus | None,
        Query(description="Only books with which `reader_id`, or any reader that you may see, is this far now."),
    ] = None,
) -> Any:
    """The holdings of a collection in the order of their titles; books whose title is not known come last."""
    permissions = permissions_asked(request, collection)
    wanted = Wanted(query, reader_id, read_status)
    rows, total = await listing.list_items(
        transaction, caller, collection, wanted, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(rows), shelf.key_of(rows[-1]) if rows else None)
    answer = shelf.page_json(rows, pages.describe(total), permissions)
    return Response(answer, media_type="application/json", headers=pages.headers)


@router.put(
    "/collection/{collection_id}/items",
    response_model=CollectionUpdateSummaryResponse,
    dependencies=[BulkChange],
    openapi_extra=json_body(list[CollectionItemCreateIn], "All holdings of the collection.", ROWS),
)
@bulk()
async def replace_items(
    collection: Changeable, caller: Caller, plan: Replacement, terms: BulkTerms, session: Session
) -> Any:
    """Make the collection hold exactly these books. Those that are not named are withdrawn, with their history."""
    return report_answer(collection, await service.replace_items(session, caller, collection, plan, terms))


@router.get("/collection/{collection_id}/info", response_model=CollectionInfo)
async def get_info(collection: Readable, session: Session) -> Any:
    """How much of the collection is known well enough to be recommended, and what a librarian wants to see beside."""
    return await insight.collection_info(session, collection.id)


@router.post("/collection/{collection_id}/item", response_model=CollectionItemDetail)
async def add_item(
    collection: Changeable, caller: Caller, item: CollectionItemAndStatusCreateIn, session: Session
) -> Any:
    """Add one book. 409 if the collection holds its ISBN already; without an ISBN, `info.title` is needed.

    With `reader_id` and `read_status` it is also noted how far a reader is with it.
    """
    row = await service.add_item(session, caller, collection, item)
    return Response(shelf.item_json(row), media_type="application/json")


@router.get("/collection/{collection_id}/{isbn}", response_model=CollectionItemDetail)
async def get_item_by_isbn(collection: Readable, isbn: Annotated[Isbn, Path()], transaction: RequestTransaction) -> Any:
    """The holding of one edition."""
    row = await queries.holding(transaction.driver, collection.id, int(isbn))
    if row is None:
        raise NotFound("The collection does not hold this edition.")
    return Response(shelf.item_json(row), media_type="application/json")


@router.get("/collection-item/{collection_item_id}", response_model=CollectionItemDetail)
async def get_item(item: ReadableItem, caller: Caller, session: Session, include: Include = None) -> Any:
    """One holding by its id, also after it was withdrawn."""
    row = await queries.holding_by_id(driver_of(session), item.id)
    if row is None:
        raise NotFound("There is no such holding.")
    more = shelf.permissions_member(permissions_if(include, item, caller.principals))
    return Response(shelf.item_json(row, more), media_type="application/json")


@router.post("/collection-item-activity")
async def log_activity(
    reading: NewActivity, caller: Caller, once: Idempotent, activity: CollectionItemActivityBase, session: Session
) -> CollectionItemActivityBrief:
    """Note how far a reader is with a book: the reader, a parent, or the staff of the reader's school may."""
    return await log(session, caller, reading, activity.collection_item_id, activity.status)


@router.get("/school/{wriveted_identifier}/collection", response_model=list[CollectionItemDetail], tags=["lms"])
async def list_school_items(collection: SchoolReadable, transaction: RequestTransaction, pages: Pages) -> Any:
    """The holdings of a school's collection, as a bare array in the order of their titles; page with `Link`."""
    rows = await queries.shelf(
        transaction.driver, collection.id, query=None, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(rows), shelf.key_of(rows[-1]) if rows else None)
    return Response(shelf.array_json(rows), media_type="application/json", headers=pages.headers)


@router.post(
    "/school/{wriveted_identifier}/collection",
    response_model=CollectionUpdateSummaryResponse,
    dependencies=[BulkChange],
    tags=["lms"],
    openapi_extra=json_body(list[CollectionItemCreateIn], "All holdings of the school.", ROWS),
)
@bulk()
async def sync_school(
    collection: SchoolChangeable, caller: Caller, plan: Replacement, terms: BulkTerms, session: Session
) -> Any:
    """Make a school's collection hold exactly these books; the first sync creates the collection."""
    collection = await service.first_sync(session, caller, collection)
    return report_answer(collection, await service.replace_items(session, caller, collection, plan, terms))


@router.patch(
    "/school/{wriveted_identifier}/collection",
    response_model=CollectionUpdateSummaryResponse,
    dependencies=[BulkChange],
    tags=["lms"],
    openapi_extra=json_body(list[CollectionItemUpdate], "What is to change.", [*ROWS, REMOVAL]),
)
@bulk()
async def change_school(
    collection: SchoolChangeable, caller: Caller, plan: Changes, terms: BulkTerms, session: Session
) -> Any:
    """Add, update and remove books of a school's collection; the first change creates the collection."""
    collection = await service.first_sync(session, caller, collection)
    return report_answer(collection, await service.apply_changes(session, caller, collection, plan, terms))
