"""The doors of labels."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from app.core.account import Account
from app.core.aside import MANY_BYTES, aside
from app.core.db import Session
from app.core.guards import Caller, Permission
from app.core.idempotency import Idempotent
from app.core.openapi import json_body
from app.core.requests import Door, RawBody, bulk
from app.core.scopes import only_reads
from app.labels import service
from app.labels.models import LabelSet
from app.labels.patching.bulk import Item, patch_labelsets, read_items
from app.labels.schemas import KnownAndTaggedEditionCounts, LabelPatchReport, LabelSetPatch
from app.labels.service import IsbnList, read_isbns

ITEMS = [{"isbn": "9780142410394", "patch_data": {"hue_primary_key": "hue05_funny_comic", "min_age": 7, "max_age": 11}}]

router = APIRouter(prefix="/v1", tags=["labels"], route_class=Door)


Labeller = Annotated[Account, Permission("update", list(LabelSet.__acl__))]


async def get_isbns(request: Request, caller: Caller, body: RawBody) -> IsbnList:
    limit = request.app.state.settings.max_bulk_items
    return await aside(len(body) >= MANY_BYTES, read_isbns, body, limit)


async def get_items(caller: Labeller, body: RawBody) -> list[Item]:
    return await aside(len(body) >= MANY_BYTES, read_items, body)


@router.post(
    "/editions/compare",
    openapi_extra=json_body(list[str | int], "ISBNs in any form.", ["9780439023481", "0-439-35807-8"]),
)
@bulk()
@only_reads
async def compare(isbns: Annotated[IsbnList, Depends(get_isbns)], session: Session) -> KnownAndTaggedEditionCounts:
    """How many of these ISBNs are valid, how many are known, and how many of those have labels that were checked."""
    return await service.compare_editions(session, isbns)


@router.patch(
    "/labelsets", openapi_extra=json_body(list[LabelSetPatch], "At most 1,000 items, applied in their order.", ITEMS)
)
@bulk()
async def update_many(
    caller: Labeller,
    once: Idempotent,
    items: Annotated[list[Item], Depends(get_items)],
    session: Session,
    atomic: Annotated[
        bool, Query(description="True: one item that cannot be used refuses the whole request (422).")
    ] = False,
) -> LabelPatchReport:
    """Label many works, each named by the ISBN of an edition; what became of each item is told.

    A group of labels is kept where it is from a stronger origin. What a person says is HUMAN;
    a labelling program names its origin, and is refused if that is HUMAN.
    """
    return await patch_labelsets(session, caller, items, atomic=atomic)
