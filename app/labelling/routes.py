"""The doors of labelling, for staff."""

from typing import Annotated

from fastapi import APIRouter, Path

from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.idempotency import Idempotent
from app.core.paging import Pages
from app.core.requests import Door
from app.core.schemas import Page
from app.labelling import service
from app.labelling.review import to_review
from app.labelling.schemas import LabellingQueued, WorkIds, WorkToReview
from app.labels.models import LabelSet

router = APIRouter(prefix="/v1", tags=["labels"], route_class=Door)

Labeller = Annotated[Account, Permission("update", list(LabelSet.__acl__))]
WorkId = Annotated[int, Path(ge=1, lt=2**31)]


@router.post("/work/{work_id}/generate-labels")
async def generate(caller: Labeller, once: Idempotent, work_id: WorkId, session: Session) -> LabellingQueued:
    """Have a work labelled by the labeller that is set up. The answer comes before the labels do.

    What it says is kept as its own word: it changes nothing that a person or somebody stronger has said, and marks
    nothing as checked.
    """
    return await service.queue_labelling_of(session, caller, work_id)


@router.post("/works/generate-labels")
async def generate_many(caller: Labeller, once: Idempotent, works: WorkIds, session: Session) -> LabellingQueued:
    """The same for up to 5,000 works."""
    return await service.queue_labelling(session, caller, works.work_ids, again=True)


@router.get("/labelsets/review")
async def review(caller: Labeller, page: Pages, session: Session) -> Page[WorkToReview]:
    """The works whose labels a person should look at, those first where it matters most: many libraries hold them, and
    labels are missing, were found wrong, or were said by a program that is not sure. `PATCH /v1/work/{work_id}` with
    `checked` takes a work out at once; libraries are counted every hour.
    """
    works = await to_review(session, after=page.after, skip=page.skip, limit=page.limit)
    page.offer_next(len(works), (works[-1].weight, int(works[-1].work_id)) if works else None)
    return Page(data=works, pagination=page.describe(None))
