"""Shapes of the catalogue."""

import enum
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.books.models import WorkType
from app.core.include import WithPermissions
from app.core.isbn import Isbn
from app.core.outbox import Task
from app.core.schemas import IdText, Input, JsonObject, Schema, Url

MAX_PEOPLE = 100
MAX_OTHER_ISBNS = 200
MAX_LOOKED_UP = 500


def _blank_as_none(value: object) -> object:
    return None if isinstance(value, str) and not value.strip() else value


def _not_the_image_itself(value: object) -> object:
    if isinstance(value, str) and value.lstrip()[:5].lower() == "data:":
        raise PydanticCustomError(
            "image_not_accepted", "Send the http(s) address of the cover; images themselves are not stored yet."
        )
    return value


def name_or_id(value: object) -> str:
    """Which of the two ways of naming a person a value is, so that only the faults of that one are told."""
    return "by-id" if isinstance(value, int) else "by-name"


def _digits_as_number(value: object) -> object:
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,8}", value) else value


def _in_utc(value: datetime) -> datetime:
    moment = value if value.tzinfo else value.replace(tzinfo=UTC)
    if not 1900 <= moment.year <= 2200:
        raise PydanticCustomError("moment_out_of_range", "A moment of the years 1900 to 2200.")
    return moment


def _stripped(length: int) -> StringConstraints:
    return StringConstraints(strip_whitespace=True, max_length=length)


BLANK_IS_NONE = BeforeValidator(_blank_as_none)
Article = Annotated[Annotated[str, _stripped(20)] | None, BLANK_IS_NONE]
Heading = Annotated[Annotated[str, _stripped(512)] | None, BLANK_IS_NONE]
FirstName = Annotated[Annotated[str, _stripped(200)] | None, BLANK_IS_NONE]
LastName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
CoverUrl = Annotated[Url | None, BLANK_IS_NONE, BeforeValidator(_not_the_image_itself)]
Id = Annotated[int, Field(ge=1, lt=2**31)]
DatePublished = Annotated[
    int,
    BeforeValidator(_digits_as_number),
    Field(ge=-9_999, le=99_991_231),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": r"^-?\d{1,8}$"}, {"type": "integer"}]}),
]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
WebAddress = Annotated[str, WithJsonSchema({"type": "string", "format": "uri", "minLength": 1})]


class AnyCase(enum.StrEnum):
    """A word that is also understood in another case."""

    @classmethod
    def _missing_(cls, value: object) -> "AnyCase | None":
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


class GenreSource(AnyCase):
    """Whose list of genres a genre is from."""

    BISAC = "BISAC"
    BIC = "BIC"
    THEMA = "THEMA"
    LOCSH = "LOCSH"
    HUMAN = "HUMAN"
    VERTEXAI = "VERTEXAI"
    OTHER = "OTHER"


class LinkType(AnyCase):
    RETAILER = "retailer"
    REVIEW = "review"


class Genre(Input):
    name: str
    source: GenreSource
    code: str | None = None


class LinkBrief(Input):
    type: LinkType = LinkType.RETAILER
    url: Url
    retailer: str = "Amazon AU"


