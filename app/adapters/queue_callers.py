"""Who may call the internal API: Google's queue and scheduler by OIDC, on a developer's machine the local deliverer.

https://docs.cloud.google.com/tasks/docs/creating-http-target-tasks. Anybody's Google service account can have a token
made for our audience: the e-mail address is what tells ours. The headers ``X-CloudTasks-…`` prove nothing.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from app.adapters.certificates import Certificates
from app.adapters.id_tokens import END_OF_TIME, opened
from app.core.config import Settings
from app.core.errors import Forbidden
from app.core.security import refusal

SKEW_SECONDS = 10
LONGEST_LIFETIME = 2 * 3600
LOCAL_LIFETIME = 60
LOCAL = "local-deliverer"

NumericDate = Annotated[float, Meta(ge=0, le=END_OF_TIME)]


class _Header(msgspec.Struct):
    alg: Literal["RS256"]
    kid: Annotated[str, Meta(min_length=1, max_length=256)]


class _Claims(msgspec.Struct):
    iss: Literal["accounts.google.com", "https://accounts.google.com"]
    aud: str
    sub: Annotated[str, Meta(min_length=1)]
    iat: NumericDate
    exp: NumericDate
    email: str = ""
    email_verified: bool = False


class GoogleCallers:
    """Verifies OIDC tokens of Google for our audience, and takes those of one service account."""

    def __init__(self, audience: str, email: str, certificates: Certificates) -> None:
        self._audience, self._email, self._certificates = audience, email, certificates

    async def verify(self, token: str) -> None:
        try:
            header = msgspec.convert(opened(token)[0], _Header)
        except Exception as fault:
            raise refusal() from fault
        if not await self._certificates.has(header.kid):
            raise refusal()
        try:
            claims = self._judged(token)
        except Exception as fault:
            raise refusal() from fault
        if claims.email != self._email or claims.email_verified is not True:
            raise Forbidden("Only the queue's own service account may call.", permission="deliver")

    async def close(self) -> None:
        await self._certificates.close()

    def _judged(self, token: str) -> _Claims:
        """The claims of a token; raises anything at all for one that is not good."""
        from google.auth import jwt

        verify: Any = jwt.decode
        verify(token, self._certificates.known, audience=self._audience, clock_skew_in_seconds=SKEW_SECONDS)
        claims, now = msgspec.convert(opened(token)[1], _Claims), time.time()
        if claims.aud != self._audience or not 0 < claims.exp - claims.iat <= LONGEST_LIFETIME:
            raise ValueError("another audience, or another lifetime than Google gives")
        if claims.iat > now + SKEW_SECONDS or claims.exp < now - SKEW_SECONDS:
            raise ValueError("not good now")
        return claims


class LocalCallers:
    """Signs for the local deliverer, and knows its tokens: ``local-deliverer.<until>.<HMAC-SHA256>``.

    The key is derived from the one that signs our tokens. Production takes Google's tokens alone.
    """

    def __init__(self, settings: Settings, *, clock: Callable[[], float] = time.time) -> None:
        self._key = settings.signing_key(LOCAL)
        self._clock = clock

    def sign(self) -> str:
        until = f"{LOCAL}.{int(self._clock()) + LOCAL_LIFETIME}"
        return f"{until}.{self._mark(until)}"

    async def verify(self, token: str) -> None:
        until, _, mark = token.rpartition(".")
        if not token.isascii() or not hmac.compare_digest(mark, self._mark(until)):
            raise refusal()
        if not 0 <= int(until.rpartition(".")[2]) - self._clock() <= LOCAL_LIFETIME:
            raise refusal()

    async def close(self) -> None:
        """Nothing is open."""

    def _mark(self, until: str) -> str:
        return hmac.digest(self._key, until.encode(), hashlib.sha256).hex()


def queue_callers(settings: Settings) -> GoogleCallers | LocalCallers:
    """Who may call under these settings: production has to name Google's account."""
    audience, email = settings.internal_audience, settings.internal_service_account
    if audience is not None and email is not None:
        return GoogleCallers(audience, email, Certificates(settings.internal_certificates_url))
    if settings.environment == "production":
        raise ValueError("production has to name the queue's service account")
    return LocalCallers(settings)
