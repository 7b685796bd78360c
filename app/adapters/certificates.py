"""Google's certificates, kept: signing in goes on for hours while Google cannot be reached."""

import asyncio
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.x509 import load_pem_x509_certificate

from app.core.errors import Unavailable
from app.core.log import get_logger

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS, FETCH_SECONDS = 2.0, 5.0
LARGEST = 256 * 1024
SHORTEST_AGE, USUAL_AGE, LONGEST_AGE = 300, 3600, 24 * 3600
GRACE_SECONDS = 8 * 3600
"""How long certificates are good beyond the age that Google gave them, if it cannot be asked for newer ones."""
PAUSE_SECONDS, PAUSE_AFTER_FAILURE = 60, 15
"""Between two fetches, whoever asks: a token may name any key that does not exist."""
LEAST_KEY_BITS = 2048

Clock = Callable[[], float]


class Certificates:
    """The certificates at an address, by key id, each a PEM of an RSA key. Nothing is fetched before it is needed."""

    def __init__(self, url: str, *, clock: Clock = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._known: dict[str, str] = {}
        self._fresh_until = self._usable_until = self._next_fetch = float("-inf")
        self._failed = False
        self._fetching: asyncio.Task[None] | None = None

    @property
    def known(self) -> dict[str, str]:
        """Those that are good now. Never changed in place, so that a thread may read it."""
        return self._known if self._clock() < self._usable_until else {}

    async def has(self, key_id: str) -> bool:
        """Whether there is such a key. `Unavailable` if that cannot be told for now.

        A key that is known is good at once; when its age asks for it, newer ones are fetched meanwhile.
        """
        if key_id not in self.known:
            await self._fetched()
            if key_id not in self.known and self._failed:
                raise Unavailable("The provider's certificates cannot be fetched.", retry_after=self._pause())
        elif self._clock() >= self._fresh_until:
            self._begin_to_fetch()
        return key_id in self.known

    async def close(self) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _pause(self) -> int:
        return max(1, round(self._next_fetch - self._clock()))

    async def _fetched(self) -> None:
        """Return when newer ones are here, or cannot be had: one fetch for all who wait."""
        self._begin_to_fetch()
        if self._fetching is not None:
            await asyncio.shield(self._fetching)

    def _begin_to_fetch(self) -> None:
        if self._fetching is None and self._clock() >= self._next_fetch:
            self._fetching = asyncio.create_task(self._fetch())

    async def _fetch(self) -> None:
        import httpx

        try:
            async with asyncio.timeout(FETCH_SECONDS):
                found, age = await _download(self._url)
        except (httpx.HTTPError, OSError, ValueError, UnsupportedAlgorithm, msgspec.MsgspecError) as error:
            get_logger().warning("certificates.unavailable", exc_info=error)
            self._failed, self._next_fetch = True, self._clock() + PAUSE_AFTER_FAILURE
        else:
            now = self._clock()
            self._known, self._failed, self._next_fetch = found, False, now + PAUSE_SECONDS
            self._fresh_until, self._usable_until = now + age, now + age + GRACE_SECONDS
        finally:
            self._fetching = None


async def _download(url: str) -> tuple[dict[str, str], int]:
    """The certificates, and for how many seconds they are good."""
    import httpx

    timeout = httpx.Timeout(FETCH_SECONDS, connect=CONNECT_SECONDS)
    async with (
        httpx.AsyncClient(timeout=timeout, trust_env=False, headers={"Accept-Encoding": "identity"}) as client,
        client.stream("GET", url) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise ValueError("not an answer with certificates")
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LARGEST:
                raise ValueError("too large for certificates")
    found = {key_id: pem for key_id, pem in msgspec.json.decode(body, type=dict[str, str]).items() if _is_rsa(pem)}
    if not found:
        raise ValueError("no certificate among them")
    return found, _age(response)


def _is_rsa(pem: str) -> bool:
    key = load_pem_x509_certificate(pem.encode()).public_key()
    return isinstance(key, RSAPublicKey) and key.key_size >= LEAST_KEY_BITS


def _age(response: "httpx.Response") -> int:
    given = re.search(r"\bmax-age=(\d{1,9})\b", response.headers.get("cache-control", ""))
    passed = re.fullmatch(r"\d{1,9}", response.headers.get("age", ""))
    age = (int(given[1]) if given else USUAL_AGE) - (int(passed[0]) if passed else 0)
    return min(max(age, SHORTEST_AGE), LONGEST_AGE)
