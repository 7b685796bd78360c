"""Keeps the event loop free: what only computes runs beside it once there is much of it."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import msgspec

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")

MANY_ROWS = 500
MANY_BYTES = 64 * 1024
"""From here on other requests would notice that they wait."""


async def aside(
    is_much: bool, work: Callable[Arguments, Answer], *arguments: Arguments.args, **options: Arguments.kwargs
) -> Answer:
    """The answer of ``work``, which runs in a thread if there is much to do."""
    if is_much:
        return await asyncio.to_thread(work, *arguments, **options)
    return work(*arguments, **options)


def array_of(numbers: Iterable[int]) -> str:
    """Numbers as PostgreSQL writes an array: the driver would take a hundred times as long, on the loop."""
    return f"{{{','.join(map(str, numbers))}}}"


def json_of(value: Any) -> str:
    return msgspec.json.encode(value).decode()
