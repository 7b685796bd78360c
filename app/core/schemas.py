"""Shapes that every domain's schemas are made of."""

from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000
MAX_SKIP = 100_000

Row = TypeVar("Row")


class Schema(BaseModel):
    """What goes out. Built from ORM rows or plain values alike."""

    model_config = ConfigDict(from_attributes=True)


class Input(BaseModel):
    """What comes in: an unknown field is refused, text is bounded and free of NUL."""

    model_config = ConfigDict(extra="forbid", str_max_length=10_000)


class Pagination(Schema):
    """Where a page stands. ``total`` is null where counting would cost more than it tells."""

    skip: int = 0
    limit: int = DEFAULT_LIMIT
    total: int | None = None
    page: int = Field(default=1, description="`skip // limit + 1`")


class Page(Schema, Generic[Row]):
    data: list[Row]
    pagination: Pagination


class Message(Schema):
    msg: str


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[^\s<>\"]+$", max_length=2_000)]
JsonObject = dict[str, Any]


def _written_out(value: object) -> object:
    if isinstance(value, str) and value.lstrip("+-")[:1].isdigit() and "-" not in value[1:]:
        raise PydanticCustomError("datetime_parsing", "Write the time out, as in 2026-05-01T00:00:00Z.")
    return value


Moment = Annotated[datetime, BeforeValidator(_written_out)]
"""A time in a query: written out, for a bare number could be seconds or milliseconds."""


def _as_text(value: object) -> object:
    return str(value) if isinstance(value, int) else value


IdText = Annotated[str, BeforeValidator(_as_text)]
"""A numeric id that clients have always received as a string."""
