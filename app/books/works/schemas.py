"""Shapes of works."""

from typing import Annotated

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag

from app.books.models import WorkType
from app.books.schemas import (
    MAX_OTHER_ISBNS,
    MAX_PEOPLE,
    Article,
    AuthorCreateIn,
    Genre,
    Heading,
    Id,
    WorkBrief,
    name_or_id,
)
from app.core.include import WithPermissions
from app.core.isbn import Isbn
from app.core.schemas import Input, JsonObject

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=512)]
AuthorNamed = Annotated[
    Annotated[AuthorCreateIn, Tag("by-name")] | Annotated[Id, Tag("by-id")], Discriminator(name_or_id)
]
Authors = Annotated[list[AuthorNamed], Field(max_length=MAX_PEOPLE)]


class WorkFound(WorkBrief, WithPermissions):
    """A work in a list of works."""


class WorkInfo(Input):
    """What is known of a work as a whole, coming in and going out."""

    genres: list[Genre] = Field(default_factory=list)
    other: JsonObject = Field(default_factory=dict)


class WorkCreateWithEditionsIn(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "leading_article": "The",
                    "title": "Twits",
                    "authors": [{"first_name": "Roald", "last_name": "Dahl"}],
                    "editions": ["9780142410394"],
                }
            ]
        }
    )

    type: WorkType = WorkType.BOOK
    leading_article: Article = None
    title: Title
    subtitle: Heading = None
    authors: Authors = Field(description="Each by id or by name. A name that several have is refused: give an id.")
    editions: list[Isbn] = Field(
        max_length=MAX_OTHER_ISBNS,
        description="Unknown ones are added by their number. Those of another work are moved, which is for admins.",
    )
    info: WorkInfo | None = None
