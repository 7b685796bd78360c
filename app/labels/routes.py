"""The doors of labels."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from app.core.aside import MANY_BYTES, aside
from app.core.db import Session
from app.core.guards import Caller
from app.core.openapi import json_body
from app.core.requests import Door, RawBody, bulk
from app.core.scopes import only_reads
from app.labels import service
from app.labels.schemas import KnownAndTaggedEditionCounts
from app.labels.service import IsbnList, read_isbns

router = APIRouter(prefix="/v1", tags=["labels"], route_class=Door)


async def get_isbns(request: Request, caller: Caller, body: RawBody) -> IsbnList:
    limit = request.app.state.settings.max_bulk_items
    return await aside(len(body) >= MANY_BYTES, read_isbns, body, limit)


@router.post(
    "/editions/compare",
    openapi_extra=json_body(list[str | int], "ISBNs in any form.", ["9780439023481", "0-439-35807-8"]),
)
@bulk()
@only_reads
async def compare(isbns: Annotated[IsbnList, Depends(get_isbns)], session: Session) -> KnownAndTaggedEditionCounts:
    """How many of these ISBNs are valid, how many are known, and how many of those have labels that were checked."""
    return await service.compare_editions(session, isbns)
