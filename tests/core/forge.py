"""Makes access tokens, true and wrong ones, without jose: they are put together by hand, from bytes."""

import base64
import hmac
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.secret_keys import key_id

SOMEBODY = UUID("6f1d4c0e-8d5b-4b53-9a27-3c1f3f0f7a11")
SUBJECT = f"wriveted:user-account:{SOMEBODY}"
MISSING: Any = object()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def as_json(value: object) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Forge:
    """Makes tokens with the true key, for the true parties, except for what it is told to do otherwise."""

    key: bytes
    issuer: str
    audience: str
    now: float

    @property
    def header(self) -> dict[str, Any]:
        return {"alg": "HS256", "kid": key_id(self.key.decode()), "typ": "at+jwt"}

    @property
    def payload(self) -> dict[str, Any]:
        return {
            "iss": self.issuer,
            "aud": self.audience,
            "sub": SUBJECT,
            "jti": "3f2b8a0c9d7e4f61",
            "iat": self.now - 60,
            "exp": self.now + 3600,
        }

    def token(
        self,
        *,
        header: object = None,
        payload: object = None,
        key: bytes | None = None,
        digest: str = "sha256",
    ) -> str:
        """A signed token; `header` and `payload` are bytes or JSON values in place of the true ones."""
        signed = f"{b64(as_json(header or self.header))}.{b64(as_json(payload or self.payload))}"
        return self.sealed(signed, key, digest)

    def sealed(self, signed: str, key: bytes | None = None, digest: str = "sha256") -> str:
        return f"{signed}.{b64(hmac.digest(self.key if key is None else key, _bytes(signed), digest))}"

    def heading(self, key: bytes | None = None, **changes: object) -> str:
        """A token with members of the header changed, added or (`MISSING`) left out."""
        return self.token(header=_changed(self.header, changes), key=key)

    def claiming(self, **changes: object) -> str:
        """The same for claims."""
        return self.token(payload=_changed(self.payload, changes))

    def spelling(self, claim: str, raw: str) -> str:
        """A token whose one claim is spelled in raw JSON."""
        rest = as_json(_changed(self.payload, {claim: MISSING})).decode()
        return self.token(payload=f'{rest[:-1]},"{claim}":{raw}}}'.encode())


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


def _changed(members: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in (members | changes).items() if value is not MISSING}
