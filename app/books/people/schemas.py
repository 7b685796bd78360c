"""Shapes of authors."""

from pydantic import Field

from app.books.schemas import AuthorBrief
from app.core.schemas import JsonObject


class AuthorDetail(AuthorBrief):
    info: JsonObject | None
    book_count: int = Field(description="Works.")
