"""``include=permissions``: what the caller may do with each thing of an answer, told where it is asked for.

A door takes ``include: Include = NOTHING``, its schema derives from ``WithPermissions``, and the row is given
``permissions=permissions_if(include, row, caller.principals)``. Where rows are no objects, an object of the few columns
that the rules name is asked in their place; where all rows have the same rules, one is asked once.
"""

from collections.abc import Collection
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import Depends, Query
from pydantic import BeforeValidator, Field

from app.core.acl import permissions_of
from app.core.schemas import Schema

Included: TypeAlias = frozenset[Literal["permissions"]]

NOTHING: Included = frozenset()


def _split(given: object) -> object:
    """``a,b`` and ``a`` given twice are the same."""
    return [word.strip() for each in given for word in str(each).split(",")] if isinstance(given, list) else given


Include = Annotated[
    Included,
    BeforeValidator(_split),
    Query(description="`permissions`: with what you may do with it, so that a frontend need not know the rules."),
]


async def get_included(include: Include = NOTHING) -> Included:
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


def permissions_if(include: Included, resource: Any, principals: Collection[str]) -> list[str] | None:
    """The caller's permissions on a resource, in the order of the alphabet; None if they are not asked for."""
    return sorted(permissions_of(resource, principals)) if "permissions" in include else None
