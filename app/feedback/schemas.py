"""Shapes of supporters' feedback."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from app.core.schemas import Input, Schema

GIFS = r"^https://(i\.giphy\.com|media[0-4]?\.giphy\.com|(media|c)\.tenor\.com)/[\w./-]+(\?[\w=&%.-]*)?$"
"""Where a picture may come from: what a child is shown is not anything in the world."""


def _without_links(text: str) -> str:
    if any(sign in text.lower() for sign in ("://", "www.", "@")):
        raise PydanticCustomError("holds_a_link", "A child reads this: leave out links and addresses.")
    return text


class ReadingLogEventDetail(Schema):
    """What a reader has read, as a supporter sees it."""

    reader_name: str
    supporter_nickname: str
    book_title: str
    cover_url: str | None
    emoji: str
    descriptor: str
    timestamp: datetime
    finished: bool
    stopped: bool


class ReadingLogEventFeedback(Input):
    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "event_id": "3f0c9d5e-8a47-4b0e-9f0c-0d6f6d9b7a11",
                    "comment": "Well done, what a book!",
                    "gif_url": "https://media.giphy.com/media/g9582DNuQppxC/giphy.gif",
                }
            ]
        }
    )

    event_id: UUID = Field(description="The event of the path once more.")
    comment: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=5, max_length=140, pattern=r"^[^\x00-\x1f\x7f]+$"),
        AfterValidator(_without_links),
    ]
    gif_url: Annotated[
        str,
        StringConstraints(max_length=500, pattern=GIFS),
    ] = Field(description="A picture at Giphy or Tenor.")


class FeedbackLinkIn(Input):
    model_config = ConfigDict(json_schema_extra={"examples": [{"code": "q1n8Xl2b0wYk3cJ7d5mZxA"}]})

    code: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{22}$")] = Field(
        description="What stands behind the # of the link."
    )


class FeedbackToken(Schema):
    access_token: str = Field(description="Opens the doors of feedback, and no others.")
    token_type: str = "bearer"  # noqa: S105  the scheme's name
    expires_in: int = Field(description="Seconds.")
    event_id: UUID = Field(description="What the link is about.")
