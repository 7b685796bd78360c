"""The one way to other hosts.

Which host may be spoken to for what stands in `egress.yaml`. Every connection is made to an address that was resolved
here and found to be public, so that a name which points somewhere else a moment later leads nowhere; the certificate is
held to the name. Only https on 443, no redirect is followed, no proxy asked, nothing repeated, and an answer is bounded
in time and size. Development and tests may allow themselves http to a twin on this machine, which production refuses.
"""

import asyncio
import re
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpcore
import msgspec

from app.adapters.addresses import is_public_address
from app.core.config import Settings
from app.core.log import get_logger
from app.core.outside import NoAnswer, NotAllowed, Response
from app.core.urls import HOST_LABEL, is_public

CONNECT_SECONDS, TOTAL_SECONDS = 2.0, 10.0
MOST_ADDRESSES = 4
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE"})
URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]{1,253}|\[::1\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>[/?][!$%&'()*+,\-./0-9:;=?@A-Z_a-z~]*)?"
)
"""A URL as it may be asked for: one reading only. No user, no fragment, no blank, no backslash, no capital host."""
HEADER = re.compile(r"[A-Za-z0-9-]{1,64}")
VALUE = re.compile(r"[\x20-\x7e]{0,8192}")
OWN_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent"})
LOOPBACK = {"localhost": "127.0.0.1", "127.0.0.1": "127.0.0.1", "[::1]": "::1"}

Resolve = Callable[[str], Awaitable[Iterable[str]]]
"""The addresses of a name."""


class Purpose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of the register."""

    why: str
    hosts: tuple[str, ...] | Literal["public"]
    sends: tuple[str, ...]
    answer: int
    seconds: float | None = None


class Sent(NamedTuple):
    """What is told to whom: for a test that holds it to the register. Has credentials in it; never logged."""

    purpose: str
    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes


class Target(NamedTuple):
    scheme: str
    host: str
    port: int
    path: str


@lru_cache
def register() -> dict[str, Purpose]:
    """What `egress.yaml` says."""
    text = Path(__file__).with_suffix(".yaml").read_bytes()
    return msgspec.yaml.decode(text, type=dict[str, Purpose])


class Egress:
    """Speaks to other hosts, as `core/outside` describes it."""

    def __init__(
        self,
        settings: Settings,
        *,
        resolve: Resolve | None = None,
        backend: httpcore.AsyncNetworkBackend | None = None,
        certificates: ssl.SSLContext | None = None,
        recorder: Callable[[Sent], None] | None = None,
    ) -> None:
        self._loopback = settings.egress_loopback
        self._user_agent = f"wriveted-api (+{settings.egress_contact or settings.public_url})"
        self.recorder = recorder
        """Hears all that is told, before it is."""
        self._resolver = ThreadPoolExecutor(4, thread_name_prefix="resolve")
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=certificates,
            network_backend=_Checked(
                resolve or self._resolve, backend or httpcore.AnyIOBackend(), loopback=self._loopback
            ),
            max_connections=20,
            max_keepalive_connections=10,
            keepalive_expiry=5.0,
            http2=False,
            retries=0,
        )

    async def request(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Response:
        known = register().get(purpose)
        if known is None:
            raise NotAllowed("purpose")
        target = read_url(url, loopback=self._loopback)
        if target.host not in LOOPBACK and known.hosts != "public" and target.host not in known.hosts:
            raise NotAllowed("host")
        sent = _headers(method, headers or {}) | {"User-Agent": self._user_agent, "Accept-Encoding": "identity"}
        if self.recorder is not None:
            self.recorder(Sent(purpose, method, url, sent, content))
        started, told = time.monotonic(), {"kind": purpose, "method": method}
        try:
            response = await self._ask(method, target, sent, content, known)
        except (NotAllowed, NoAnswer) as refusal:
            get_logger().warning("egress.failed", **told, reason=refusal.reason, ms=_since(started))
            raise
        get_logger().debug("egress.answered", **told, status=response.status, ms=_since(started))
        return response

    async def close(self) -> None:
        await self._pool.aclose()
        self._resolver.shutdown(wait=False, cancel_futures=True)

    async def _ask(
        self, method: str, target: Target, headers: dict[str, str], content: bytes, known: Purpose
    ) -> Response:
        try:
            async with (
                asyncio.timeout(known.seconds or TOTAL_SECONDS),
                self._pool.stream(
                    method,
                    httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path),
                    headers=[("Host", _authority(target)), *headers.items()],
                    content=content,
                    extensions={"timeout": {"connect": CONNECT_SECONDS, "pool": CONNECT_SECONDS}},
                ) as answer,
            ):
                found = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
                return Response(answer.status, found, await _body(answer, found, known.answer) if known.answer else b"")
        except (TimeoutError, httpcore.TimeoutException):
            raise NoAnswer("timeout") from None
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol) as error:
            raise NoAnswer(type(error).__name__) from error

    async def _resolve(self, host: str) -> list[str]:
        import socket

        run = asyncio.get_running_loop().run_in_executor
        found = await run(self._resolver, lambda: socket.getaddrinfo(host, 443, type=socket.SOCK_STREAM))
        return [str(address[0]) for *_, address in found]


def read_url(url: str, *, loopback: bool = False) -> Target:
    """The parts of a URL that may be asked for, else `NotAllowed`. No address in any notation is a host."""
    parts = URL.fullmatch(url)
    if parts is None:
        raise NotAllowed("url")
    host, scheme = parts["host"], parts["scheme"]
    port = int(parts["port"] or (443 if scheme == "https" else 80))
    path = parts["target"] or "/"
    path = path if path.startswith("/") else f"/{path}"
    if loopback and host in LOOPBACK:
        return Target(scheme, host, port, path)
    if scheme != "https" or port != 443:
        raise NotAllowed("scheme" if scheme != "https" else "port")
    if not is_public(host) or not all(map(HOST_LABEL.fullmatch, host.split("."))):
        raise NotAllowed("host")
    return Target(scheme, host, port, path)


class _Checked(httpcore.AsyncNetworkBackend):
    """Makes every connection: resolves a name once, checks all its addresses, and connects to one of those."""

    def __init__(self, resolve: Resolve, backend: httpcore.AsyncNetworkBackend, *, loopback: bool) -> None:
        self._resolve = resolve
        self._backend = backend
        self._loopback = loopback

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's own name
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        twin = LOOPBACK.get(f"[{host}]" if ":" in host else host) if self._loopback else None
        addresses = [twin] if twin is not None else await self._public(host)
        failure: Exception = NoAnswer("no_address")
        async with asyncio.timeout(CONNECT_SECONDS):
            for address in addresses[:MOST_ADDRESSES]:
                try:
                    return await self._backend.connect_tcp(address, port, timeout, local_address, socket_options)
                except (OSError, httpcore.NetworkError) as error:
                    failure = error
        raise failure

    async def _public(self, host: str) -> list[str]:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                addresses = list(dict.fromkeys(await self._resolve(host)))
        except (OSError, UnicodeError) as error:
            raise NoAnswer("unknown_host" if not isinstance(error, TimeoutError) else "timeout") from None
        if not all(map(is_public_address, addresses)):
            raise NotAllowed("address")
        return addresses

    async def connect_unix_socket(self, path: str, *_: Any, **__: Any) -> httpcore.AsyncNetworkStream:
        raise NotAllowed("scheme")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _headers(method: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers to send, if none could end its line or say what only the client says."""
    if method not in METHODS:
        raise NotAllowed("method")
    for name, value in headers.items():
        if not HEADER.fullmatch(name) or not VALUE.fullmatch(value) or name.lower() in OWN_HEADERS:
            raise NotAllowed("header")
    return dict(headers)


def _since(started: float) -> int:
    return round((time.monotonic() - started) * 1000)


def _authority(target: Target) -> str:
    usual = {"https": 443, "http": 80}[target.scheme]
    return target.host if target.port == usual else f"{target.host}:{target.port}"


async def _body(answer: httpcore.Response, headers: Mapping[str, str], largest: int) -> bytes:
    if headers.get("content-encoding", "identity") != "identity":
        raise NoAnswer("encoded")
    body = bytearray()
    async for chunk in answer.aiter_stream():
        body += chunk
        if len(body) > largest:
            raise NoAnswer("too_large")
    return bytes(body)
