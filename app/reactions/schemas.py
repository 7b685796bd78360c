"""What the events say from which something follows. They come from clients of all ages: what is not known is left."""

from typing import Annotated, Any

from pydantic import Field

from app.core.schemas import Schema

MOST_REVIEWS = 1_000


class ReadingLogged(Schema):
    """How far a reader is with a holding; who has finished it may have stopped, too."""

    collection_item_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    finished: bool = False
    stopped: bool = False


class Review(Schema):
    """What somebody thinks of a book."""

    isbn: Any = None
    liked: bool = False


class Reviews(Schema):
    reviews: Annotated[list[Review], Field(max_length=MOST_REVIEWS)]
