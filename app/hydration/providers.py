"""Providers of book data, as this domain sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from app.books.schemas import EditionCreateIn

Raw: TypeAlias = dict[str, Any]
"""An answer about one ISBN as it was told, in JSON's own types."""


class ProviderFailed(Exception):
    """The provider is down, too slow, or answers nonsense; `reason` is a code."""

    def __init__(self, provider: str, reason: str) -> None:
        super().__init__(f"{provider}: {reason}")
        self.provider = provider
        self.reason = reason


class ProviderBusy(Exception):
    """The provider says that it was asked too often."""

    def __init__(self, provider: str, retry_after: int) -> None:
        super().__init__(provider)
        self.provider = provider
        self.retry_after = retry_after


class Unreadable(ValueError):
    """An answer that is not about the ISBN that was asked for, or that cannot be read."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How often a provider may be asked: so many requests in a time, and at most ``burst`` of them at once."""

    requests: int
    per: timedelta
    burst: int

    @property
    def per_second(self) -> float:
        return self.requests / self.per.total_seconds()


class Provider(Protocol):
    """Somebody who knows books by their ISBN."""

    @property
    def name(self) -> str: ...

    @property
    def budget(self) -> Budget: ...

    @property
    def most(self) -> int:
        """How many ISBNs one request may ask for."""
        ...

    async def ask(self, isbns: Sequence[str]) -> Mapping[str, Raw | None]:
        """What it knows of these, in one request; None: it does not know the ISBN.

        Raises ``ProviderFailed``, ``ProviderBusy``, and ``Unreadable`` for an answer that makes no sense.
        """
        ...

    def read(self, isbn: str, raw: Raw) -> EditionCreateIn:
        """An answer in our words. Raises ``Unreadable``."""
        ...
