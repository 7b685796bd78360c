"""The doors of works together with their labels."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response

from app.books.models import CATALOGUE, Work
from app.books.works.schemas import WorkCreateWithEditionsIn
from app.core.account import Account
from app.core.db import Session
from app.core.etags import NOT_MODIFIED, IfMatch, IfNoneMatch, tagged
from app.core.guards import Permission
from app.core.idempotency import Idempotent
from app.core.include import Include, permissions_if
from app.core.requests import Door
from app.labels.works import service
from app.labels.works.schemas import WorkDetail, WorkShown, WorkUpdateIn

router = APIRouter(prefix="/v1", tags=["works"], route_class=Door)

Reader = Annotated[Account, Permission("read", list(CATALOGUE))]
Adder = Annotated[Account, Permission("add", list(CATALOGUE))]
Editor = Annotated[Account, Permission("update", list(CATALOGUE))]
Deleter = Annotated[Account, Permission("delete", list(CATALOGUE))]
WorkId = Annotated[int, Path(ge=1, lt=2**31)]


@router.post("/work", response_model=WorkDetail)
async def create(
    caller: Adder, once: Idempotent, work: WorkCreateWithEditionsIn, session: Session, response: Response
) -> Any:
    """Add a work, with the editions that are of it.

    Who is no admin adds what is unknown: 409 if there is such a work by such an author, 403 for an edition that
    belongs to another work.
    """
    return tagged(await service.create_work(session, caller, work), response)


@router.get("/work/{work_id}", response_model=WorkDetail | WorkShown, responses=NOT_MODIFIED)
async def get(
    caller: Reader,
    work_id: WorkId,
    session: Session,
    response: Response,
    full_detail: Annotated[bool, Query(description="False: without editions and without what staff look at.")] = True,
    if_none_match: IfNoneMatch = None,
    include: Include = None,
) -> Any:
    """One work with its labels. The id of one that was merged into another leads to that one.

    Permissions may change without the work: with `include=permissions` the answer is never 304.
    """
    describe = service.describe_work if full_detail else service.describe_work_in_brief
    shown = await describe(session, work_id)
    permissions = permissions_if(include, Work(), caller.principals)
    if permissions is None:
        return tagged(shown, response, if_none_match)
    return tagged(shown, response).model_copy(update={"permissions": permissions})


@router.patch("/work/{work_id}", response_model=WorkDetail)
async def update(
    caller: Editor,
    work_id: WorkId,
    patch: WorkUpdateIn,
    session: Session,
    response: Response,
    if_match: IfMatch = None,
) -> Any:
    """Change what is named of a work and of its labels, and nothing else.

    Send the ETag of the work in full detail as `If-Match`, so that nobody overwrites what somebody else has just
    said: 412 if it has changed. It is not required here, because clients of today do not send it.
    """
    return tagged(await service.update_work(session, caller, work_id, patch, if_match=if_match), response)


@router.delete("/work/{work_id}")
async def delete(caller: Deleter, work_id: WorkId, session: Session, if_match: IfMatch = None) -> WorkDetail:
    """Delete a work and its labels; the answer is what it was.

    Its editions stay, without a work: libraries keep their holdings, and children their history.
    """
    return await service.delete_work(session, caller, work_id, if_match=if_match)
