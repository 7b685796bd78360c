"""API keys: how one is made, and how one is told from text that cannot be a key, without asking anybody.

A key is ``<environment>_<8 public>_<32 secret>``, such as ``wrlive_4fJq0ZtB_…``, in the 62 letters and digits of ASCII.
The last 6 of the secret are the CRC-32 of all that stands before them, so that a scanner knows a leaked key by itself
and a mistyped one costs no database. Only the SHA-256 of the secret is stored: 26 random characters need no slow hash.
"""

import hashlib
import re
import secrets
import string
import zlib
from typing import Literal, NamedTuple

import msgspec

from app.core.security import refusal

ENVIRONMENTS = {"production": "wrlive", "development": "wrdev", "test": "wrtest"}
ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
PUBLIC, RANDOM, CHECKSUM = 8, 26, 6
LENGTH = max(map(len, ENVIRONMENTS.values())) + PUBLIC + RANDOM + CHECKSUM + 2
SHAPE = re.compile(r"\A(wrlive|wrdev|wrtest)_([0-9A-Za-z]{8})_([0-9A-Za-z]{32})\Z")
SCANNED = r"\bwr(?:live|dev|test)_[0-9A-Za-z]{8}_[0-9A-Za-z]{32}\b"
"""What a secret scanner looks for."""
BEGINNING = "wr"
"""No token begins so: a token's first segment is a JSON object in base64url."""


class ApiKey(msgspec.Struct, frozen=True):
    """A key that somebody shows: well formed and of this environment; whether it exists, only the database knows."""

    public_id: str
    secret_hash: bytes
    kind: Literal["api-key"] = "api-key"

    @property
    def name(self) -> str:
        """How limits and last uses call it; it tells nothing secret."""
        return f"api_key:{self.public_id}"


class NewKey(NamedTuple):
    """A key that was just made: its text is shown once, the rest is stored."""

    text: str
    public_id: str
    secret_hash: bytes


class ApiKeys:
    """The keys of one environment."""

    def __init__(self, environment: str) -> None:
        self.environment = ENVIRONMENTS[environment]

    def make(self) -> NewKey:
        public_id = _random(PUBLIC)
        body = f"{self.environment}_{public_id}_{_random(RANDOM)}"
        text = body + checksum(body)
        return NewKey(text, public_id, _hash(text))

    def read(self, text: str) -> ApiKey:
        """What a key says, or the same refusal that a bad token gets."""
        match = SHAPE.match(text) if len(text) <= LENGTH else None
        if match is None or match[1] != self.environment or checksum(text[:-CHECKSUM]) != text[-CHECKSUM:]:
            raise refusal()
        return ApiKey(match[2], _hash(text))


def checksum(body: str) -> str:
    """The CRC-32 of the text in base 62, the highest digit first."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def _random(length: int) -> str:
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.rpartition("_")[2].encode()).digest()
