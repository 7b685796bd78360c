"""Seals values that the database keeps but must not show, and finds them again without opening them.

A sealed value is AES-256-GCM under the first of the data keys: the key's id (8 bytes), a random nonce (12), the
ciphertext with its tag. It is bound to its place, `table.column:row id`, so that it opens nowhere else. A mark is an
HMAC-SHA256 under a key of its own for each purpose: equal values have equal marks, and without the key nobody can try
values out. Every data key opens and marks, so that one is retired only when nothing is sealed under it any more.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr

from app.core.config import Settings
from app.core.secret_keys import key_id

ID_BYTES = 8
NONCE_BYTES = 12
TAG_BYTES = 16


class Unsealable(ValueError):
    """A value that no data key opens at this place."""


class Vault:
    """The data keys of one environment: the first seals, all open and mark."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        texts = [key.get_secret_value() for key in keys]
        self._roots = [text.encode() for text in texts]
        self._sealing = bytes.fromhex(key_id(texts[0]))
        self._ring = {bytes.fromhex(key_id(text)): AESGCM(_derived(text.encode(), "seal")) for text in texts}

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.data_keys)

    def seal(self, value: bytes, place: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return self._sealing + nonce + self._ring[self._sealing].encrypt(nonce, value, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        """The value that was sealed for this place. Raises `Unsealable`."""
        key = self._ring.get(sealed[:ID_BYTES])
        if key is None or len(sealed) < ID_BYTES + NONCE_BYTES + TAG_BYTES:
            raise Unsealable("it was not sealed under a key of this ring")
        nonce, ciphertext = sealed[ID_BYTES : ID_BYTES + NONCE_BYTES], sealed[ID_BYTES + NONCE_BYTES :]
        try:
            return key.decrypt(nonce, ciphertext, place.encode())
        except InvalidTag:
            raise Unsealable("it was sealed for another place, or changed since") from None

    def marks(self, value: str, purpose: str) -> list[bytes]:
        """What to look a value up by: its mark under each key, of which the first is the one to store."""
        return [hmac.digest(_derived(root, f"mark:{purpose}"), value.encode(), hashlib.sha256) for root in self._roots]


def _derived(root: bytes, purpose: str) -> bytes:
    return hmac.digest(root, f"wriveted:data:{purpose}".encode(), hashlib.sha256)
