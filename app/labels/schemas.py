"""Shapes of labels."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BeforeValidator, ConfigDict, Field, StringConstraints

from app.books.additions.schemas import IsbnAsSent
from app.core.outbox import Task
from app.core.schemas import IdText, Input, JsonObject, Schema
from app.labels.models import LabelOrigin, RecommendStatus

MAX_KEYS = 20
MOST_WORKS = 500
Key = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=50)]
Age = Annotated[int, Field(ge=0, le=130)]


class KnownAndTaggedEditionCounts(Schema):
    """How much of a list of ISBNs is known. Each count is a part of the one before it."""

    num_provided: int = Field(description="Entries of the list.")
    num_valid: int = Field(description="Different books among them.")
    num_known: int = Field(description="Of these, those in the catalogue.")
    num_fully_tagged: int = Field(description="Of these, those whose labels have been checked.")


class Hue(Schema):
    id: IdText
    name: str
    key: str


class ReadingAbility(Schema):
    id: IdText
    key: str
    name: str


class LabelSetBasic(Schema):
    id: IdText
    work_id: IdText
    hues: list[Hue] = Field(description="The primary, the secondary and the tertiary one, as far as there are any.")
    min_age: int | None
    max_age: int | None
    reading_abilities: list[ReadingAbility] = Field(description="From the easiest on.")
    huey_summary: str | None


class LabelSetDetail(LabelSetBasic):
    hue_origin: LabelOrigin | None
    age_origin: LabelOrigin | None
    reading_ability_origin: LabelOrigin | None
    summary_origin: LabelOrigin | None
    labelled_by_user_id: UUID | None
    labelled_by_sa_id: UUID | None
    info: JsonObject | None
    recommend_status: RecommendStatus | None
    recommend_status_origin: LabelOrigin | None
    checked: bool | None = Field(description="Whether a person found the labels right; null: nobody has looked.")
    created_at: datetime
    updated_at: datetime | None


def _upper(value: object) -> object:
    return value.strip().upper() if isinstance(value, str) else value


Origin = Annotated[LabelOrigin, BeforeValidator(_upper)]
Status = Annotated[RecommendStatus, BeforeValidator(_upper)]
OF_WHOM = "What a person says is HUMAN; a labelling program names its own."


class LabelSetCreateIn(Input):
    """Labels to set. A group of which nothing is named is kept; so is one whose origin is null and its values too."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "hue_primary_key": "hue05_funny_comic",
                    "hue_secondary_key": "hue12_funny_quirky",
                    "min_age": 7,
                    "max_age": 11,
                    "reading_ability_keys": ["TREEHOUSE"],
                    "huey_summary": "A nasty couple get what they deserve.",
                    "checked": True,
                }
            ]
        }
    )

    hue_primary_key: Key | None = Field(None, description="The three hues are one group: what is not named goes.")
    hue_secondary_key: Key | None = None
    hue_tertiary_key: Key | None = None
    hue_origin: Origin | None = Field(None, description=OF_WHOM)
    min_age: Age | None = None
    max_age: Age | None = None
    age_origin: Origin | None = Field(None, description=OF_WHOM)
    reading_ability_keys: list[Key] | None = Field(None, max_length=MAX_KEYS, description="All of them.")
    reading_ability_origin: Origin | None = Field(None, description=OF_WHOM)
    huey_summary: str | None = None
    summary_origin: Origin | None = Field(None, description=OF_WHOM)
    labelled_by_user_id: UUID | None = Field(None, description="Said by the server: the caller.")
    labelled_by_sa_id: UUID | None = Field(None, description="Said by the server: the caller.")
    info: JsonObject | None = Field(None, description="Merged member by member; null clears a member, or all.")
    recommend_status: Status | None = Field(None, description="Null: GOOD, as for a work without labels.")
    recommend_status_origin: Origin | None = Field(None, description=OF_WHOM)
    checked: bool | None = Field(None, description="Whether the labels are right; for people alone to say.")


class LabelSetPatch(Input):
    isbn: IsbnAsSent
    patch_data: LabelSetCreateIn
    huey_pick: bool = Field(False, deprecated=True, description="Says nothing; taken from clients that send it.")


class LabelPatchResult(Schema):
    """What became of one item."""

    index: int = Field(description="The item's place in the request, from 0.")
    status: Literal["patched", "unchanged", "unknown", "error"]
    isbn: str | None = Field(description="The 13 digits that it was understood as.")
    work_id: IdText | None
    kept: list[str] = Field(description="Groups that were not changed, for they are from a stronger origin.")
    code: str | None
    hint: str | None


class LabelPatchReport(Schema):
    """What became of the items: patched and unchanged, unknown, and errors are all of them."""

    patched: int = Field(description="Items whose work has, or had already, the labels that they may give it.")
    unknown: int = Field(description="Items whose edition is not known, or has no work.")
    errors: int
    results: list[LabelPatchResult] = Field(description="One for each item, in their order.")


class GenerateLabels(Task, kind="generate-labels"):
    """Have these works labelled, as far as nobody of the labeller's weight has, or `again` as far as nobody of more."""

    deadline = timedelta(minutes=2)

    work_ids: list[int] = Field(min_length=1, max_length=MOST_WORKS)
    again: bool = False
