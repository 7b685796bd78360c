"""Shapes of a work as it is shown with its labels."""

from pydantic import ConfigDict, Field

from app.books.schemas import Article, EditionBrief, Genre, Heading, WorkBrief
from app.books.works.schemas import Authors, Title
from app.core.include import WithPermissions
from app.core.schemas import Input, JsonObject, Schema
from app.labels.schemas import LabelSetBasic, LabelSetCreateIn, LabelSetDetail


class WorkInfoRead(Schema):
    genres: list[Genre]
    other: JsonObject


class WorkEnriched(WorkBrief):
    labelset: LabelSetBasic | None
    cover_url: str | None = Field(description="The cover of one of its editions.")


class WorkShown(WorkEnriched, WithPermissions):
    """One work, without editions and without what staff look at."""


class WorkDetail(WorkBrief, WithPermissions):
    labelset: LabelSetDetail | None
    cover_url: str | None = Field(description="The cover of one of its editions.")
    editions: list[EditionBrief]
    info: WorkInfoRead | None


class WorkUpdateIn(Input):
    """What is to change: absent keeps, null clears."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"subtitle": None, "labelset": {"hue_primary_key": "hue05_funny_comic", "min_age": 7}}]
        }
    )

    leading_article: Article = None
    title: Title | None = Field(None, description="Cannot be cleared.")
    subtitle: Heading = None
    authors: Authors = Field(
        default_factory=list, description="All of them, each by id or by name; a name is looked for among them first."
    )
    labelset: LabelSetCreateIn | None = Field(None, description="Null keeps the labels.")
