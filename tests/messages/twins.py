"""Twins of SendGrid and Slack on this machine: servers that hold a request to what the real ones do, and answer alike.

What they refuse and how is written from their reference: SendGrid's v3 "Mail Send" and its errors, Slack's
chat.postMessage, "Rate limits" and "Sending messages using incoming webhooks". A test may have one be busy, broken,
slow, cut off, or say what nobody understands.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

KEY, TOKEN, HOOK = "SG.of.a-test", "xoxb-of-a-test", "/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX"
CHANNELS = frozenset({"#api-alerts", "#memberships"})
ADDRESS = re.compile(r"[^@\s<>,]+@[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


class Asked(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = {}

    @classmethod
    def json(cls, status: int, said: Any, **headers: str) -> "Answer":
        return cls(status, json.dumps(said).encode(), {"Content-Type": "application/json", **headers})


@dataclass
class Twin:
    """A service: what it took, how it is today, and how often it was asked."""

    judge: Callable[[Asked], Answer]
    """What it answers, by its rules."""
    base: str = ""
    instead: list[Answer] = field(default_factory=list)
    """What it answers first, one after the other, whatever is asked."""
    pause: float = 0.0
    cut: bool = False
    """Whether it hangs up in the middle of its answers, whatever it made of the request."""
    asked: list[Asked] = field(default_factory=list)
    taken: list[Any] = field(default_factory=list)
    """What was said in the requests that were answered by its rules, and with success."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            pairs = [line.partition(": ") for line in lines if line]
            headers = {name.lower(): value for name, _, value in pairs}
            method, path, _ = first.split(" ")
            asked = Asked(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
            self.asked.append(asked)
            await asyncio.sleep(self.pause)
            writer.write(self._told(self._answer(asked)))
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _answer(self, asked: Asked) -> Answer:
        if self.instead:
            return self.instead.pop(0)
        answer = self.judge(asked)
        if answer.status in (200, 202) and b'"ok": false' not in answer.body:
            self.taken.append(json.loads(asked.body))
        return answer

    def _told(self, answer: Answer) -> bytes:
        headers = {**answer.headers, "Content-Length": str(len(answer.body)), "Connection": "close"}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        whole = f"HTTP/1.1 {answer.status} Answer\r\n{head}\r\n".encode() + answer.body
        return whole[: len(whole) // 2] if self.cut else whole


@asynccontextmanager
async def twin_of(judge: Callable[[Asked], Answer]) -> AsyncIterator[Twin]:
    twin = Twin(judge)
    server = await asyncio.start_server(twin.serve, "127.0.0.1", 0)
    twin.base = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield twin
    finally:
        server.close()


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        said = json.loads(body)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


# SendGrid

MAIL = frozenset({"personalizations", "from", "subject", "content", "headers", "template_id", "tracking_settings"})
PERSONALIZATION = frozenset({"to", "custom_args", "dynamic_template_data"})
RESERVED = frozenset(
    {"x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type", "content-transfer-encoding"}
    | {"to", "from", "subject", "reply-to", "cc", "bcc"}
)
LIMITED = Answer.json(
    429,
    {"errors": [{"field": None, "message": "too many requests"}]},
    **{"X-RateLimit-Limit": "600", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1392815263"},
)
UNVERIFIED = Answer.json(
    403,
    {"errors": [{"field": "from", "message": "The from address does not match a verified Sender Identity."}]},
)


def sendgrid(asked: Asked) -> Answer:
    """`POST /v3/mail/send`: 202 without a body for an e-mail that is queued."""
    if (asked.method, asked.path) != ("POST", "/v3/mail/send"):
        return _errors(404, [(None, "not found")])
    if asked.headers.get("authorization") != f"Bearer {KEY}":
        return _errors(401, [(None, "The provided authorization grant is invalid, expired, or revoked")])
    if asked.headers.get("content-type") != "application/json":
        return _errors(415, [(None, "Content-Type should be application/json.")])
    mail = _object(asked.body)
    if mail is None:
        return _errors(400, [(None, "Bad Request")])
    if faults := list(_mail_faults(mail)):
        return _errors(400, faults)
    return Answer(202, b"", {"X-Message-Id": "14c5d75ce93.dfd.64b469"})


def _errors(status: int, faults: list[tuple[str | None, str]]) -> Answer:
    return Answer.json(status, {"errors": [{"field": name, "message": why, "help": None} for name, why in faults]})


def _mail_faults(mail: dict[str, Any]) -> Iterator[tuple[str | None, str]]:
    template = mail.get("template_id")
    for name in sorted(mail.keys() - MAIL):
        yield name, "Additional property is not allowed."
    if not _is_address(mail.get("from")):
        yield "from", "The from object must be provided for every email send."
    if template is not None and not re.fullmatch(r"d-[0-9a-f]{32}", template):
        yield "template_id", "The template_id must be a valid GUID."
    if template is None and not mail.get("subject"):
        yield "subject", "The subject is required."
    content = mail.get("content", [])
    if template is None and [part.get("type") for part in content] != ["text/plain", "text/html"]:
        yield "content", "If present, text/plain and text/html may only be provided once, in this order."
    if not all(isinstance(part.get("value"), str) and part["value"] for part in content):
        yield "content", "The content value must be a string at least one character in length."
    for name, value in mail.get("headers", {}).items():
        if name.lower() in RESERVED or not isinstance(value, str):
            yield f"headers.{name}", "You cannot set this header, or its value is no string."
    for name, setting in mail.get("tracking_settings", {}).items():
        if not all(isinstance(value, bool) for value in setting.values()):
            yield f"tracking_settings.{name}", "The enable param should be a boolean value."
    personalizations = mail.get("personalizations") or []
    if not 1 <= len(personalizations) <= 1000:
        yield "personalizations", "The personalizations field is required and must have at least one personalization."
    for each in personalizations:
        yield from _personalization_faults(each, dynamic=template is not None)


def _personalization_faults(given: dict[str, Any], *, dynamic: bool) -> Iterator[tuple[str | None, str]]:
    to = given.get("to") or []
    for name in sorted(given.keys() - PERSONALIZATION):
        yield f"personalizations.0.{name}", "Additional property is not allowed."
    if not to or not all(map(_is_address, to)):
        yield "personalizations.0.to", "Each to object must at least have an email address."
    if len({each.get("email") for each in to}) < len(to):
        yield "personalizations.0", "Each email address in the personalization block should be unique."
    arguments = given.get("custom_args", {})
    if not all(isinstance(value, str) for value in arguments.values()) or len(json.dumps(arguments)) > 10_000:
        yield "personalizations.0.custom_args", "Custom arguments are strings, of 10,000 bytes together."
    if "dynamic_template_data" in given and not dynamic:
        yield "personalizations.0.dynamic_template_data", "It goes with a dynamic template."


def _is_address(given: Any) -> bool:
    return (
        isinstance(given, dict)
        and given.keys() <= {"email", "name"}
        and isinstance(given.get("name", ""), str)
        and ADDRESS.fullmatch(str(given.get("email"))) is not None
    )


# Slack

RATE_LIMITED = Answer.json(429, {"ok": False, "error": "ratelimited"}, **{"Retry-After": "30"})
HOOK_ERRORS = {"invalid_token": 403, "no_service": 404, "channel_not_found": 404, "channel_is_archived": 410}
"""The statuses of an incoming webhook's words, of which the others are 400."""


def slack(asked: Asked) -> Answer:
    """`chat.postMessage`, which is 200 whatever it says; and an incoming webhook, whose one good word is `ok`."""
    said = _object(asked.body)
    is_json = asked.headers.get("content-type", "").startswith("application/json")
    if asked.path.startswith("/services/"):
        error = _hook_error(asked, said if is_json else None)
        text = {"Content-Type": "text/html"}
        return Answer(HOOK_ERRORS.get(error, 400), error.encode(), text) if error else Answer(200, b"ok", text)
    if (asked.method, asked.path) != ("POST", "/api/chat.postMessage"):
        return Answer.json(200, {"ok": False, "error": "unknown_method"})
    error = _post_error(asked, said if is_json else None)
    if error or said is None:
        return Answer.json(200, {"ok": False, "error": error})
    return Answer.json(200, {"ok": True, "channel": "C024BE91L", "ts": "1401383885.000061", "message": said})


def _post_error(asked: Asked, said: dict[str, Any] | None) -> str:
    given = asked.headers.get("authorization")
    if given != f"Bearer {TOKEN}":
        return "not_authed" if given is None else "invalid_auth"
    if said is None:
        return "invalid_json"
    if said.get("channel") not in CHANNELS:
        return "channel_not_found"
    return _message_error(said)


def _hook_error(asked: Asked, said: dict[str, Any] | None) -> str:
    if asked.path != HOOK:
        return "no_service"
    if asked.method != "POST" or said is None or "authorization" in asked.headers:
        return "invalid_payload"
    return _message_error(said)


def _message_error(said: dict[str, Any]) -> str:
    if not isinstance(said.get("text"), str) or not said["text"]:
        return "no_text"
    if len(said["text"]) > 40_000:
        return "msg_too_long"
    blocks = said.get("blocks", [])
    return "" if len(blocks) <= 50 and all(map(_is_section, blocks)) else "invalid_blocks"


def _is_section(block: dict[str, Any]) -> bool:
    fields = block.get("fields", [])
    whole = [block["text"]] if "text" in block else []
    return (
        block.get("type") == "section"
        and bool(whole or fields)
        and len(fields) <= 10
        and all(_is_text(each, 3_000) for each in whole)
        and all(_is_text(each, 2_000) for each in fields)
    )


def _is_text(given: Any, longest: int) -> bool:
    return given.keys() == {"type", "text"} and given["type"] == "mrkdwn" and 1 <= len(given["text"]) <= longest
