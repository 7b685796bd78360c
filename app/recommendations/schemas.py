"""Shapes of recommendations."""

import enum
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.books.schemas import WebAddress
from app.core.isbn import understand
from app.core.schemas import Input, Schema
from app.labels.schemas import LabelSetDetail
from app.labels.vocabulary import HueKey, ReadingAbilityKey

MAX_EXCLUDED = 1_000
OLDEST = 130
BIG = 2**53


def _valid_isbns(sent: list[str | None] | None) -> list[str | None] | None:
    """Each as its 13 digits; what is no ISBN excludes nothing."""
    if sent is None:
        return None
    understood = (understand(each).isbn for each in sent)
    return list(dict.fromkeys(str(isbn) for isbn in understood if isbn is not None))


class Filters(Schema):
    """What a recommended book has to be like. Of each list one value is enough; a list that is empty asks nothing."""

    hues: list[HueKey] | None = Field(None, max_length=20)
    age: int | None = Field(None, ge=0, le=OLDEST, description="Books whose ages are known, and include it.")
    reading_abilities: list[ReadingAbilityKey] | None = Field(None, max_length=10)
    recommendable_only: bool | None = Field(
        None, description="Books that are marked good. Only an admin may send false, for books of every mark."
    )
    exclude_isbns: list[str | None] | None = Field(
        None, max_length=MAX_EXCLUDED, description="ISBNs in any form: no edition of these works is recommended."
    )
    fallback: bool | None = Field(
        None, description="True: where little is found, ask for less, step by step; `fallback_level` says how far."
    )


class HueyRecommendationFilter(Filters, Input):
    """What is asked for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "hues": ["hue05_funny_comic", "hue12_funny_quirky"],
                    "age": 8,
                    "reading_abilities": ["TREEHOUSE"],
                    "exclude_isbns": ["9780142410370"],
                }
            ]
        }
    )

    exclude_isbns: Annotated[list[str | None] | None, AfterValidator(_valid_isbns)] = Field(
        None, max_length=MAX_EXCLUDED, description="ISBNs in any form: no edition of these works is recommended."
    )
    wriveted_identifier: UUID | None = Field(
        None, description="A school: books of its collection alone. Without it, of the whole catalogue."
    )
    dedupe_authors: bool = Field(True, description="Of books by the same authors, one.")
    seed: int | None = Field(
        None, ge=0, lt=BIG, description="The same question with the same seed has the same answer, while books stay."
    )


class HueyRecommendationFilterUsed(Filters):
    """The filters that were used in the end."""

    school_id: int | None = Field(description="The school's small number; null where the whole catalogue was asked.")


class ReasonCode(enum.StrEnum):
    HUE = "hue"
    AGE = "age"
    READING_ABILITY = "reading_ability"
    COLLECTION = "collection"
    AVAILABLE = "available"
    FALLBACK = "fallback"


class Reason(Schema):
    """Why a book was chosen."""

    code: ReasonCode
    detail: str = Field(description="For people.")


class HueyBook(Schema):
    work_id: int
    isbn: str
    cover_url: WebAddress | None
    display_title: str
    authors_string: str
    summary: str = Field(description="Empty where none is known.")
    labels: LabelSetDetail
    available: bool | None = Field(description="Whether a copy can be borrowed now; null without a school.")
    reasons: list[Reason]


class HueyOutput(Schema):
    count: int
    books: list[HueyBook]
    query: HueyRecommendationFilterUsed
    seed: int = Field(description="Send it with the same question to get the same answer.")
    fallback_level: Literal[0, 1, 2, 3] = Field(
        description="0: as asked. 1: also books that the school does not hold; 2: of any hue; 3: of another reading "
        "ability, or for somebody two years older."
    )
