"""The doors of the catalogue."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.books import service
from app.books.additions.rows import Batch, read_batch
from app.books.additions.schemas import BulkReport, EditionRow
from app.books.changes.editions import update_edition
from app.books.models import CATALOGUE, Edition
from app.books.schemas import EditionCreateIn, EditionDetail, EditionFound, EditionUpdateIn
from app.core.account import Account
from app.core.aside import MANY_BYTES, aside
from app.core.db import Session
from app.core.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, tagged
from app.core.guards import Permission
from app.core.idempotency import Idempotent
from app.core.include import Include, permissions_if
from app.core.isbn import Isbn
from app.core.openapi import json_body
from app.core.paging import Pages
from app.core.requests import Door, RawBody, bulk

ROWS = [
    {"isbn": "9780439023481"},
    {"isbn": "0-14-241037-3", "title": "Matilda", "authors": [{"first_name": "Roald", "last_name": "Dahl"}]},
]

router = APIRouter(prefix="/v1", tags=["editions"], route_class=Door)

Reader = Annotated[Account, Permission("read", list(CATALOGUE))]
Editor = Annotated[Account, Permission("update", list(CATALOGUE))]
Adder = Annotated[Account, Permission("add", list(CATALOGUE))]


async def get_batch(request: Request, caller: Adder, body: RawBody) -> Batch:
    limit = request.app.state.settings.max_bulk_items
    return await aside(len(body) > MANY_BYTES, read_batch, body, limit, is_admin=caller.is_admin)


@router.get("/edition/{isbn}", response_model=EditionDetail, responses=NOT_MODIFIED)
async def get(
    caller: Reader,
    isbn: Annotated[Isbn, Path()],
    session: Session,
    response: Response,
    include: Include = None,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """One edition, by its ISBN in any form."""
    permissions = permissions_if(include, Edition(), caller.principals)
    return tagged(await service.describe_edition(session, isbn, permissions), response, if_none_match)


@router.patch("/edition/{isbn}", response_model=EditionDetail)
async def update(
    caller: Editor,
    isbn: Annotated[Isbn, Path()],
    patch: EditionUpdateIn,
    session: Session,
    response: Response,
    merge_dicts: Annotated[
        bool, Query(description="True: `info` is merged into what is stored; false: it takes its place.")
    ] = False,
    if_match: IfMatch = None,
) -> Any:
    """Change what is named of an edition, and nothing else: absent keeps, null clears."""
    edition = await update_edition(session, caller, isbn, patch, merge_info=merge_dicts, if_match=if_match)
    return tagged(edition, response)


@router.post("/edition")
async def create(caller: Adder, once: Idempotent, edition: EditionCreateIn, session: Session) -> EditionDetail:
    """Add an edition that is unknown, or what a known one lacks.

    What is known is never overwritten; the answer shows what holds. 409 if the edition is known and there is nothing
    to add to it. `other_isbns` are further editions of the same work; those that are unknown are added as well.
    """
    return await service.add_edition(session, caller, edition)


@router.get("/editions")
async def find(
    caller: Reader,
    pages: Pages,
    session: Session,
    work_id: Annotated[int | None, Query(ge=1, lt=2**31, description="Editions of this work.")] = None,
    query: Annotated[
        str | None, Query(max_length=200, description="Words that each begin a word of the title, in any order.")
    ] = None,
    include: Include = None,
) -> list[EditionFound]:
    """Editions in the order of their titles; without a filter in the order of their ISBNs."""
    editions, last = await service.list_editions(
        session,
        caller,
        include,
        work_id=work_id,
        query=query or None,
        after=pages.after,
        skip=pages.skip,
        limit=pages.limit,
    )
    pages.offer_next(len(editions), last)
    return editions


@router.post(
    "/editions",
    response_model=BulkReport,
    openapi_extra=json_body(list[EditionRow], "Editions; of many, the ISBN is all that is known.", ROWS),
)
@bulk()
async def add_many(
    caller: Adder,
    once: Idempotent,
    batch: Annotated[Batch, Depends(get_batch)],
    session: Session,
    atomic: Annotated[
        bool, Query(description="True: one row that cannot be used refuses the whole request (422).")
    ] = False,
) -> Any:
    """Add many editions at once, each by the rules of one; rows that cannot be used are reported, the others kept."""
    report = await service.add_editions(session, caller, batch, atomic=atomic)
    return Response(msgspec.json.encode(report), media_type="application/json")
