"""Shapes of hydration."""

from datetime import datetime

from pydantic import Field

from app.books.schemas import ContributorBase, EditionInfo
from app.core.schemas import JsonObject, Schema
from app.labels.models import LabelOrigin, RecommendStatus


class HydrationQueued(Schema):
    """What is going to be looked up."""

    msg: str
    queued: int = Field(description="Editions that the providers are asked about.")
    tasks: int


class EstimatedLabelSet(Schema):
    """Labels that the data implies. They are stored where nobody of more weight said otherwise."""

    hues: list[str] = Field(default_factory=list, description="Always empty: no provider tells moods.")
    hue_origin: LabelOrigin | None = None
    min_age: int | None
    max_age: int | None
    age_origin: LabelOrigin | None
    reading_abilities: list[str]
    reading_ability_origin: LabelOrigin | None
    huey_summary: str | None
    summary_origin: LabelOrigin | None
    info: JsonObject | None = None
    recommend_status: RecommendStatus | None
    recommend_status_origin: LabelOrigin | None


class HydratedBookData(Schema):
    """What the providers know about an ISBN."""

    isbn: str
    other_isbns: list[str] = Field(default_factory=list)
    title: str | None
    leading_article: str | None
    subtitle: str | None
    series_name: str | None
    series_number: str | None
    authors: list[ContributorBase]
    illustrators: list[ContributorBase]
    cover_url: str | None
    date_published: int | None
    info: EditionInfo | None
    labelset: EstimatedLabelSet | None
    hydrated_on: datetime | None = Field(description="When the catalogue's edition got all that was to be known.")
    raw: JsonObject | None = Field(description="The answers as they were told, by provider.")
