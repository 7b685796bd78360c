"""Shapes of the search."""

from pydantic import Field

from app.books.schemas import WorkBrief
from app.core.schemas import Schema


class SearchQueryInput(Schema):
    query: str | None
    author_id: int | None


class Highlights(Schema):
    """What matched, as HTML: escaped text with `<b>` around words. The plain text stands in the book itself."""

    title: str
    subtitle: str | None
    authors: list[str] = Field(description="Names, in the order of `authors`.")


class Availability(Schema):
    """Copies on the shelves that were searched, of all editions of the work."""

    copies_total: int
    copies_available: int
    isbns: list[str] = Field(description="The editions that are held.")


class FoundWork(WorkBrief):
    highlights: Highlights
    availability: Availability | None = Field(description="Null where no school's shelves were searched.")


class SearchResults(Schema):
    input: SearchQueryInput
    books: list[FoundWork]
