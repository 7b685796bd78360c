"""Shapes of a bulk load: its rows, and the report of what became of them."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from app.books.schemas import MAX_OTHER_ISBNS, EditionData
from app.core.schemas import Schema

IsbnAsSent = Annotated[Any, WithJsonSchema({"type": ["string", "integer"], "description": "An ISBN in any form."})]


class EditionRow(EditionData):
    """A row of a bulk load. Its ISBNs are judged one by one, and what is unknown in it is ignored with a warning."""

    model_config = ConfigDict(extra="ignore")

    isbn: IsbnAsSent
    other_isbns: list[IsbnAsSent] | None = Field(None, max_length=MAX_OTHER_ISBNS)


class BulkSummary(Schema):
    """What became of the rows: received = created + updated + unchanged + rejected."""

    received: int
    created: int
    updated: int = Field(description="Rows that added what a known edition lacked.")
    unchanged: int = Field(description="Rows whose edition was known, and that had nothing to add.")
    rejected: int


class RowResult(Schema):
    """What became of one row."""

    index: int = Field(description="The row's place in the request, from 0.")
    status: Literal["created", "updated", "unchanged", "rejected"]
    isbn_sent: str | int | float | None = Field(description="The ISBN as it was sent; null if it was plain.")
    isbn: str | None = Field(description="The 13 digits it was understood as.")
    code: str | None = Field(description="A stable code for what there is to say.")
    hint: str | None = Field(description="What to do about it.")


class BulkReport(Schema):
    msg: str
    summary: BulkSummary
    results: list[RowResult] = Field(description="Rows with something to say.")
