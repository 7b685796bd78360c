"""Refusals are told to whoever keeps record of them: a callable that the application has, or has not."""

import asyncio

from starlette.types import Scope

from app.core.errors import Problem
from app.core.log import get_logger
from app.core.refusals import RecordRefusal, Refused

PATIENCE_SECONDS = 1.0


async def tell(scope: Scope, error: Exception) -> None:
    """Hand a problem to ``app.state.record_refusal``. The answer waits a second for it at most, and is the same
    whatever becomes of it."""
    record: RecordRefusal | None = getattr(scope["app"].state, "record_refusal", None)
    if record is None or not isinstance(error, Problem):
        return
    state = scope["state"]
    route = getattr(scope.get("route"), "path_format", "")
    path = {name: str(value) for name, value in scope.get("path_params", {}).items()}
    refused = Refused(error, state.get("account"), state.get("resource"), f"{scope['method']} {route}".strip(), path)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await record(refused)
    except Exception as failure:  # noqa: BLE001  whatever it was, the caller gets the answer that is due
        get_logger().error("refusal.unrecorded", code=error.code, exc_info=failure)
