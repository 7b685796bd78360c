"""How a request comes in: `Door` is the route class of every router.

It reads the body before anything else happens, under the limit of its route, so that no connection to the
database waits for a slow sender. Ordinary doors get one strict kind of JSON, bulk doors the plain bytes.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from typing import Annotated, Any, TypeAlias, TypeVar, cast, get_args, get_origin

from fastapi import Depends, Request
from fastapi.datastructures import DefaultPlaceholder
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Form, Query
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Message, Receive

from app.core.errors import FieldError, Invalid, TooLarge, pointer
from app.core.guards import is_guarded, read_credential
from app.core.protocol_errors import RequestTimeout, UnsupportedMedia
from app.core.strict_json import parse_json

MAX_QUERY_PARAMETERS = 50
SLOWEST_BYTES_PER_SECOND = 8 * 1024
BODY = "app.body"
JSON = "application/json"
UTF_8 = frozenset({"", "utf-8", "utf8", "us-ascii"})

Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]
BeforeCommit: TypeAlias = Callable[[Response], Awaitable[None]]
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])


class Body:
    """The ASGI `receive` of one request: counts the bytes, and cuts a sender who pauses or dribbles.

    A pause may last `idle` seconds, and so may a rate below 8 KiB/s: one byte a second is cut after `idle`.
    """

    __slots__ = ("_complete", "_deadline", "_receive", "bulk_limit", "declared", "idle", "limit", "received")

    def __init__(self, receive: Receive, *, declared: int | None, limit: int, bulk_limit: int, idle: float) -> None:
        self._receive = receive
        self._deadline = asyncio.get_running_loop().time() + idle
        self.declared = declared
        self.limit = limit
        self.bulk_limit = bulk_limit
        self.idle = idle
        self.received = 0
        self._complete = False

    async def __call__(self) -> Message:
        if self._complete:
            return await self._receive()
        pause_ends = asyncio.get_running_loop().time() + self.idle
        try:
            async with asyncio.timeout_at(min(pause_ends, self._deadline)):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout(headers={"Connection": "close"}) from None
        if message["type"] == "http.request":
            size = len(message.get("body", b""))
            self.received += size
            self._deadline += size / SLOWEST_BYTES_PER_SECOND
            self.check(self.received)
            self._complete = not message.get("more_body", False)
        return message

    def check(self, size: int) -> None:
        if size > self.limit:
            raise TooLarge(
                f"This operation takes at most {self.limit} bytes.",
                limit_bytes=self.limit,
                headers={"Connection": "close"},
            )

    async def read(self) -> bytearray:
        """The whole body in one piece of memory."""
        self.check(self.declared or 0)
        body = bytearray()
        while True:
            message = await self()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            body += message.get("body", b"")
            if not message.get("more_body", False):
                return body


def bulk(*media_types: str, limit: int | None = None) -> Callable[[Endpoint], Endpoint]:
    """Mark a bulk door, under the route decorator: it takes `media_types` (JSON unless said), as `RawBody`.

    Its body may have `limit` bytes, or `settings.max_bulk_body`; it is handed over as bytes, not parsed.
    """

    def mark(endpoint: Endpoint) -> Endpoint:
        vars(endpoint)["bulk"] = (media_types or (JSON,), limit)
        return endpoint

    return mark


async def raw_body(request: Request) -> bytes:
    """The bytes of a bulk door's body (a `bytearray`, in truth: that saves a copy of 16 MiB)."""
    return await request.body()


RawBody = Annotated[bytes, Depends(raw_body)]


def before_commit(request: Request, callback: BeforeCommit) -> None:
    """Have `callback` see the response inside the transaction: after it is built, before the commit."""
    request.scope.setdefault("state", {}).setdefault("before_commit", []).append(callback)


class Door(APIRoute):
    """A route of ours: strict input, and the callbacks of `before_commit` between response and commit."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if isinstance(options.get("generate_unique_id_function"), DefaultPlaceholder | None):
            options["generate_unique_id_function"] = operation_name
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        handle = super().get_route_handler()
        repeatable = frozenset(_list_parameters(self))
        parses = self.body_field is not None and not isinstance(self.body_field.field_info, Form)
        media_types, limit = vars(self.endpoint).get("bulk", (None, None))
        guarded = is_guarded(self.dependant)

        async def answer(request: Request) -> Response:
            scope = request.scope
            if scope["query_string"]:
                check_query(request, repeatable)
            if "\0" in scope["path"]:
                raise Invalid(errors=[FieldError("/path", "null_character", "A path holds no NUL character.")])
            body: Body | None = scope.get(BODY)
            if body is not None and media_types:
                body.limit = limit or body.bulk_limit
                request = await _received(request, body, media_types)
            elif body is not None and parses:
                request = await _received(request, body, (JSON,))
                request.parse()
            if guarded:
                await read_credential(request)
            response = await handle(request)
            for callback in scope.get("state", {}).get("before_commit", ()):
                await callback(response)
            return response

        return answer


class _Received(Request):
    """A request whose body is here, and parsed once `parse` was called."""

    def __init__(self, request: Request, body: bytearray) -> None:
        super().__init__(request.scope, request.receive)
        self._body = cast(bytes, body)

    def parse(self) -> None:
        self._document = parse_json(self._body) if self._body else None

    async def json(self) -> Any:
        return self._document


async def _received(request: Request, body: Body, media_types: tuple[str, ...]) -> _Received:
    body.check(body.declared or 0)
    if body.declared:
        _check_media_type(request, media_types)
    content = await body.read()
    if content and not body.declared:
        _check_media_type(request, media_types)
    return _Received(request, content)


def _check_media_type(request: Request, media_types: tuple[str, ...]) -> None:
    given, _, parameters = request.headers.get("content-type", "").lower().replace(" ", "").partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip('"')
    is_json = given == JSON or (given.startswith("application/") and given.endswith("+json"))
    if not (given in media_types or (is_json and JSON in media_types)) or (is_json and charset not in UTF_8):
        raise UnsupportedMedia(f"Content-Type has to be {' or '.join(media_types)}, in UTF-8.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMedia("Send the body without a Content-Encoding.")


def check_query(request: Request, repeatable: frozenset[str] = frozenset()) -> None:
    """Refuse what a query may not be: too many parameters, a NUL, twice a parameter that has one value."""
    pairs = request.query_params.multi_items()
    if len(pairs) > MAX_QUERY_PARAMETERS:
        raise Invalid(f"A query has at most {MAX_QUERY_PARAMETERS} parameters.")
    names = [name for name, _ in pairs]
    faults = [
        FieldError(pointer("query", name), "null_character", "Text holds no NUL character.")
        for name, value in pairs
        if "\0" in name or "\0" in value
    ]
    faults += [
        FieldError(pointer("query", name), "duplicate_parameter", "Give this parameter once.")
        for name in dict.fromkeys(names)
        if name not in repeatable and names.count(name) > 1
    ]
    if faults:
        raise Invalid(errors=faults)


def _list_parameters(route: APIRoute) -> Iterator[str]:
    for field in get_flat_params(route.dependant):
        annotation = field.field_info.annotation
        origins = {get_origin(part) for part in (annotation, *get_args(annotation))}
        if isinstance(field.field_info, Query) and origins & {list, set, tuple, frozenset}:
            yield field.alias


def operation_name(route: APIRoute) -> str:
    """The operationId: the router's first tag and the function's name, such as `collections_update_items`."""
    tag = str(route.tags[0]).lower().replace(" ", "_").replace("-", "_") if route.tags else ""
    return f"{tag}_{route.name}" if tag else route.name
