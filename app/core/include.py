"""``include=permissions``: what the caller may do with each thing of an answer, told where it is asked for.

A door takes ``include: Include = None``, its schema derives from ``WithPermissions``, and the row is given
``permissions=permissions_if(include, row, caller.principals)``. Where rows are no objects, an object of the few columns
that the rules name is asked in their place; where all rows have the same rules, one is asked once.

A parameter costs a door a hundredth of its time, asked for or not. The doors that most requests go to take the request
instead, ask ``permissions_asked``, and are documented by ``openapi_extra=DOCUMENTED``.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Depends, Query, Request
from pydantic import Field

from app.core.account import Account
from app.core.acl import permissions_of
from app.core.errors import FieldError, Invalid
from app.core.schemas import Schema

PERMISSIONS: Literal["permissions"] = "permissions"
DESCRIPTION = "`permissions`: with what you may do with it, so that a frontend need not know the rules."
DOCUMENTED = {
    "parameters": [
        {
            "name": "include",
            "in": "query",
            "required": False,
            "description": DESCRIPTION,
            "schema": {"const": PERMISSIONS, "type": "string", "title": "Include"},
        }
    ]
}

Included: TypeAlias = Literal["permissions"] | None
Include = Annotated[Included, Query(description=DESCRIPTION)]


async def get_included(include: Include = None) -> Included:
    return include


IncludeBesideFilters = Annotated[Included, Depends(get_included)]
"""The same for a door whose filters are one model, beside which FastAPI takes no other parameter of the query."""


class WithPermissions(Schema):
    """Of something that is answered with the caller's permissions, if they are asked for."""

    permissions: list[str] | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="What you may do with it. There only with `include=permissions`.",
    )


def permissions_if(
    include: Included, resource: Any, principals: Collection[str], *, model: type[Any] | None = None
) -> list[str] | None:
    """The caller's permissions on a resource, in the order of the alphabet; None if they are not asked for."""
    return None if include is None else sorted(permissions_of(resource, principals, model=model))


def permissions_asked(request: Request, resource: Any) -> list[str] | None:
    """The same for a guarded door that takes no parameter for it."""
    include = request.query_params.get("include")
    if include is None:
        return None
    if include != PERMISSIONS:
        raise Invalid(errors=[FieldError("/query/include", "literal_error", f"This can be `{PERMISSIONS}`.")])
    account: Account = request.state.account
    return permissions_if(PERMISSIONS, resource, account.principals)
