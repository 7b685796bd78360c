"""Shapes of booklists."""

import enum
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, field_validator
from pydantic_core import PydanticCustomError

from app.accounts.models import UserAccountType
from app.booklists.models import ListSharingType
from app.booklists.order import ItemUpdateType
from app.books.schemas import EditionDetail, WorkBrief
from app.core.include import WithPermissions
from app.core.isbn import Isbn
from app.core.schemas import IdText, Input, Name, Page, Pagination, Schema, Url
from app.labels.works.schemas import WorkEnriched
from app.people.schemas import ListType

MOST_ITEMS = 1_000
"""In one request."""

LONGEST_LIST = 5_000
LARGEST_ID = 2**31 - 1

SLUG = r"^[a-z0-9]+(-[a-z0-9]+)*$"
Slug = Annotated[str, StringConstraints(pattern=SLUG, max_length=200)]
ShortText = Annotated[str, StringConstraints(max_length=500)]
WorkId = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Position = Annotated[int, Field(ge=0, le=LARGEST_ID, description="From 0; beyond the end means at the end.")]


class BookFeedbackChoice(enum.StrEnum):
    GOOD = "GOOD"
    BAD = "BAD"
    READ_GOOD = "READ_GOOD"
    READ_BAD = "READ_BAD"


class BookListInfoIn(Input):
    """How a list presents itself."""

    description: str | None = None
    image_url: Url | None = None
    subheading: ShortText | None = None
    colour: Annotated[str, StringConstraints(max_length=50)] | None = None


class BookListItemInfoIn(Input):
    """What the list says of a work on it."""

    edition: Isbn | None = Field(None, description="Which edition to show, if it is one of the work's.")
    note: str | None = None
    feedback: BookFeedbackChoice | None = None


class BookListItemCreateIn(Input):
    order_id: Position | None = Field(None, description="From 0; at the end without it.")
    work_id: WorkId
    info: BookListItemInfoIn | None = None


class BookListItemUpdateIn(BookListItemCreateIn):
    action: ItemUpdateType = Field(
        description="`add` leaves a work that is on the list where it is, `update` moves it or changes its info, "
        "`remove` of one that is not there does nothing."
    )


class BookListCreateIn(Input):
    """A list and its first works. `Regional`, `Huey` and `Other` lists have no owner."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Holiday reading",
                    "type": "School",
                    "sharing": "restricted",
                    "info": {"description": "For long afternoons."},
                    "items": [{"work_id": 1, "info": {"note": "Read it aloud."}}],
                }
            ]
        }
    )

    name: Name
    type: ListType
    slug: Slug | None = Field(None, description="A Huey list's name in its public address.")
    sharing: ListSharingType | None = Field(None, description="`private` unless given.")
    school_id: UUID | None = Field(None, description="Of a School list; your own school unless given.")
    user_id: UUID | None = Field(None, description="Of a Personal list; you yourself unless given.")
    info: BookListInfoIn | None = None
    items: list[BookListItemCreateIn] | None = Field(None, max_length=MOST_ITEMS)


class BookListUpdateIn(Input):
    """What is to change: absent keeps, null clears. Items are applied one after the other, all of them or none."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "Holiday reading",
                    "items": [
                        {"action": "add", "work_id": 1, "order_id": 0},
                        {"action": "update", "work_id": 2, "info": {"note": "A classic."}},
                        {"action": "remove", "work_id": 3},
                    ],
                }
            ]
        }
    )

    name: Name | None = Field(None, description="Cannot be null.")
    type: ListType | None = Field(None, description="Cannot be null. You need the right to write the new kind, too.")
    sharing: ListSharingType | None = Field(None, description="Null: `private`.")
    slug: Slug | None = None
    school_id: UUID | None = Field(None, description="The new owner, as when a list is created.")
    user_id: UUID | None = Field(None, description="The new owner, as when a list is created.")
    info: BookListInfoIn | None = Field(None, description="Merged member by member; null clears it.")
    items: list[BookListItemUpdateIn] | None = Field(None, max_length=MOST_ITEMS)

    @field_validator("name", "type")
    @classmethod
    def _is_something(cls, value: object) -> object:
        if value is None:
            raise PydanticCustomError("required", "This cannot be null: leave it out to keep it.")
        return value


class BookListInfo(Schema):
    description: str | None = None
    image_url: str | None = None
    subheading: str | None = None
    colour: str | None = None


class ListOwner(Schema):
    id: UUID
    type: UserAccountType
    name: str


class ListSchool(Schema):
    wriveted_identifier: UUID
    name: str


class BookListBrief(WithPermissions):
    id: UUID
    name: str
    type: ListType
    book_count: int
    created_at: datetime
    updated_at: datetime
    user: ListOwner | None
    school: ListSchool | None
    sharing: ListSharingType
    slug: str | None
    info: BookListInfo | None


class BookListsResponse(Page[BookListBrief]):
    pass


class BookListItemInfo(Schema):
    edition: str | None = None
    note: str | None = None
    feedback: BookFeedbackChoice | None = None


class BookListItemDetail(Schema):
    order_id: int
    work_id: int
    info: BookListItemInfo | None
    work: WorkEnriched


class BookListItemEnriched(BookListItemDetail):
    edition: EditionDetail


class BookListDetail(BookListBrief):
    data: list[BookListItemDetail]
    pagination: Pagination


class BookListDetailEnriched(BookListBrief):
    data: list[BookListItemEnriched]
    pagination: Pagination


class BookListItemInCollection(Schema):
    in_collection: bool
    work_id: IdText
    work_brief: WorkBrief
    editions_in_collection: list[str] = Field(description="ISBNs of the work that are on the shelf.")


class CollectionBookListIntersection(Page[BookListItemInCollection]):
    pass
