"""Shapes of the history of labels."""

from datetime import datetime

from pydantic import Field

from app.core.schemas import JsonObject, Page, Schema
from app.labels.models import LabelGroup, LabelOrigin


class LabelsSaid(Schema):
    """What a group of labels said, and who had said it."""

    value: JsonObject | list[str] | str | bool | None = Field(
        description="By group: hues by their place, `min_age` and `max_age`, keys of reading abilities, or a value."
    )
    origin: LabelOrigin | None


class LabelChangeRead(Schema):
    id: int
    at: datetime
    actor: str = Field(description="Who changed it: `user:<id>` or `service_account:<id>`.")
    group: LabelGroup = Field(description="Labels that are set together.")
    before: LabelsSaid
    after: LabelsSaid


class LabelChangesPage(Page[LabelChangeRead]):
    """What was changed of a work's labels, the newest first."""
