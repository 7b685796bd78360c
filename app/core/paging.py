"""Pages of a list: ``skip`` and ``limit`` for today's clients, signed keyset cursors beside them.

A cursor is bound to its caller, its address and its filters, and expires after a day; any other use of it is a 400.
"""

import base64
import binascii
import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

import msgspec
from fastapi import Depends, Query, Request, Response

from app.core.errors import InvalidCursor
from app.core.schemas import DEFAULT_LIMIT, MAX_LIMIT, MAX_SKIP, Pagination

CURSOR_LIFETIME = 24 * 3600
SIGNATURE_BYTES = 16
NOT_A_FILTER = frozenset({"cursor", "skip", "limit"})


@dataclass(frozen=True, slots=True)
class Paging:
    """Which page is asked for. ``after`` is the sort key of the last row seen, or None for the first page."""

    skip: int
    limit: int
    after: tuple[Any, ...] | None
    _request: Request
    _response: Response
    headers: dict[str, str] = field(default_factory=dict)

    def offer_next(self, number: int, last: tuple[Any, ...] | None) -> None:
        """Name the next page in ``Link: …; rel="next"`` if this one of ``number`` rows is full. ``last`` is the sort
        key of its last row. Doors that answer with a response of their own hand it ``headers``."""
        if last is None or number < self.limit:
            return
        query = [(name, value) for name, value in self._request.query_params.multi_items() if name not in NOT_A_FILTER]
        query += [("limit", str(self.limit)), ("cursor", _seal(self._request, last))]
        self.headers["Link"] = self._response.headers["Link"] = (
            f'<{self._request.url.path}?{urlencode(query)}>; rel="next"'
        )

    def describe(self, total: int | None) -> Pagination:
        return Pagination(skip=self.skip, limit=self.limit, total=total, page=self.skip // self.limit + 1)


async def get_paging(
    request: Request,
    response: Response,
    skip: Annotated[int, Query(ge=0, le=MAX_SKIP, description="Rows to leave out; beyond the bound use `cursor`.")] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows in a page.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=1_000, description='From the last page\'s `Link: …; rel="next"`.')
    ] = None,
) -> Paging:
    after = None if cursor is None else _open(request, cursor)
    return Paging(0 if after else skip, limit, after, request, response)


Pages = Annotated[Paging, Depends(get_paging)]
"""Name it after the caller in a door's signature: a cursor belongs to who got it."""


def _seal(request: Request, key: tuple[Any, ...]) -> str:
    payload = msgspec.json.encode((round(time.time()) + CURSOR_LIFETIME, key))
    return base64.urlsafe_b64encode(_signature(request, payload) + payload).rstrip(b"=").decode()


def _open(request: Request, cursor: str) -> tuple[Any, ...]:
    try:
        sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        signature, payload = sealed[:SIGNATURE_BYTES], sealed[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _signature(request, payload)):
            raise InvalidCursor
        if base64.urlsafe_b64encode(sealed).rstrip(b"=").decode() != cursor:
            raise InvalidCursor
        expires, key = msgspec.json.decode(payload, type=tuple[int, tuple[Any, ...]])
    except (ValueError, binascii.Error, msgspec.MsgspecError):
        raise InvalidCursor from None
    if expires < time.time():
        raise InvalidCursor("The cursor has expired.")
    return key


def _signature(request: Request, payload: bytes) -> bytes:
    account = getattr(request.state, "account", None)
    filters = sorted((n, v) for n, v in request.query_params.multi_items() if n not in NOT_A_FILTER)
    bound = msgspec.json.encode((account.subject if account else "", request.url.path, filters))
    key: bytes = request.app.state.settings.signing_key("cursor")
    return hmac.new(key, bound + b"\n" + payload, hashlib.sha256).digest()[:SIGNATURE_BYTES]
