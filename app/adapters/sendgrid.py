"""E-mail by SendGrid's REST API, version 3. It knows no idempotency key: a second copy has the same Message-ID."""

from typing import Any

import msgspec
from pydantic import SecretStr

from app.adapters.smtp import message_id, unsubscribe_headers
from app.core.outside import Outside
from app.messages.schemas import Letter

SEND = "https://api.sendgrid.com/v3/mail/send"
UNTRACKED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}
"""Nobody is followed from an e-mail: links stay as they are, and there is no image that reports back."""


class SendGridRefused(Exception):
    """SendGrid did not accept an e-mail. The message names its status alone: its answer may quote the e-mail."""


class SendGrid:
    name = "sendgrid"

    def __init__(self, outside: Outside, key: SecretStr, url: str = SEND) -> None:
        self._outside = outside
        self._key = key
        self._url = url

    async def send(self, letter: Letter) -> None:
        answer = await self._outside.request(
            "POST",
            self._url,
            headers={"Authorization": f"Bearer {self._key.get_secret_value()}", "Content-Type": "application/json"},
            content=msgspec.json.encode(mail_of(letter)),
            purpose="sendgrid",
        )
        if answer.status != 202:
            raise SendGridRefused(f"status {answer.status}")


def mail_of(letter: Letter) -> dict[str, Any]:
    """The body of a request for one e-mail."""
    recipient: dict[str, Any] = {"to": [{"email": letter.to}], "custom_args": {"message_id": str(letter.id)}}
    mail: dict[str, Any] = {
        "personalizations": [recipient],
        "from": {"email": letter.sender, "name": letter.sender_name},
        "headers": {"Message-ID": message_id(letter), **unsubscribe_headers(letter)},
        "tracking_settings": UNTRACKED,
    }
    if letter.vendor_template is not None:
        recipient["dynamic_template_data"] = dict(letter.data or {})
        return mail | {"template_id": letter.vendor_template}
    content = [{"type": "text/plain", "value": letter.text}, {"type": "text/html", "value": letter.html}]
    return mail | {"subject": letter.subject, "content": content}
