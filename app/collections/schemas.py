"""Shapes of collections and holdings."""

from datetime import datetime
from typing import Any, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from app.books.schemas import EditionBrief, WorkBrief
from app.collections.models import CollectionItemReadStatus
from app.collections.sync.rows import Action
from app.core.include import WithPermissions
from app.core.isbn import Isbn
from app.core.schemas import Input, Name, Page, Schema, Url


class CollectionBrief(WithPermissions):
    id: UUID
    name: str
    book_count: int = Field(validation_alias="item_count", description="Holdings that are not withdrawn.")
    school_id: UUID | None
    user_id: UUID | None
    updated_at: datetime


class CollectionItemFeedback(Schema):
    emojis: list[str] | None = None
    descriptor: str | None = None


class CollectionItemInfo(Schema):
    """What the library itself says of a holding."""

    cover_image: str | None = None
    title: str | None = None
    author: str | None = None
    feedback: CollectionItemFeedback | None = None
    other: dict[str, Any] | None = None


class CollectionItemDetail(WithPermissions):
    id: int
    work: WorkBrief | None
    edition: EditionBrief | None
    copies_total: int = Field(ge=0)
    copies_available: int = Field(ge=0)
    info: CollectionItemInfo | None


class CollectionItemsResponse(Page[CollectionItemDetail]):
    pass


class LabelCount(Schema):
    key: str
    name: str
    count: int = Field(description="Holdings with this label.")


class AgeCount(Schema):
    age: int
    count: int = Field(description="Holdings that suit this age.")


class Availability(Schema):
    on_shelf: int = Field(description="Copies that are there.")
    borrowed: int = Field(description="Copies that are not.")


class CollectionInfo(Schema):
    """How much of a collection is ready to be recommended, and what is in it.

    Of the first four counts each is a part of the one before it.
    """

    total_editions: int = Field(description="Holdings that are not withdrawn, with or without an ISBN.")
    hydrated: int = Field(description="Of these, those whose title and cover are known.")
    hydrated_and_labeled: int = Field(description="Of these, those with a hue, a reading ability, ages and a summary.")
    recommendable: int = Field(description="Of these, those marked good.")
    unlabelled: int = Field(description="Holdings without a hue, a reading ability, ages or a summary.")
    without_isbn: int
    duplicates: int = Field(description="Works of which two or more editions are held.")
    availability: Availability
    by_hue: list[LabelCount] = Field(description="Every hue, also those of no holding. A book may have three.")
    by_reading_ability: list[LabelCount] = Field(description="Every reading ability, the easiest first.")
    by_age: list[AgeCount] = Field(description="Ages up to 18 that some holding suits.")


class ChangeSummary(Schema):
    """What became of the rows. Without a replacement, received = added + updated + unchanged + removed + rejected +
    merged; in a replacement ``removed`` counts holdings that were not named, beside the rows."""

    received: int
    added: int
    updated: int
    unchanged: int
    removed: int
    rejected: int
    merged: int = Field(description="Rows that named the book of an earlier row and were joined to it.")
    new_editions: int = Field(description="ISBNs that the catalogue did not know; their data follows within days.")
    dry_run: bool = Field(description="True where this is only what would have happened.")


class CollectionRowResult(Schema):
    """What became of one row."""

    index: int = Field(description="The row's place in the request, from 0.")
    isbn_sent: str | int | float | None = Field(None, description="The ISBN as it was sent; null if it was plain.")
    isbn: str | None = Field(None, description="The 13 digits it was understood as.")
    status: Literal["added", "updated", "unchanged", "removed", "rejected", "merged"]
    code: str | None = Field(None, description="A stable code for what there is to say; null if nothing.")
    hint: str | None = Field(None, description="What to do about it.")


class CollectionUpdateSummaryResponse(Schema):
    msg: str
    collection_size: int
    summary: ChangeSummary
    results: list[CollectionRowResult] = Field(description="Rows with something to say; every row with `results=all`.")


class CollectionItemFeedbackIn(CollectionItemFeedback, Input):
    pass


class CollectionItemInfoCreateIn(Input):
    """What the library itself says of a holding. A book without an ISBN needs at least a title here."""

    cover_image: Url | None = None
    title: str | None = None
    author: str | None = None
    feedback: CollectionItemFeedbackIn | None = None
    other: dict[str, Any] | None = None


class CollectionItemCreateIn(Schema):
    """A row. An absent field keeps what is stored, null clears it, 0 is 0; unknown fields are ignored and reported."""

    edition_isbn: str | int | None = Field(None, description="The ISBN, in any form of the ISBN policy.")
    isbn: str | int | None = Field(None, description="The older name of `edition_isbn`.")
    info: CollectionItemInfoCreateIn | None = None
    copies_total: int | None = Field(None, ge=0, le=1_000_000, description="1 for a new holding without it.")
    copies_available: int | None = Field(
        None, ge=0, le=1_000_000, description="All copies for a new holding without it; never more than the total."
    )


class CollectionItemUpdate(CollectionItemCreateIn):
    action: Action = Field(Action.ADD, description="`add` adds or updates, `update` never adds, `remove` withdraws.")
    id: int | None = Field(None, ge=1, description="Names a holding without an ISBN, to update or remove it.")


class CollectionCreateIn(Input):
    """A whole collection of one owner: a school or a user."""

    name: Name
    school_id: UUID | None = None
    user_id: UUID | None = None
    info: dict[str, Any] | None = None
    items: list[CollectionItemCreateIn] | None = None


class CollectionAndItemsUpdateIn(Input):
    """What is to change in a collection; what is left out stays."""

    name: Name | None = None
    info: dict[str, Any] | None = None
    items: list[CollectionItemUpdate] | None = None


class CollectionItemAndStatusCreateIn(Input):
    """One book to add."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"edition_isbn": "9780439023481", "copies_total": 3, "copies_available": 2}]}
    )

    edition_isbn: Isbn | None = None
    info: CollectionItemInfoCreateIn | None = None
    copies_total: int | None = Field(None, ge=0, le=1_000_000)
    copies_available: int | None = Field(None, ge=0, le=1_000_000)
    read_status: CollectionItemReadStatus | None = Field(None, description="How far a reader is; with `reader_id`.")
    reader_id: UUID | None = Field(None, description="Yourself, your child or your school's pupil; with `read_status`.")

    @model_validator(mode="after")
    def _names_both_or_neither(self) -> Self:
        if (self.read_status is None) is not (self.reader_id is None):
            raise PydanticCustomError("both_or_neither", "Send `read_status` and `reader_id` together, or neither.")
        return self


class CollectionItemActivityBase(Input):
    """How far a reader is with a holding."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "collection_item_id": 1,
                    "reader_id": "0e1fb0b7-5f0e-4c9e-8f4e-2f8f6b2f2c11",
                    "status": "READING",
                }
            ]
        }
    )

    collection_item_id: int = Field(ge=1, le=2**31 - 1)
    reader_id: UUID = Field(description="Yourself, your child, or a pupil of the school where you work.")
    status: CollectionItemReadStatus


class CollectionItemActivityBrief(Schema):
    collection_item_id: int
    reader_id: UUID
    status: CollectionItemReadStatus
    timestamp: datetime


class CollectionDeleted(Schema):
    message: str = "Collection deleted"