class EditionInfo(Input):
    """What publishers and libraries tell about an edition, coming in and going out."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    pages: str | None = None
    summary_short: str | None = None
    summary_long: str | None = None
    genres: list[Genre] = Field(default_factory=list)
    bic_qualifiers: list[str] = Field(default_factory=list)
    thema_qualifiers: list[str] = Field(default_factory=list)
    keywords: str | None = None
    prodct: str | None = None
    prodcc: str | None = None
    cbmctext: str | None = None
    cbmccode: str | None = None
    interest_age: str | None = None
    reading_age: str | None = None
    country: str | None = None
    medium_tags: list[str] = Field(default_factory=list)
    image_flag: bool | None = None
    links: list[LinkBrief] = Field(default_factory=list)
    other: JsonObject | None = None


class AuthorBrief(Schema):
    id: IdText
    first_name: str | None
    last_name: str


class IllustratorBrief(Schema):
    id: int
    first_name: str | None
    last_name: str
    info: JsonObject | None


class WorkBrief(Schema):
    id: IdText
    type: WorkType | None
    leading_article: str | None
    title: str
    subtitle: str | None
    authors: list[AuthorBrief]


class EditionBrief(Schema):
    leading_article: str | None
    title: str | None = Field(description="The edition's own title, else its work's.")
    subtitle: str | None
    cover_url: WebAddress | None
    work_id: IdText | None
    isbn: str


class EditionFound(EditionBrief, WithPermissions):
    """An edition in a list of editions."""


class EditionDetail(EditionBrief, WithPermissions):
    series_name: str | None
    series_number: int | None
    authors: list[AuthorBrief] = Field(description="Those of its work.")
    illustrators: list[IllustratorBrief]
    date_published: int | None = Field(description="YYYYMMDD or YYYY, as publishers send it.")
    info: EditionInfo | None


class ContributorBase(Input):
    """A person by name: of several who share it an id says which is meant."""

    first_name: FirstName = None
    last_name: LastName


Contributor = Annotated[
    Annotated[ContributorBase, Tag("by-name")] | Annotated[Id, Tag("by-id")], Discriminator(name_or_id)
]


class AuthorCreateIn(ContributorBase):
    model_config = ConfigDict(json_schema_extra={"examples": [{"first_name": "Roald", "last_name": "Dahl"}]})

    info: JsonObject | None = None


class IllustratorCreateIn(AuthorCreateIn):
    pass


class EditionData(Input):
    """What can be said of an edition when it is added."""

    work_id: int | None = Field(None, ge=1, lt=2**31, description="An existing work; only an admin may name one.")
    leading_article: Article = None
    title: Heading = None
    subtitle: Heading = None
    series_name: Heading = None
    series_number: int | None = Field(None, ge=0, lt=2**31)
    authors: list[AuthorCreateIn] | None = Field(None, max_length=MAX_PEOPLE)
    illustrators: list[IllustratorCreateIn] | None = Field(None, max_length=MAX_PEOPLE)
    cover_url: CoverUrl = Field(None, description="An http(s) address; images themselves are not taken here.")
    date_published: int | None = Field(None, ge=-9_999, le=99_991_231, description="YYYYMMDD or YYYY.")
    labelset: JsonObject | None = Field(None, description="Not writable here: labels have doors of their own.")
    info: EditionInfo | None = None
    hydrated: bool = Field(False, description="True: this is all there is to know, nobody need look it up.")


class EditionCreateIn(EditionData):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "isbn": "9780142410370",
                    "title": "Matilda",
                    "authors": [{"first_name": "Roald", "last_name": "Dahl"}],
                }
            ]
        }
    )

    isbn: Isbn
    other_isbns: list[Isbn] | None = Field(
        None, max_length=MAX_OTHER_ISBNS, description="Other editions of the same work."
    )


class EditionUpdateIn(Input):
    """What is to change: absent keeps, null clears."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"edition_title": "Matilda", "date_published": "19881001", "work_id": None}]}
    )

    leading_article: Article = None
    edition_title: Heading = Field(None, description="Null: the title of its work is shown.")
    edition_subtitle: Heading = None
    date_published: DatePublished | None = Field(None, description="YYYYMMDD or YYYY.")
    illustrators: list[Contributor] | None = Field(
        None, max_length=MAX_PEOPLE, description="All of them, each by id or by name."
    )
    cover_url: CoverUrl = Field(None, description="An http(s) address; images themselves are not taken here.")
    work_id: Id | None = Field(None, description="The work to move it to; null: to none.")
    info: EditionInfo | None = None
    hydrated_at: Moment | None = Field(None, description="When all there is to know was looked up.")


class Hydrate(Task, kind="hydrate"):
    """Ask the providers of book data about these editions, and keep what they tell."""

    deadline = timedelta(minutes=5)

    isbns: list[Isbn] = Field(min_length=1, max_length=MAX_LOOKED_UP)
