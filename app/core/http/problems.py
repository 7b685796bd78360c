"""Every failure as one kind of answer: `application/problem+json`, built from the words of core/errors."""

from collections.abc import Iterable, Mapping
from http import HTTPMethod
from typing import Any

import msgspec
import psycopg
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import Scope

from app.core.errors import (
    REGISTRY,
    AlreadyExists,
    Busy,
    Conflict,
    Internal,
    Invalid,
    Malformed,
    NotFound,
    Problem,
    Unavailable,
)
from app.core.http.validation import problem_of_validation
from app.core.idempotency import Replay
from app.core.log import get_logger, request_id
from app.core.protocol_errors import MethodNotAllowed

MEDIA_TYPE = "application/problem+json"

# By SQLSTATE, or its class of two characters (PostgreSQL, appendix A). What is absent is our mistake: 500.
DATABASE: Mapping[str, type[Problem]] = {
    "40001": Busy,  # serialization failure
    "40P01": Busy,  # deadlock
    "55P03": Busy,  # lock_timeout
    "23505": AlreadyExists,
    "23503": Conflict,  # foreign key
    "23P01": Conflict,  # exclusion
    "23502": Invalid,  # not null
    "23514": Invalid,  # check
    "22": Invalid,  # out of range, NUL, bad text
    "25006": Unavailable,  # read-only: a standby, or a disk that is full
    "25P03": Unavailable,  # idle in transaction for too long
    "57014": Unavailable,  # statement_timeout
    "08": Unavailable,  # the connection broke
    "53": Unavailable,  # no room: connections, memory, disk
    "57": Unavailable,  # shutting down or starting up
    "58": Unavailable,  # the system under the server
}

_encode = msgspec.json.Encoder().encode
_by_status: Mapping[int, type[Problem]] = {problem.status: problem for problem in reversed(REGISTRY.values())}


def problem_of(error: BaseException) -> Problem:
    """The problem that tells the caller of `error`, without anything that only we should know."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, HTTPException):
        return _problem_of_http(error)
    if isinstance(error, DBAPIError) and error.orig is not None:
        return problem_of(error.orig)
    if isinstance(error, psycopg.Error):
        return _problem_of_database(error)
    if isinstance(error, PoolTimeoutError | ConnectionError | TimeoutError):
        return Unavailable()
    return Internal()


def _problem_of_http(error: HTTPException) -> Problem:
    if isinstance(error.__cause__, Problem):  # FastAPI wraps what interrupts the reading of a form
        return error.__cause__
    kind = _by_status.get(error.status_code, Malformed if error.status_code < 500 else Internal)
    detail = "There is nothing at this path." if kind is NotFound else ""
    return kind(detail, headers=error.headers)


def _problem_of_database(error: psycopg.Error) -> Problem:
    state = error.sqlstate or ""
    kind = DATABASE.get(state) or DATABASE.get(state[:2])
    if kind is not None:
        return kind()
    if state:
        return Internal()
    if isinstance(error, psycopg.DataError):
        return Invalid()
    return Unavailable() if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) else Internal()


def answer(scope: Scope, error: Exception, public_url: str) -> Response:
    """The response to a request in which `error` was raised; what the caller is not told of it is logged."""
    if isinstance(error, Replay):
        return error.response
    if isinstance(error, RequestValidationError):
        problem = problem_of_validation(scope.get("route"), error)
    else:
        problem = problem_of(error)
        _note(error, problem)
    if isinstance(problem, MethodNotAllowed):
        problem.headers["Allow"] = ", ".join(sorted(_methods_at(scope["path"], scope["app"].routes)))
    body = problem.body(public_url=public_url, request_id=request_id.get())
    return Response(_encode(body), problem.status, problem.headers, MEDIA_TYPE)


def _note(error: Exception, problem: Problem) -> None:
    """Log the cause of a 500, and which failure of the database nobody handled."""
    if isinstance(problem, Internal):
        get_logger().error("request.failed", exc_info=error)
    elif problem is not error and not isinstance(error, HTTPException):
        get_logger().warning("request.refused", code=problem.code, exc_info=error)


def _methods_at(path: str, routes: Iterable[BaseRoute]) -> set[str]:
    found: set[str] = set()
    for route in routes:
        pattern: Any = getattr(route, "path_regex", None)
        if pattern is not None and pattern.match(path):
            found |= set(getattr(route, "methods", None) or ())
    return found & set(HTTPMethod)
