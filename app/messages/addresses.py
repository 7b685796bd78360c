"""Addresses: how they are recognised without being kept, and the links by which they unsubscribe."""

import base64
import binascii
import hmac
import re
from typing import NamedTuple

from app.core.sealing import Vault
from app.messages.models import Category

PURPOSE = "e-mail address"
SIGNING = "unsubscribe link"
MARK_BYTES = 32
SIGNATURE_BYTES = 16
MOST_BYTES = 254
CATEGORIES = tuple(Category)
"""A link says a category by its place here: new ones come last."""
_ONE = re.compile(r"\A[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+@[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]+\Z")


class Subscription(NamedTuple):
    """Whose e-mail of which category."""

    mark: bytes
    category: Category


def is_address(text: str) -> bool:
    """Whether a text is one plain address, of a length that a mail server takes, and nothing besides."""
    return len(text.encode()) <= MOST_BYTES and _ONE.match(text) is not None


def marks_of(vault: Vault, address: str) -> list[bytes]:
    """What an address is known by: the first is the one to store."""
    return vault.marks(address.strip().lower(), PURPOSE)


def token_of(vault: Vault, address: str, category: Category) -> str:
    """What the link to unsubscribe from a category ends in. It tells nobody the address, and stays good."""
    said = marks_of(vault, address)[0] + bytes([CATEGORIES.index(category)])
    signed = said + vault.marks(said.hex(), SIGNING)[0][:SIGNATURE_BYTES]
    return _encoded(signed)


def _encoded(signed: bytes) -> str:
    return base64.urlsafe_b64encode(signed).rstrip(b"=").decode()


def read_token(vault: Vault, token: str) -> Subscription | None:
    """Whom a link unsubscribes from what; None for one that this service did not make."""
    try:
        signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        return None
    if _encoded(signed) != token:
        return None
    said, signature = signed[: MARK_BYTES + 1], signed[MARK_BYTES + 1 :]
    good = [mark[:SIGNATURE_BYTES] for mark in vault.marks(said.hex(), SIGNING)]
    if not any(hmac.compare_digest(signature, each) for each in good) or said[MARK_BYTES] >= len(CATEGORIES):
        return None
    return Subscription(said[:MARK_BYTES], CATEGORIES[said[MARK_BYTES]])
