"""Alerts in Slack: by our app (chat.postMessage) or by an incoming webhook, which has one channel for all."""

import re
from typing import Any

import msgspec
from pydantic import SecretStr

from app.core.config import Settings
from app.core.outside import Outside
from app.messages.schemas import Alert

POST_MESSAGE = "https://slack.com/api/chat.postMessage"
MOST_FIELDS = 10
LONGEST_FIELD = 2_000
LONGEST_TEXT = 3_000
UNREADABLE = "unreadable"
WORD = re.compile(r"[a-z_]{1,60}")


class SlackRefused(Exception):
    """Slack did not take a message: its status, or the word that it gives, if it is one."""


class Said(msgspec.Struct):
    """What chat.postMessage answers, which is 200 whatever it says."""

    ok: bool = False
    error: str = ""


class Slack:
    """Where to post, and the token for it; an incoming webhook needs none."""

    def __init__(self, outside: Outside, url: str, token: SecretStr | None) -> None:
        self._outside = outside
        self._url = url
        self._token = token

    async def tell(self, alert: Alert) -> None:
        headers, message = {"Content-Type": "application/json; charset=utf-8"}, message_of(alert)
        if self._token is None:
            del message["channel"]
        else:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        answer = await self._outside.request(
            "POST", self._url, headers=headers, content=msgspec.json.encode(message), purpose="slack"
        )
        if answer.status != 200:
            raise SlackRefused(f"status {answer.status}")
        fault = _fault_of_hook(answer.body) if self._token is None else _fault_of_app(answer.body)
        if fault is not None:
            raise SlackRefused(fault)


def _fault_of_app(body: bytes) -> str | None:
    try:
        said = msgspec.json.decode(body, type=Said)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UNREADABLE
    if said.ok:
        return None
    return said.error if WORD.fullmatch(said.error) else UNREADABLE


def _fault_of_hook(body: bytes) -> str | None:
    """Its one good answer is a word."""
    return None if body.strip() == b"ok" else UNREADABLE


def slack_of(settings: Settings, outside: Outside) -> Slack | None:
    """Who tells staff on these settings; None where Slack is not set up."""
    if settings.slack_bot_token is not None:
        return Slack(outside, POST_MESSAGE, settings.slack_bot_token)
    if settings.slack_webhook_url is not None:
        return Slack(outside, settings.slack_webhook_url.get_secret_value(), None)
    return None


def message_of(alert: Alert) -> dict[str, Any]:
    """The message in blocks. What it is told is text, however much it looks like a mention or a link."""
    title = escaped(alert.title)
    told = [
        {"type": "mrkdwn", "text": f"*{escaped(name)}*\n{escaped(value)}"[:LONGEST_FIELD]}
        for name, value in alert.fields.items()
    ]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{title}*"[:LONGEST_TEXT]}}
    ]
    if told:
        blocks.append({"type": "section", "fields": told[:MOST_FIELDS]})
    return {"channel": alert.channel, "text": title[:LONGEST_TEXT], "blocks": blocks, "unfurl_links": False}


def escaped(text: str) -> str:
    """As Slack asks for it: three characters, and no formatting from the rest."""
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return "".join(f"\u200b{char}" if char in "*_~`" else char for char in text)
