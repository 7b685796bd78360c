"""The words in which the product says no, and which of them answers which failure."""

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from app.core import errors
from app.core.errors import REGISTRY, FieldError, Problem, pointer, unknown_field
from app.core.http.problems import problem_of

CANARY = "canary-7f3a"


@pytest.mark.parametrize("code", sorted(REGISTRY))
def test_every_problem_has_a_status_and_says_what_to_do(code: str) -> None:
    kind = REGISTRY[code]
    assert kind.code == code
    assert 400 <= kind.status < 600
    assert code == code.lower()
    assert code.isidentifier()
    assert kind.title
    assert kind.advice.endswith(".")


def test_two_problems_cannot_share_a_code() -> None:
    with pytest.raises(TypeError, match="conflict"):
        type("Second", (Problem,), {"code": "conflict", "status": 409, "title": "x", "advice": "x."})
    assert REGISTRY["conflict"] is errors.Conflict


def test_the_document_has_exactly_the_agreed_members() -> None:
    fault = FieldError("/name", "field_forbidden", "Not yours.")
    problem = errors.Forbidden("No.", errors=[fault], permission="update")
    assert problem.body(public_url="https://api.test", request_id="abc") == {
        "type": "https://api.test/docs/errors/permission_missing",
        "title": "You may not do this",
        "status": 403,
        "detail": "No.",
        "code": "permission_missing",
        "errors": [{"pointer": "/name", "code": "field_forbidden", "detail": "Not yours."}],
        "request_id": "abc",
        "permission": "update",
    }


def test_a_member_that_the_class_does_not_allow_is_refused() -> None:
    with pytest.raises(TypeError, match="status"):
        errors.Conflict("No.", status=200)


def test_a_problem_without_words_of_its_own_says_its_title() -> None:
    assert errors.NotFound().detail == "It does not exist."


def test_who_is_not_authenticated_is_told_how() -> None:
    assert errors.Unauthenticated().headers == {"WWW-Authenticate": "Bearer"}


@pytest.mark.parametrize("kind", [errors.Busy, errors.Unavailable, errors.TooManyRequests, errors.IdempotencyInFlight])
def test_what_may_be_repeated_says_when(kind: type[Problem]) -> None:
    assert int(kind().headers["Retry-After"]) >= 1
    assert kind(retry_after=42).headers["Retry-After"] == "42"


def test_headers_of_one_problem_are_not_those_of_the_next() -> None:
    errors.Unauthenticated().headers["WWW-Authenticate"] = "Basic"
    assert errors.Unauthenticated().headers["WWW-Authenticate"] == "Bearer"


@given(st.lists(st.text() | st.integers(min_value=0)))
def test_a_pointer_can_be_taken_apart_again(parts: list[str | int]) -> None:
    found = [part.replace("~1", "/").replace("~0", "~") for part in pointer(*parts).split("/")[1:]]
    assert found == [str(part) for part in parts]


@pytest.mark.parametrize(
    ("given", "meant"),
    [("copies_totl", "copies_total"), ("Isbn", "isbn"), ("copiesTotal", "copies_total"), ("zzz", None)],
)
def test_an_unknown_field_is_told_the_nearest_known_one(given: str, meant: str | None) -> None:
    fault = unknown_field({"isbn", "copies_total", "copies_available"}, "items", 3, given)
    assert fault.pointer == f"/items/3/{given}"
    assert fault.code == "unknown_field"
    assert fault.detail == f"This field is not known here.{f' Did you mean `{meant}`?' if meant else ''}"


def database_error(sqlstate: str) -> psycopg.Error:
    return psycopg.errors.lookup(sqlstate)(CANARY)


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (database_error("55P03"), 409, "busy"),
        (database_error("40P01"), 409, "busy"),
        (database_error("40001"), 409, "busy"),
        (database_error("57014"), 503, "unavailable"),
        (database_error("57P01"), 503, "unavailable"),
        (database_error("53300"), 503, "unavailable"),
        (database_error("53100"), 503, "unavailable"),
        (database_error("25006"), 503, "unavailable"),
        (database_error("08006"), 503, "unavailable"),
        (database_error("23505"), 409, "already_exists"),
        (database_error("23503"), 409, "conflict"),
        (database_error("23514"), 422, "invalid"),
        (database_error("23502"), 422, "invalid"),
        (database_error("22003"), 422, "invalid"),
        (database_error("22P05"), 422, "invalid"),
        (database_error("42P01"), 500, "internal_error"),
        (psycopg.OperationalError(f"connection refused {CANARY}"), 503, "unavailable"),
        (psycopg.InterfaceError(f"the connection is closed {CANARY}"), 503, "unavailable"),
        (psycopg.DataError(f"text cannot contain NUL {CANARY}"), 422, "invalid"),
        (psycopg.ProgrammingError(CANARY), 500, "internal_error"),
        (PoolTimeoutError(CANARY), 503, "unavailable"),
        (ConnectionRefusedError(CANARY), 503, "unavailable"),
        (TimeoutError(CANARY), 503, "unavailable"),
        (ValueError(CANARY), 500, "internal_error"),
        (AssertionError(CANARY), 500, "internal_error"),
        (HTTPException(404, CANARY), 404, "not_found"),
        (HTTPException(405, CANARY), 405, "method_not_allowed"),
        (HTTPException(400, CANARY), 400, "malformed"),
        (HTTPException(401, CANARY), 401, "not_authenticated"),
        (HTTPException(418, CANARY), 400, "malformed"),
        (HTTPException(502, CANARY), 500, "internal_error"),
        (errors.Conflict("Said on purpose."), 409, "conflict"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_each_failure_has_its_problem_and_no_inner_words(error: Exception, status: int, code: str) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code) == (status, code)
    assert CANARY not in str(problem.body(public_url="", request_id=""))


@pytest.mark.parametrize(
    ("wrapper", "sqlstate", "code"),
    [
        (IntegrityError, "23505", "already_exists"),
        (OperationalError, "55P03", "busy"),
        (DBAPIError, "22003", "invalid"),
    ],
)
def test_a_database_failure_is_the_same_through_sqlalchemy(wrapper: type[DBAPIError], sqlstate: str, code: str) -> None:
    problem = problem_of(wrapper(f"SELECT '{CANARY}'", {"name": CANARY}, database_error(sqlstate)))
    assert problem.code == code
    assert CANARY not in str(problem.body(public_url="", request_id=""))


def test_a_problem_that_fastapi_wrapped_while_it_read_a_body_is_found_again() -> None:
    wrapped = HTTPException(400, "There was an error parsing the body")
    wrapped.__cause__ = errors.TooLarge(limit_bytes=10)
    assert problem_of(wrapped) is wrapped.__cause__
