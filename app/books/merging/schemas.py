"""Shapes of merges."""

from datetime import datetime

from pydantic import ConfigDict, Field

from app.books.models import MergeKind
from app.books.schemas import Id
from app.core.schemas import IdText, Input, Schema


class MergeIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"duplicate_id": 4711}]})

    duplicate_id: Id = Field(description="Which is to become part of the one in the path. Its id will lead there.")


class MergeRead(Schema):
    """Two that were made one."""

    id: int | None = Field(description="Null for a rehearsal.")
    kind: MergeKind
    from_id: IdText
    into_id: IdText
    at: datetime
    actor: str = Field(description="Who merged them, by kind and id.")
    undone_at: datetime | None
    moved: dict[str, int] = Field(description="How many rows were moved, by table.")
    taken: dict[str, int] = Field(description="How many rows the survivor had already, by table. Kept for undoing.")
