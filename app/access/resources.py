"""Any resource by its name and id, with all that its rules look at."""

from collections.abc import Iterator
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapper, joinedload, selectinload, with_polymorphic

from app.core.acl import Acl, Inherit
from app.core.db import Base
from app.core.errors import FieldError, Invalid
from app.core.isbn import understand
from app.core.resources import snake
from app.core.types import IsbnColumn

MOST_INTEGER = 2**31 - 1
MOST_BIG_INTEGER = 2**63 - 1


@cache
def models() -> dict[str, type[Any]]:
    """Every class of the application that has rules and one key, by its name."""
    return {
        mapper.class_.__name__: mapper.class_
        for mapper in sorted(Base.registry.mappers, key=lambda each: each.class_.__name__)
        if isinstance(getattr(mapper.class_, "__acl__", None), Acl) and len(mapper.primary_key) == 1
    }


def model_called(name: str) -> type[Any]:
    """The class of this name, which may also be written in snake case; ``Invalid`` if there is none."""
    for known, model in models().items():
        if name in (known, snake(known)):
            return model
    known_names = ", ".join(models())
    raise Invalid(errors=[FieldError("/query/resource", "unknown_resource", f"Resources are {known_names}.")])


async def find(session: AsyncSession, model: type[Any], identifier: str) -> Any | None:
    """The object of this id, in one statement for each relationship that its rules follow; None if there is none."""
    mapper: Mapper[Any] = sa.inspect(model)
    key = _key(mapper.primary_key[0].type, identifier)
    if key is None:
        return None
    entity = with_polymorphic(model, "*") if mapper.polymorphic_on is not None else model
    column = getattr(entity, mapper.get_property_by_column(mapper.primary_key[0]).key)
    return (await session.scalars(sa.select(entity).where(column == key).options(*_needed(model)))).one_or_none()


def _key(kind: Any, identifier: str) -> Any:
    """The id as the column holds it; None for one that the column cannot hold, ``Invalid`` for what is no id."""
    if isinstance(kind, IsbnColumn):
        found = understand(identifier)
        if found.isbn is not None and found.code is None:
            return identifier
        raise _not_an_id("an ISBN")
    try:
        if isinstance(kind, sa.Uuid):
            return UUID(identifier)
        number = int(identifier)
    except ValueError:
        raise _not_an_id("a UUID" if isinstance(kind, sa.Uuid) else "a number") from None
    most = MOST_BIG_INTEGER if isinstance(kind, sa.BigInteger) else MOST_INTEGER
    return number if 0 <= number <= most else None


def _not_an_id(what: str) -> Invalid:
    return Invalid(errors=[FieldError("/query/id", "invalid_id", f"The id of this resource is {what}.")])


def _needed(model: type[Any]) -> Iterator[Any]:
    """The relationships that the rules of a class follow, loaded with the object."""
    for entry in model.__acl__.entries:
        if isinstance(entry, Inherit):
            relationship = getattr(model, entry.relationship)
            parent = relationship.property.mapper.class_
            yield joinedload(relationship).options(*_needed(parent))
        elif len(entry.question[1]) > 1:
            yield _chain(model, entry.question[1][:-1])


def _chain(model: type[Any], path: tuple[str, ...]) -> Any:
    relationship = getattr(model, path[0])
    loaded = selectinload(relationship)
    return loaded.options(_chain(relationship.property.mapper.class_, path[1:])) if len(path) > 1 else loaded
