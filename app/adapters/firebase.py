"""Firebase Authentication, through Google's own library.

firebase-admin verifies the tokens and looks accounts up, with two things of ours in its sessions: the certificates that
it asks for come out of our memory, and a look-up ends in time. Its branch for an emulator, which verifies nothing, is
never taken.
"""

import asyncio
import io
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec

from app.adapters.certificates import Certificates, Clock
from app.adapters.id_tokens import SKEW_SECONDS, checked, proof_of, read
from app.core.config import ACCOUNTS, CERTIFICATES, Settings
from app.core.errors import Unavailable
from app.core.log import get_logger
from app.sign_in.proof import IdTokenExpired, IdTokenInvalid, IdTokenRevoked, Proof, ProviderAccountDisabled

EMULATOR = "FIREBASE_AUTH_EMULATOR_HOST"
CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS = 2.0, 3.0, 5.0
LARGEST = 1024 * 1024
WORKERS = 4
PAUSE_AFTER_FAILURE = 10
"""Seconds in which no account is looked up after a look-up that failed: who signs in is told at once."""


class Firebase:
    """Verifies ID tokens of the project that the settings name."""

    def __init__(self, settings: Settings, *, clock: Clock = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._certificates = Certificates(settings.firebase_certificates_url, clock=clock)
        self._threads = ThreadPoolExecutor(WORKERS, thread_name_prefix="firebase")
        self._building = threading.Lock()
        self._built: Any = None
        self._next_lookup = float("-inf")

    async def verify(self, token: str) -> Proof:
        header, _ = read(token, self._settings, datetime.now(UTC))
        if header.alg != "RS256" or not header.kid or not await self._certificates.has(header.kid):
            raise IdTokenInvalid
        claims = await self._verified(token)
        return proof_of(token, checked(claims, self._settings, datetime.now(UTC)), self._settings)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        await self._certificates.close()

    async def _verified(self, token: str) -> dict[str, Any]:
        """The claims of a token, off the event loop, and within a time that does not depend on Google."""
        run = asyncio.get_running_loop().run_in_executor
        await run(self._threads, _load)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                return await run(self._threads, self._judged, token)
        except TimeoutError:
            self._next_lookup = self._clock() + PAUSE_AFTER_FAILURE
            raise Unavailable("The provider does not answer.", retry_after=PAUSE_AFTER_FAILURE) from None

    def _judged(self, token: str) -> dict[str, Any]:
        from firebase_admin import auth

        _refuse_emulation()
        try:
            claims: dict[str, Any] = self._client().verify_id_token(token, clock_skew_seconds=SKEW_SECONDS)
        except auth.ExpiredIdTokenError as error:
            raise IdTokenExpired from error
        except Exception as error:  # whatever is wrong with a token, its sender learns no more than that
            raise IdTokenInvalid from error
        if self._settings.firebase_check_revoked:
            self._look_up(token)
        return claims

    def _look_up(self, token: str) -> None:
        """Refuse a token whose account is disabled, deleted or signed out everywhere, as of now."""
        from firebase_admin import auth

        if self._clock() < self._next_lookup:
            raise Unavailable("The provider cannot be asked for now.", retry_after=PAUSE_AFTER_FAILURE)
        try:
            self._client().verify_id_token(token, check_revoked=True, clock_skew_seconds=SKEW_SECONDS)
        except auth.RevokedIdTokenError as error:
            raise IdTokenRevoked from error
        except (auth.UserDisabledError, auth.UserNotFoundError) as error:
            raise ProviderAccountDisabled from error
        except Exception as error:
            get_logger().warning("accounts_lookup.unavailable", exc_info=error)
            self._next_lookup = self._clock() + PAUSE_AFTER_FAILURE
            raise Unavailable("The provider cannot be asked.", retry_after=PAUSE_AFTER_FAILURE) from error

    def _client(self) -> Any:
        with self._building:
            if self._built is None:
                self._built = _client(self._settings, self._certificates)
            return self._built


def _load() -> None:
    """Import the vendor's libraries, which takes a moment the first time."""
    import firebase_admin.auth  # noqa: F401


def _refuse_emulation() -> None:
    if os.environ.get(EMULATOR):
        raise Unavailable(f"{EMULATOR} is set, so that nothing can be verified.", retry_after=60)


def _client(settings: Settings, certificates: Certificates) -> Any:
    """Google's client, with our certificates and our patience."""
    import firebase_admin
    from firebase_admin import auth

    _refuse_emulation()
    options = {"projectId": settings.firebase_project_id, "httpTimeout": READ_SECONDS}
    client = auth.Client(firebase_admin.App("wriveted", _credential(settings), options))
    session = client._token_verifier.request.session
    session.trust_env = False
    session.mount(CERTIFICATES, _from_memory(certificates))
    accounts = client._user_manager.http_client.session
    accounts.trust_env = False
    accounts.mount(ACCOUNTS, _in_time(settings.firebase_accounts_url))
    return client


def _credential(settings: Settings) -> Any:
    """Application Default Credentials where accounts are looked up at Google; elsewhere none is needed."""
    from firebase_admin import credentials
    from google.auth.credentials import AnonymousCredentials

    if settings.firebase_check_revoked and settings.firebase_accounts_url == ACCOUNTS:
        return credentials.ApplicationDefault()

    class Nobody(credentials.Base):  # type: ignore[misc]
        def get_credential(self) -> Any:
            return AnonymousCredentials()  # type: ignore[no-untyped-call]

    return Nobody()


def _from_memory(certificates: Certificates) -> Any:
    """A transport that answers with the certificates that we keep, and asks nobody."""
    from requests import Response
    from requests.adapters import BaseAdapter

    class FromMemory(BaseAdapter):
        def send(self, request: Any, *_: Any, **__: Any) -> Response:
            response = Response()
            response.status_code = 200
            response.request, response.url = request, request.url
            response.raw = io.BytesIO(msgspec.json.encode(certificates.known))
            return response

        def close(self) -> None:
            pass

    return FromMemory()


def _in_time(address: str) -> Any:
    """A transport to the address where accounts are looked up, which tries once and gives up within seconds."""
    from requests import Response
    from requests.adapters import HTTPAdapter
    from requests.exceptions import ReadTimeout

    class InTime(HTTPAdapter):
        def send(self, request: Any, *_: Any, **__: Any) -> Response:
            ends = time.monotonic() + TOTAL_SECONDS
            request.url = request.url.replace(ACCOUNTS, address, 1)
            response = super().send(request, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
            body = bytearray()
            while chunk := response.raw.read1(LARGEST, decode_content=True):
                body += chunk
                if time.monotonic() > ends or len(body) > LARGEST:
                    raise ReadTimeout("an answer without an end")
            response.raw.release_conn()
            response.raw = io.BytesIO(body)
            return response

    return InTime()
