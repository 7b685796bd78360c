"""One JSON line per event on stdout, without personal data.

An event is a dotted lower-case word (`task.failed`) with fields from an allow-list, so that a name, an e-mail
address, a token or a body cannot reach the log by mistake. What is not allowed is left out, and `redacted`
names the fields that were. Of an exception its type and place are told, never its message: messages quote
input, rows and parameters.
"""

import datetime as dt
import logging
import re
import sys
import traceback
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import Any, TypeAlias, cast
from uuid import UUID

import msgspec
import structlog

Fields: TypeAlias = MutableMapping[str, Any]
ExcInfo: TypeAlias = tuple[type[BaseException], BaseException, TracebackType | None]

request_id: ContextVar[str] = ContextVar("request_id", default="")

ALLOWED = frozenset(
    {
        "account",
        "attempt",
        "attempts",
        "bytes_in",
        "bytes_out",
        "code",
        "constraint",
        "count",
        "environment",
        "errno",
        "items",
        "kind",
        "level",
        "limit",
        "method",
        "ms",
        "outcome",
        "provider",
        "queue",
        "reason",
        "request_id",
        "revision",
        "route",
        "rows",
        "schema",
        "setting",
        "signal",
        "sqlstate",
        "status",
        "subject",
        "table",
        "task",
        "version",
    }
)
ALLOWED_ENDINGS = ("_id", "_count", "_ms", "_seconds", "_bytes", "_total", "_status")
TALKATIVE = frozenset({"uvicorn", "uvicorn.error", "alembic.runtime.migration"})  # they speak of the server alone
FRAMES = 40
PROJECT = f"{Path(__file__).parents[2]}/"

_not_printable = re.compile(r"[^\x20-\x7e]")
_event = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)*")
_plain_text = re.compile(r"[A-Za-z0-9_.:/{}*+<>-]{0,200}")
_token = re.compile(r"eyJ|wr(?:live|dev|test)_|[A-Za-z0-9_-]{60}")
_e_mail = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}")
_encode = msgspec.json.Encoder().encode


def configure(level: str = "INFO") -> None:
    """Send our own events and those of every library through the rules above; call it once, at start-up."""
    _configure_own(level)
    root = logging.getLogger()
    root.handlers[:] = [_Library()]
    root.setLevel(max(logging.getLevelName(level), logging.INFO))
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True  # it writes the query; core/http writes its own line
    for name in ("httpx", "httpcore", "sqlalchemy.engine"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _configure_own(level: str) -> None:
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, _render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        logger_factory=lambda *_: _Line(),
        cache_logger_on_first_use=False,
    )


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger of this product's events: `log.info("task.failed", task_id=…, attempt=3)`."""
    return cast("structlog.typing.FilteringBoundLogger", structlog.get_logger())


class RequestLine(msgspec.Struct):
    """What is told of every request: nothing of its path, query, headers or body, which may name people."""

    time: dt.datetime
    event: str
    level: str
    method: str
    route: str | None
    status: int
    ms: float
    request_id: str
    account: str | None
    bytes_in: int
    bytes_out: int


def write(record: RequestLine | Mapping[str, Any]) -> None:
    """Write a clean record. A full disk or a closed pipe costs the line, never the request."""
    try:
        out = sys.stdout.buffer
        out.write(_encode(record) + b"\n")
        out.flush()
    except (OSError, ValueError):
        return


def fault(error: BaseException) -> dict[str, Any]:
    """What may be told of an exception: type, place, the database's codes, and the types of its causes."""
    told: dict[str, Any] = {
        "error": _type_name(error),
        "frames": [
            f"{_short(frame.filename)}:{frame.lineno}:{frame.name}"
            for frame in traceback.extract_tb(error.__traceback__, limit=-FRAMES)
        ],
    }
    origin = getattr(error, "orig", None) or error
    diagnosis = getattr(origin, "diag", None)
    told |= {
        name: value
        for name, value in (
            ("sqlstate", getattr(origin, "sqlstate", None)),
            ("constraint", getattr(diagnosis, "constraint_name", None)),
            ("table", getattr(diagnosis, "table_name", None)),
            ("errno", getattr(error, "errno", None)),
        )
        if value is not None
    }
    causes = _causes(error)
    return {**told, "causes": causes} if causes else told


class _Line:
    """What structlog writes to: the record that `_render` has made."""

    def _write(self, record: Mapping[str, Any]) -> None:
        write(record)

    debug = info = warning = error = critical = exception = msg = _write


class _Library(logging.Handler):
    """Other people's records: type, place and level; the text only of those who never speak of data."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: dict[str, Any] = {
            "time": now(),
            "event": "library",
            "level": record.levelname.lower(),
            "logger": record.name,
            "where": f"{record.filename}:{record.lineno}",
        }
        if record.name in TALKATIVE:
            fields["message"] = _e_mail.sub("[redacted]", record.getMessage()).encode("unicode_escape").decode()[:500]
        if record.exc_info and record.exc_info[1] is not None:
            fields |= fault(record.exc_info[1])
        write(_with_request_id(fields))


def _render(_: object, __: str, fields: Fields) -> tuple[tuple[Mapping[str, Any]], dict[str, Any]]:
    event = fields.pop("event", "")
    error = fields.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    record: dict[str, Any] = {"time": now(), "event": event if _event.fullmatch(str(event)) else "[redacted]"}
    redacted = []
    for name, value in fields.items():
        allowed = name in ALLOWED or name.endswith(ALLOWED_ENDINGS)
        clean = _clean(value) if allowed else None
        if allowed and (clean is not None or value is None):
            record[name] = clean
        else:
            redacted.append(name if _plain_text.fullmatch(name) else "[redacted]")
    if isinstance(error, BaseException):
        record |= fault(error)
    if redacted:
        record["redacted"] = redacted
    return (_with_request_id(record),), {}


def _clean(value: Any) -> str | int | float | bool | None:
    """A number, a moment, an identifier or a plain word as it is; None for what might be somebody's data."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (UUID, dt.datetime, dt.date)):
        return str(value)
    if isinstance(value, str) and _plain_text.fullmatch(value) and not _token.search(value):
        return value
    return None


def _with_request_id(record: dict[str, Any]) -> dict[str, Any]:
    bound = request_id.get()
    return {**record, "request_id": bound} if bound and "request_id" not in record else record


def _causes(error: BaseException) -> list[str]:
    causes: list[str] = []
    cause = error.__cause__ or error.__context__
    while cause is not None and len(causes) < 10:
        causes.append(_type_name(cause))
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, BaseExceptionGroup):
        causes += [_type_name(part) for part in error.exceptions[:10]]
    return causes


def _short(filename: str) -> str:
    return filename.rpartition("/site-packages/")[2].removeprefix(PROJECT)


def _type_name(error: BaseException) -> str:
    return f"{type(error).__module__}.{type(error).__qualname__}"


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


_configure_own("INFO")  # structlog's own default prints tracebacks with every local variable
