"""Shapes of labelling: what a labeller may say, and what staff see."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, create_model, model_validator

from app.core.schemas import IdText, Input, Schema
from app.labels.models import LabelGroup, RecommendStatus
from app.labels.vocabulary import (
    CharacterKey,
    ControversialThemeKey,
    GenreKey,
    HueKey,
    ReadingAbilityKey,
    StyleKey,
)

LEAST_SCORE, LEAST_HIGHEST, MOST_HUES = 0.1, 0.2, 3
"""A hue counts above the first; a map of hues without one of at least the second says nothing; so many count."""
OLDEST = 18
MOST_AT_ONCE = 5_000

Score = Annotated[float, Field(ge=0, le=1)]
Age = Annotated[int, Field(ge=0, le=OLDEST)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=r"^[^\x00-\x1f]*$")]


def _text(length: int) -> Any:
    return Annotated[str, StringConstraints(strip_whitespace=True, max_length=length, pattern=r"^[^\x00]*$")]


def _once(values: list[Any]) -> list[Any]:
    return list(dict.fromkeys(values))


ONCE = AfterValidator(_once)
Genres = Annotated[list[GenreKey], Field(max_length=len(GenreKey)), ONCE]
Styles = Annotated[list[StyleKey], Field(max_length=len(StyleKey)), ONCE]
Characters = Annotated[list[CharacterKey], Field(max_length=len(CharacterKey)), ONCE]
Themes = Annotated[list[ControversialThemeKey], Field(max_length=len(ControversialThemeKey)), ONCE]
Abilities = Annotated[list[ReadingAbilityKey], Field(max_length=2), ONCE]


class Judgement(Input):
    """What a labeller says of a book. A group of which it says nothing is None, or empty."""

    hue_map: dict[HueKey, Score] = Field(default_factory=dict)
    min_age: Age | None = None
    max_age: Age | None = None
    reading_abilities: Abilities = Field(default_factory=list)
    short_summary: _text(1_000) | None = None  # type: ignore[valid-type]
    long_summary: _text(5_000) | None = None  # type: ignore[valid-type]
    recommend_status: RecommendStatus | None = None
    genres: Genres = Field(default_factory=list)
    styles: Styles = Field(default_factory=list)
    characters: Characters = Field(default_factory=list)
    controversial_themes: Themes = Field(default_factory=list)
    series: Line | None = None
    series_number: int | None = Field(None, ge=0, le=10_000)
    gender: Line | None = None
    awards: list[Line] = Field(default_factory=list, max_length=20)
    notes: _text(1_000) | None = None  # type: ignore[valid-type]
    certainty: dict[LabelGroup, Score] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_a_label(self) -> "Judgement":
        if self.hue_map and max(self.hue_map.values()) < LEAST_HIGHEST:
            raise ValueError(f"one hue has to score at least {LEAST_HIGHEST}")
        if (self.min_age is None) is not (self.max_age is None):
            raise ValueError("ages have two bounds, or none")
        if self.min_age is not None and self.max_age is not None and self.min_age > self.max_age:
            raise ValueError("min_age is above max_age")
        return self


HueMap: type[Input] = create_model("HueMap", __base__=Input, **{key.value: (Score, ...) for key in HueKey})  # type: ignore[call-overload]
Certainty: type[Input] = create_model(
    "Certainty",
    __base__=Input,
    **{group.value: (Score, ...) for group in (LabelGroup.HUES, LabelGroup.AGE, LabelGroup.READING_ABILITY)},  # type: ignore[call-overload]
)


class Answer(Judgement):
    """A judgement in which nothing may be left out: the shape that a language model is held to."""

    hue_map: HueMap  # type: ignore[assignment]
    min_age: Age
    max_age: Age
    reading_abilities: Annotated[list[ReadingAbilityKey], Field(min_length=1, max_length=2), ONCE]
    short_summary: _text(1_000)  # type: ignore[valid-type]
    long_summary: _text(5_000)  # type: ignore[valid-type]
    recommend_status: RecommendStatus
    genres: Genres
    styles: Styles
    characters: Characters
    controversial_themes: Themes
    series: Line | None
    series_number: int | None = Field(ge=0, le=10_000)
    gender: Line | None
    awards: list[Line] = Field(max_length=20)
    notes: _text(1_000) | None  # type: ignore[valid-type]
    certainty: Certainty  # type: ignore[assignment]

    @model_validator(mode="after")
    def _is_a_label(self) -> "Answer":
        self.judgement()
        return self

    def judgement(self) -> Judgement:
        """The same, as every labeller says it."""
        return Judgement.model_validate(self.model_dump())


class WorkIds(Input):
    """Works to label."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"work_ids": [4711, 4712]}]})

    work_ids: list[Annotated[int, Field(ge=1, lt=2**31)]] = Field(
        min_length=1, max_length=MOST_AT_ONCE, description="What is named twice is labelled once."
    )


class LabellingQueued(Schema):
    """What was queued."""

    status: Literal["ok"]
    works: int = Field(description="Works that are going to be looked at.")
    unknown: list[IdText] = Field(description="Ids of which there is no work; nothing is done about them.")


class WorkToReview(Schema):
    """A held work whose labels a person should look at, and why."""

    work_id: IdText
    title: str
    libraries: int = Field(description="Libraries that hold it, as last counted: they are every hour.")
    missing: list[LabelGroup] = Field(description="Groups of labels that it has not.")
    unsure: list[LabelGroup] = Field(description="Groups that no person has said or checked.")
    doubt: int = Field(description="From 1 to 100: how much is missing or unsure, by how much each group matters.")
    weight: int = Field(description="Libraries times doubt: what the queue is ordered by.")
    checked: bool | None = Field(description="False: a person found the labels wrong.")
