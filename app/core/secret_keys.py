"""Keys that sign tokens and seal data: their public names, and whether anybody could guess one."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise

KEY_BYTES = 32
KEY_ENTROPY_BITS = 118
PLACEHOLDERS = ("changeme", "change-me", "change_me", "replace", "example", "sample", "default")
SAMPLE_WORDS = (*PLACEHOLDERS, "secret", "passw", "insecure", "wriveted")
# The ids of keys that everybody knows: the tutorials of FastAPI and Flask, and RFC 7515, A.1.
PUBLISHED_KEYS = frozenset({"570dad43de1af4c9", "2598f7d6adc142d8", "8b1b17a9740c068a"})


def key_id(key: str) -> str:
    """The public name of a token key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def is_known_sample(key: str) -> bool:
    return key_id(key) in PUBLISHED_KEYS or any(word in key.lower() for word in SAMPLE_WORDS)


def can_be_guessed(key: str) -> bool:
    return entropy_bits(key) < KEY_ENTROPY_BITS or is_prose(key)


def entropy_bits(key: str) -> float:
    """An estimate: Shannon's entropy of the characters or the steps between, times what does not repeat."""

    def shannon(symbols: Iterable[object]) -> float:
        counts = Counter(symbols)
        return -sum(n / counts.total() * math.log2(n / counts.total()) for n in counts.values())

    steps = (ord(after) - ord(before) for before, after in pairwise(key))
    return min(shannon(key), shannon(steps)) * len({key[i : i + 3] for i in range(len(key) - 2)})


def is_prose(key: str) -> bool:
    return (key.islower() or key.isupper()) and not any(map(str.isdigit, key))
