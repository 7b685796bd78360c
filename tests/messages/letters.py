"""A letter as adapters are given it."""

from typing import Any
from uuid import uuid4

from app.messages.schemas import Letter


def letter(**changes: Any) -> Letter:
    values: dict[str, Any] = {
        "id": uuid4(),
        "sender": "hello@huey.example",
        "sender_name": "Huey Books",
        "to": "nana@family.example",
        "subject": "News",
        "text": "Hello\n",
        "html": "<p>Hello</p>\n",
        "unsubscribe": "https://api.example/v1/email/unsubscribe/abc",
    }
    return Letter(**(values | changes))
