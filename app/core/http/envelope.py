"""What surrounds every request, in one plain ASGI middleware: id, limits, headers, last resort, log line."""

import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import log
from app.core.config import Settings
from app.core.errors import Malformed, TooLarge
from app.core.http.problems import answer
from app.core.http.refusals import tell
from app.core.protocol_errors import HeadersTooLarge, UrlTooLong
from app.core.requests import BODY, Body

Header: TypeAlias = tuple[bytes, bytes]
Observe: TypeAlias = Callable[[str, str, int, float], None]
"""Is told of every request: its method, route template, status and seconds."""

CLOSED_BY_CLIENT = 499
WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})
SECURITY: tuple[Header, ...] = (
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"()"),
)
UNLESS_SET: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
VARIES: Header = (b"vary", b"Origin")
ASKED = "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, X-Request-ID"
SHOWN = "ETag, Idempotent-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, X-Request-ID"
PREFLIGHT = Response(
    status_code=204,
    headers={
        "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE",
        "Access-Control-Allow-Headers": ASKED,
        "Access-Control-Max-Age": "600",
    },
)

_names_unless_set = frozenset(name for name, _ in UNLESS_SET)
_client_request_id = re.compile(rb"[0-9a-f-]{8,64}")


class Envelope:
    """The outermost middleware: nothing raised inside leaves it, and no answer without its headers."""

    def __init__(self, app: ASGIApp, settings: Settings, *, observe: Observe | None = None) -> None:
        self.app = app
        self.observe = observe
        self.public_url = settings.public_url
        self.max_head = int(settings.max_header)
        self.max_url = int(settings.max_url)
        self.max_body = int(settings.max_body)
        self.max_bulk_body = int(settings.max_bulk_body)
        self.idle = settings.body_idle_timeout
        self.origins = {origin.encode(): _allowing(origin) for origin in settings.cors_origins}
        self.process = secrets.token_hex(8)
        self.requests = itertools.count(1)
        self.logs = logging.getLevelName(settings.log_level) <= logging.INFO

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        state = self._state(scope, headers)
        cors = self.origins.get(headers.get(b"origin", b""), ())
        status = size = 0
        body: Body | None = None

        async def reply(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = self._headers(message["headers"], state, cors)
            else:
                size += len(message.get("body", b""))
            await send(message)

        try:
            self._check_head(scope)
            body = scope[BODY] = self._body(scope, headers, receive)
            if cors and scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                await PREFLIGHT(scope, receive, reply)
            else:
                await self.app(scope, body or receive, reply)
        except ClientDisconnect:
            status = status or CLOSED_BY_CLIENT
        except Exception as error:  # noqa: BLE001  the last resort: the caller gets a problem, whatever it was
            response = answer(scope, error, self.public_url)
            await tell(scope, error)
            if not status:
                await response(scope, receive, reply)
        finally:
            if self.observe is not None:
                route = getattr(scope.get("route"), "path_format", "none")
                self.observe(scope["method"], route, status, time.perf_counter() - started)
            if self.logs:
                _log(scope, state, status, started, body.received if body else 0, size)

    def _state(self, scope: Scope, headers: dict[bytes, bytes]) -> dict[str, Any]:
        """The request's state, with its id, which the log gets too: the client's own if it is one, else our next."""
        given = headers.get(b"x-request-id")
        if given is not None and _client_request_id.fullmatch(given):
            request_id = given.decode()
        else:
            request_id = f"{self.process}{next(self.requests):016x}"
        log.request_id.set(request_id)
        state: dict[str, Any] = scope.setdefault("state", {})
        state["request_id"] = request_id
        return state

    def _check_head(self, scope: Scope) -> None:
        if len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"]) > self.max_url:
            raise UrlTooLong(f"A URL has at most {self.max_url} bytes.", headers={"Connection": "close"})
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self.max_head:
            raise HeadersTooLarge(
                f"Headers have at most {self.max_head} bytes together.", headers={"Connection": "close"}
            )

    def _body(self, scope: Scope, headers: dict[bytes, bytes], receive: Receive) -> Body | None:
        """The counted body; None where there is none. What no door takes is refused before it is read."""
        length = headers.get(b"content-length")
        if length is None:
            if scope["method"] in WITHOUT_BODY and b"transfer-encoding" not in headers:
                return None
        elif not length.isdigit():
            raise Malformed("Content-Length has to be a number.", headers={"Connection": "close"})
        elif len(length) > 18 or int(length) > self.max_bulk_body:
            raise TooLarge(limit_bytes=self.max_bulk_body, headers={"Connection": "close"})
        return Body(
            receive,
            declared=None if length is None else int(length),
            limit=self.max_body,
            bulk_limit=self.max_bulk_body,
            idle=self.idle,
        )

    def _headers(self, own: Iterable[Header], state: dict[str, Any], cors: Iterable[Header]) -> list[Header]:
        headers = [*own, *SECURITY, (b"x-request-id", state["request_id"].encode()), *cors]
        names = {name for name, _ in own}
        if names.isdisjoint(_names_unless_set):
            headers += UNLESS_SET
        else:
            headers += [header for header in UNLESS_SET if header[0] not in names]
        if self.origins:
            headers.append(VARIES)
        allowance = state.get("allowance")
        if allowance is not None and b"ratelimit" not in names:
            headers += [(name.lower().encode(), value.encode()) for name, value in allowance.headers.items()]
        return headers


def _allowing(origin: str) -> tuple[Header, ...]:
    """CORS for one exact origin: without credentials, for bearer tokens are not ambient."""
    return (
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", SHOWN.encode()),
    )


def _log(scope: Scope, state: dict[str, Any], status: int, started: float, received: int, sent: int) -> None:
    account = state.get("account")
    log.write(
        log.RequestLine(
            log.now(),
            "request",
            "info",
            scope["method"],
            getattr(scope.get("route"), "path_format", None),
            status,
            round((time.perf_counter() - started) * 1000, 2),
            state["request_id"],
            None if account is None else account.subject,
            received,
            sent,
        )
    )
