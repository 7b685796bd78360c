"""What a resource is called: in problems by its class, in the audit by kind and id."""

import re
from typing import Any

import sqlalchemy as sa

_inner_capital = re.compile(r"(?<!^)(?=[A-Z])")


def model_of(resource: object) -> type[Any]:
    """The class whose rules and name a resource goes by; a plain row names it as ``__resource__``."""
    model: type[Any] = getattr(resource, "__resource__", type(resource))
    return model


def name_of(resource: object) -> str:
    """Such as ``ClassGroup``."""
    return model_of(resource).__name__


def snake(name: str) -> str:
    """Such as ``class_group`` for ``ClassGroup``."""
    return _inner_capital.sub("_", name).lower()


def subject_of(resource: object) -> str | None:
    """Such as ``class_group:<id>``, and ``user:<id>`` for every kind of person; None for what has no one id yet."""
    mapper = sa.inspect(model_of(resource), raiseerr=False)
    if mapper is None or len(mapper.primary_key) != 1:
        return None
    identity = getattr(resource, mapper.get_property_by_column(mapper.primary_key[0]).key)
    return None if identity is None else f"{snake(mapper.base_mapper.class_.__name__)}:{identity}"
