"""What the log may say: one line of JSON per event, and nothing about people."""

import json
import logging
import string
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from fastapi import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from sqlalchemy.exc import IntegrityError

from app.core import log
from app.core.api_keys import ApiKeys
from app.core.requests import RawBody, bulk
from tests.core.apps import call, doors, make_app

KEY = ApiKeys("production").make().text
CANARIES = (
    "Zoe Canary",
    "zoe.canary@school.test",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2ln",
    "canary-code",
    KEY,
)
CANARY = " ".join(CANARIES)
router = doors()


class Pupil(BaseModel):
    name: str
    age: int


@router.post("/pupils/{name}")
async def add(name: str, pupil: Pupil) -> Pupil:
    return pupil


@router.put("/import")
@bulk()
async def take_in(body: RawBody) -> str:
    return body.decode()


@router.get("/fails/{how}")
async def fails(how: str, request: Request) -> None:
    if how == "chained":
        try:
            raise KeyError(CANARY)
        except KeyError as error:
            raise RuntimeError(CANARY) from error
    if how == "database":
        raise IntegrityError(f"INSERT '{CANARY}'", {"name": CANARY}, ValueError(CANARY))
    if how == "library":
        logging.getLogger("some.library").error("said %s", CANARY)
        logging.getLogger("uvicorn.error").error("said %s", CANARIES[1])
    if how == "careless":
        fields = {"name": CANARY, "reason": CANARY, "account": CANARIES[2], "subject": KEY, "body": CANARIES}
        log.get_logger().error(f"deleted {CANARY}", **fields)
    raise ValueError(CANARY)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The records written since; each has to be one line of JSON."""
    written = capsys.readouterr().out
    assert written.endswith("\n") or not written
    assert written.splitlines() == written.split("\n")[:-1]
    return [json.loads(line) for line in written.splitlines()]


def assert_no_canary(records: list[dict[str, Any]]) -> None:
    written = json.dumps(records, ensure_ascii=False)
    for canary in (*CANARIES, "Zoe", "canary-code", "eyJ"):
        assert canary not in written


PUPILS, FAILS = "/v1/pupils/{name}", "/v1/fails/{how}"
JSON = {"Content-Type": "application/json"}
REQUESTS = [
    ("POST", f"/v1/pupils/{CANARIES[0]}?code={CANARIES[3]}", PUPILS, {"json": {"name": CANARY, "age": 7}}, 200),
    ("POST", "/v1/pupils/x", PUPILS, {"json": {"name": [CANARY], "age": CANARY, CANARY: CANARY}}, 422),
    ("POST", "/v1/pupils/x", PUPILS, {"content": CANARY, "headers": JSON}, 400),
    ("PUT", "/v1/import", "/v1/import", {"content": CANARY, "headers": JSON}, 200),
    ("GET", f"/{CANARIES[3]}?email={CANARIES[1]}", None, {}, 404),
    ("GET", "/v1/fails/plain", FAILS, {"headers": {"Authorization": f"Bearer {CANARIES[2]}", "Cookie": CANARY}}, 500),
    ("GET", "/v1/fails/chained", FAILS, {"headers": {"X-Request-ID": CANARIES[1], "User-Agent": CANARY}}, 500),
    ("GET", "/v1/fails/database", FAILS, {}, 500),
    ("GET", "/v1/fails/library", FAILS, {}, 500),
    ("GET", "/v1/fails/careless", FAILS, {}, 500),
    ("GET", "/livez", "/livez", {}, 200),
]


@pytest.mark.parametrize(("method", "path", "route", "options", "status"), REQUESTS)
async def test_nothing_of_a_request_but_its_shape_is_logged(
    method: str,
    path: str,
    route: str | None,
    options: dict[str, Any],
    status: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    app = make_app(router)
    capsys.readouterr()
    response = await call(app, method, path, **options)
    records = lines(capsys)
    assert_no_canary(records)
    assert {record["request_id"] for record in records} == {response.headers["x-request-id"]}
    told = records[-1]
    assert told.keys() == set(log.RequestLine.__struct_fields__)
    assert (told["event"], told["method"], told["route"], told["status"]) == ("request", method, route, status)


async def test_a_failure_is_told_by_its_place_and_types(capsys: pytest.CaptureFixture[str]) -> None:
    app = make_app(router)
    capsys.readouterr()
    await call(app, "GET", "/v1/fails/chained")
    failure = lines(capsys)[0]
    assert failure["event"] == "request.failed"
    assert (failure["error"], failure["causes"]) == ("builtins.RuntimeError", ["builtins.KeyError"])
    assert failure["frames"][-1].startswith("tests/core/test_log.py:")
    assert failure["frames"][-1].endswith(":fails")


def test_allowed_fields_are_logged_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    task = uuid4()
    log.get_logger().info("task.failed", task_id=task, attempt=3, kind="Hydrate", wait_seconds=1.5, constraint=None)
    (record,) = lines(capsys)
    assert record.pop("time")
    assert record == {
        "event": "task.failed",
        "level": "info",
        "task_id": str(task),
        "attempt": 3,
        "kind": "Hydrate",
        "wait_seconds": 1.5,
        "constraint": None,
    }


def test_what_is_not_allowed_is_left_out_and_named(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.get_logger().info("user.created", name="Zoe", email=CANARIES[1], kind="Zoe Canary", user_id={"name": "Zoe"})
    (record,) = lines(capsys)
    assert record["redacted"] == ["name", "email", "kind", "user_id"]
    assert_no_canary([record])


def test_an_event_that_is_no_plain_word_is_not_logged(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    log.get_logger().info("created Zoe")
    assert lines(capsys)[0]["event"] == "[redacted]"


def test_the_servers_own_access_log_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure()
    logging.getLogger("uvicorn.access").info('%s - "%s %s"', "10.0.0.1", "GET", f"/v1/x?token={CANARIES[2]}")
    assert lines(capsys) == []


def test_a_record_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure("WARNING")
    log.get_logger().info("task.done")
    logging.getLogger("uvicorn.error").info("Started")
    log.get_logger().warning("task.slow")
    assert [record["event"] for record in lines(capsys)] == ["task.slow"]


def test_a_log_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: bytes) -> int:
        raise OSError(28, "No space left on device")

    log.configure()
    monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=SimpleNamespace(write=full)))
    log.get_logger().info("task.done")


awkward = st.text(st.sampled_from([*string.printable, *map(chr, range(32)), "\x7f", "\x85", "\u2028", "\u202e", "é"]))


@settings(max_examples=1_000)
@given(event=awkward, values=st.dictionaries(st.sampled_from(["reason", "route", "logger", "é\n"]) | awkward, awkward))
def test_whatever_is_logged_is_one_line_of_ascii_json(event: str, values: dict[str, str]) -> None:
    written: list[bytes] = []

    buffer = SimpleNamespace(write=written.append, flush=lambda: None)
    log.configure()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stdout", SimpleNamespace(buffer=buffer))
        log.get_logger().info(event, **{name: value for name, value in values.items() if name not in ("event", "self")})
        logging.getLogger("uvicorn.error").warning("%s", event)
    for line in written:
        text = line.decode("ascii")
        assert text.splitlines() == [text.removesuffix("\n")]
        assert text.removesuffix("\n").isprintable()
        assert json.loads(text)["level"] in ("info", "warning")
    assert len(written) == 2
