"""The door of explanations."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import StringConstraints

from app.access import service
from app.access.schemas import AccessExplanation
from app.access.service import Question
from app.core.db import Session
from app.core.guards import Caller
from app.core.openapi import problem
from app.core.requests import Door
from app.core.scopes import opens_to_any_key

router = APIRouter(prefix="/v1", tags=["access"], route_class=Door)

PermissionName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z-]{0,39}$")]
UUID_TEXT = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
AccountName = Annotated[str, StringConstraints(pattern=f"^(user|service_account):{UUID_TEXT}$")]


@router.get(
    "/access/explain",
    responses={
        403: problem("`account` is another account, and you are no administrator."),
        404: problem("There is no such object or account, or you may not read it."),
    },
)
@opens_to_any_key
async def explain(
    caller: Caller,
    session: Session,
    permission: Annotated[PermissionName, Query(description="What is to be done, such as `update`.")],
    resource: Annotated[str, Query(max_length=40, description="What kind of object, such as `Collection`.")],
    id: Annotated[str, Query(max_length=64, description="Which one: its UUID, number or ISBN.")],  # noqa: A002
    account: Annotated[
        AccountName | None,
        Query(description="Administrators only, and with a token: of whom, as `user:<id>` or `service_account:<id>`."),
    ] = None,
) -> AccessExplanation:
    """Whether you may do something with an object that you can read, and which rule says so.

    404 if there is no such object, or if you may not read it.
    """
    return await service.explain_access(session, caller, Question(permission, resource, id, account))
