"""Speaking to other hosts, as a domain sees it: one question, one answer, or one of two refusals.

The client behind it, `adapters/egress`, is the only way out; which hosts there are stands in `adapters/egress.yaml`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol


class NotAllowed(Exception):
    """The target may not be spoken to: nothing was sent, and asking again does not help. `reason` is a code."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NoAnswer(Exception):
    """The host was not reached, was too slow, or answered what cannot be read. Asking later may help."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Response:
    """What a host answered. `headers` have lower-case names; `body` is empty where the register says so."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


class Outside(Protocol):
    """The way to other hosts."""

    async def request(
        self,
        method: str,
        url: str,
        *,
        purpose: str,
        headers: Mapping[str, str] | None = None,
        content: bytes = b"",
    ) -> Response:
        """Ask once: nothing is repeated and no redirect is followed. `NotAllowed`, or `NoAnswer` within 10 seconds.

        `purpose` is a name in the register, which says to which hosts it speaks and what may be said to them.
        """
        ...
