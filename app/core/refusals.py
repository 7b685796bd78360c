"""What is known of a request that was refused, for whoever keeps record of refusals."""

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, TypeAlias

from app.core.account import Account
from app.core.errors import Problem


class Refused(NamedTuple):
    """A request that was answered with a problem. Its transaction is undone by then."""

    problem: Problem
    account: Account | None
    resource: object | None
    """What the guard had found, if it came so far."""
    operation: str
    """Method and route template, such as ``GET /v1/school/{wriveted_identifier}``."""
    path: Mapping[str, str]
    """The values in the path, as they were sent."""


RecordRefusal: TypeAlias = Callable[[Refused], Awaitable[None]]
"""What an application may have as ``app.state.record_refusal``."""
