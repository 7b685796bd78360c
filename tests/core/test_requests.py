"""What may come in: limits at n-1, n and n+1, strict JSON, media types, and the callbacks before the commit."""

import asyncio
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, Query, Request
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from starlette.responses import Response

from app.core.errors import Conflict, Invalid, MalformedJson, Problem
from app.core.requests import RawBody, before_commit, bulk
from app.core.schemas import Input
from app.core.strict_json import MAX_DEPTH, MAX_ITEMS, MAX_KEYS, MAX_TEXT, parse_json
from tests.core.apps import call, doors, faults, make_app

JSON = {"content-type": "application/json"}
MAX_BODY = 1_000
MAX_BULK_BODY = 5_000


class Item(Input):
    isbn: str
    copies_total: int = 0


class Shelf(Input):
    name: str = ""
    items: list[Item] = Field(default_factory=list)
    either: int | Item | None = None


router = doors()


@router.post("/shelf")
async def make(shelf: Shelf) -> Shelf:
    return shelf


@router.put("/shelf")
@bulk()
async def replace(body: RawBody) -> dict[str, Any]:
    return {"size": len(body), "bytes": body[:10].decode()}


@router.post("/import")
@bulk("text/csv", "application/marc", limit=2_000)
async def take_in(body: RawBody) -> int:
    return len(body)


@router.get("/shelf")
async def find(name: str = "", tag: Annotated[list[str] | None, Query()] = None) -> list[str]:
    return [name, *(tag or [])]


@router.post("/quiet")
async def quiet() -> str:
    return "done"


@router.get("/shelf/{name}")
async def get(name: str) -> str:
    return name


@pytest.fixture(scope="module")
def app() -> Any:
    return make_app(router, WRIVETED_MAX_BODY=str(MAX_BODY), WRIVETED_MAX_BULK_BODY=str(MAX_BULK_BODY))


async def send(app: Any, method: str, path: str, content: bytes, **headers: str) -> tuple[int, str]:
    response = await call(app, method, path, content=content, headers={**JSON, **headers})
    return response.status_code, response.json().get("code", "") if response.status_code >= 400 else ""


def document(size: int) -> bytes:
    """A valid shelf of exactly this many bytes."""
    return json.dumps({"name": "x" * (size - 12)}).encode()


async def chunked(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 100):
        yield content[start : start + 100]


@pytest.mark.parametrize(
    ("method", "path", "limit", "media_type"),
    [
        ("POST", "/v1/shelf", MAX_BODY, "application/json"),
        ("PUT", "/v1/shelf", MAX_BULK_BODY, "application/json"),
        ("POST", "/v1/import", 2_000, "text/csv"),
    ],
)
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_may_have_as_many_bytes_as_its_door_takes_and_not_one_more(
    app: Any, method: str, path: str, limit: int, media_type: str, declared: bool
) -> None:
    for size, status in ((limit - 1, 200), (limit, 200), (limit + 1, 413)):
        content = document(size) if declared else chunked(document(size))
        response = await call(app, method, path, content=content, headers={"content-type": media_type})
        assert response.status_code == status
        if status == 413:
            assert response.json()["limit_bytes"] == limit


async def test_what_is_too_large_for_any_door_is_refused_unread(app: Any) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        read += 1
        yield b"x"

    headers = {**JSON, "content-length": str(MAX_BULK_BODY + 1)}
    for path in ("/v1/shelf", "/v1/nothing-here"):
        response = await call(app, "POST", path, content=body(), headers=headers)
        assert response.status_code == 413
        assert response.headers["connection"] == "close"
    assert read == 0


@pytest.mark.parametrize("length", ["-1", "+5", "1e3", "abc", "0x10"])
async def test_a_content_length_is_a_number(app: Any, length: str) -> None:
    assert await send(app, "POST", "/v1/shelf", b"{}", **{"content-length": length}) == (400, "malformed")


async def stalling(app: Any, chunks: list[bytes], pause: float) -> list[dict[str, Any]]:
    """Send a declared body in these chunks with pauses between; what was answered."""
    sent: list[Any] = []
    waiting = iter(chunks)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(pause)
        return {"type": "http.request", "body": next(waiting), "more_body": True}

    async def collect(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/shelf",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"900")],
    }
    async with asyncio.timeout(5):
        await app(scope, receive, collect)
    return sent


@pytest.mark.parametrize(("chunks", "pause"), [([b"{"], 9), ([b"x"] * 500, 0.02)], ids=["silent", "dribbling"])
async def test_a_slow_sender_is_cut(chunks: list[bytes], pause: float) -> None:
    app = make_app(router, WRIVETED_BODY_IDLE_TIMEOUT="0.2")
    sent = await stalling(app, chunks, pause)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


async def test_a_large_body_is_in_memory_once() -> None:
    app = make_app(router)
    chunk, size = b"x" * 65_536, 8 * 1024 * 1024
    left = size

    async def receive() -> dict[str, Any]:
        nonlocal left
        left -= len(chunk)
        return {"type": "http.request", "body": chunk, "more_body": left > 0}

    sent: list[Any] = []

    async def collect(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "PUT",
        "path": "/v1/shelf",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"transfer-encoding", b"chunked")],
    }
    tracemalloc.start()
    try:
        await app(scope, receive, collect)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert json.loads(sent[1]["body"])["size"] == size
    assert peak <= 1.6 * size


async def test_a_sender_who_hangs_up_is_not_answered(app: Any) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def collect(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/v1/shelf", "query_string": b"", "headers": []}
    await app(scope, receive, collect)
    assert sent == []


def nested(depth: int) -> Any:
    return [] if depth == 1 else [nested(depth - 1)]


@pytest.mark.parametrize(
    ("allowed", "refused", "code"),
    [
        (nested(MAX_DEPTH), nested(MAX_DEPTH + 1), "too_deep"),
        (dict.fromkeys(map(str, range(MAX_KEYS))), dict.fromkeys(map(str, range(MAX_KEYS + 1))), "too_many_keys"),
        ([0] * MAX_ITEMS, [0] * (MAX_ITEMS + 1), "too_many_items"),
        ("x" * MAX_TEXT, "x" * (MAX_TEXT + 1), "string_too_long"),
        ({"k" * MAX_TEXT: 0}, {"k" * (MAX_TEXT + 1): 0}, "string_too_long"),
        (2**63 - 1, 2**63, "number_out_of_range"),
        (-(2**63), -(2**63) - 1, "number_out_of_range"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 30 else "",
)
def test_json_is_taken_up_to_each_limit(allowed: Any, refused: Any, code: str) -> None:
    assert parse_json(json.dumps(allowed).encode()) == allowed
    with pytest.raises(Invalid) as caught:
        parse_json(json.dumps(refused).encode())
    assert [fault.code for fault in caught.value.errors] == [code]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (rb'{"a": ["ok", "n\u0000l"]}', "/a/1", "null_character"),
        (rb'{"a/b": {"\u0000": 1}}', "/a~1b", "null_character"),
        (rb'{"a": "\ud800"}', "/a", "lone_surrogate"),
        (rb'{"a": "\udc00\ud800"}', "/a", "lone_surrogate"),
        (b'{"a": 1e400}', "/a", "number_out_of_range"),
        (b'{"a": ' + b"9" * 4_000 + b"}", "/a", "number_out_of_range"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "", "number_out_of_range"),
        (b"[" * 100_000, "", "too_deep"),
        (b'{"a":' * 50_000, "", "too_deep"),
    ],
)
def test_json_that_cannot_be_kept_is_invalid(body: bytes, pointer: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(body)
    assert [(fault.pointer, fault.code) for fault in caught.value.errors] == [(pointer, code)]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"{}{}",
        b"{'a': 1}",
        b'{"a": 1,}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b"-Infinity",
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 01}',
        b'{"a": "\x01"}',
        b'"\xff"',
        "{}".encode("utf-16"),
        b"a=1&b=2",
        b"<xml/>",
    ],
)
def test_what_two_parsers_could_read_differently_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse_json(body)


def test_an_emoji_and_a_byte_order_mark_are_fine() -> None:
    assert parse_json(b"\xef\xbb\xbf" + rb'"\ud83d\ude00 caf\u00e9"') == "😀 café"


plain = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.recursive(plain | text, lambda inner: st.lists(inner) | st.dictionaries(text, inner), max_leaves=20))
def test_ordinary_json_means_what_it_always_meant(value: Any) -> None:
    assert parse_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        parse_json(body)
    except Problem as problem:
        assert problem.status in (400, 422)


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ('Application/JSON;charset="UTF-8"', 200),
        ("application/merge-patch+json", 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("text/json", 415),
        ("application/jsonp", 415),
        ("", 415),
    ],
)
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_a_json_door_takes_json_alone(app: Any, method: str, content_type: str, status: int) -> None:
    response = await call(app, method, "/v1/shelf", content=b"{}", headers={"content-type": content_type})
    assert response.status_code == status


async def test_a_body_without_a_type_or_with_an_encoding_is_refused(app: Any) -> None:
    assert (await call(app, "POST", "/v1/shelf", content=b"{}")).status_code == 415
    assert (await call(app, "POST", "/v1/shelf", content=chunked(b"{}"))).status_code == 415
    assert await send(app, "POST", "/v1/shelf", b"{}", **{"content-encoding": "gzip"}) == (
        415,
        "unsupported_media_type",
    )


@pytest.mark.parametrize(("content_type", "status"), [("text/csv", 200), ("application/marc", 200), ("text/html", 415)])
async def test_a_bulk_door_takes_the_types_that_it_names(app: Any, content_type: str, status: int) -> None:
    response = await call(app, "POST", "/v1/import", content=b"isbn", headers={"content-type": content_type})
    assert response.status_code == status


async def test_a_bulk_body_comes_as_it_was_sent(app: Any) -> None:
    response = await call(app, "PUT", "/v1/shelf", content=b'{"a":1,"a"', headers=JSON)
    assert response.json() == {"size": 10, "bytes": '{"a":1,"a"'}


async def test_malformed_json_is_400_and_says_where(app: Any) -> None:
    response = await call(app, "POST", "/v1/shelf", content=b'{"name": }', headers=JSON)
    assert (response.status_code, response.json()["code"]) == (400, "malformed_json")
    assert "line 1, column 10" in response.json()["detail"]


async def test_a_body_that_nobody_asked_for_is_ignored(app: Any) -> None:
    assert (await call(app, "POST", "/v1/quiet", content=b"{not json", headers=JSON)).json() == "done"
    assert (await call(app, "GET", "/v1/shelf", params={"name": "a"}, content=b"{", headers=JSON)).json() == ["a"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"nam": "x"}, [("/nam", "unknown_field")]),
        ({"items": [{"isbn": "1"}, {"isbn": "1", "copies": 1}]}, [("/items/1/copies", "unknown_field")]),
        ({"items": [{"copies_total": "x"}]}, [("/items/0/isbn", "missing"), ("/items/0/copies_total", "int_parsing")]),
        ({"items": {}}, [("/items", "list_type")]),
        ({"either": {"isbn": 3}}, [("/either", "int_type"), ("/either/isbn", "string_type")]),
        ([], [("", "model_attributes_type")]),
    ],
)
async def test_each_fault_of_a_body_is_pointed_at(app: Any, body: Any, expected: list[tuple[str, str]]) -> None:
    response = await call(app, "POST", "/v1/shelf", json=body)
    assert response.status_code == 422
    assert faults(response) == expected
    only_unknown = {code for _, code in expected} == {"unknown_field"}
    assert response.json()["code"] == ("unknown_field" if only_unknown else "invalid")


async def test_an_unknown_field_inside_a_list_is_told_the_near_one(app: Any) -> None:
    response = await call(app, "POST", "/v1/shelf", json={"items": [{"isbn": "1", "copies_totl": 1}]})
    assert "Did you mean `copies_total`?" in response.json()["errors"][0]["detail"]


async def test_a_missing_body_is_invalid(app: Any) -> None:
    assert faults(await call(app, "POST", "/v1/shelf")) == [("", "missing")]


async def test_a_thousand_faults_are_not_all_listed(app: Any) -> None:
    response = await call(make_app(router), "POST", "/v1/shelf", json={"items": [{"isbn": 1}] * 1_000})
    assert len(response.json()["errors"]) == 100
    assert "900 more" in response.json()["detail"]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("name=a&tag=1&tag=2", 200, None),
        ("name=a&name=b", 422, "duplicate_parameter"),
        ("other=a&other=b", 422, "duplicate_parameter"),
        ("name=%00", 422, "null_character"),
        ("%00=a", 422, "null_character"),
    ],
)
async def test_a_query_gives_each_value_once(app: Any, query: str, status: int, code: str | None) -> None:
    response = await call(app, "GET", f"/v1/shelf?{query}")
    assert response.status_code == status
    if code:
        assert [fault[1] for fault in faults(response)] == [code]


async def test_a_query_has_at_most_fifty_parameters(app: Any) -> None:
    for count, status in ((49, 200), (50, 200), (51, 422)):
        query = "&".join(f"p{number}=1" for number in range(count))
        assert (await call(app, "GET", f"/v1/shelf?{query}")).status_code == status


async def test_a_path_holds_no_nul(app: Any) -> None:
    assert faults(await call(app, "GET", "/v1/shelf/a%00b")) == [("/path", "null_character")]


async def test_path_query_and_body_do_not_stand_in_for_each_other(app: Any) -> None:
    response = await call(app, "GET", "/v1/shelf/mine?name=yours", content=b'{"name": "theirs"}', headers=JSON)
    assert response.json() == "mine"


class Log(list[str]):
    """What happened around a commit, in order."""


def with_transaction(log: Log) -> Any:
    """An app whose door has a transaction that ends, as ours does, when the answer has been built."""
    transactional = doors()

    async def transaction() -> AsyncIterator[None]:
        log.append("begin")
        try:
            yield
        except Exception:
            log.append("rollback")
            raise
        log.append("commit")

    async def remember(request: Request) -> None:
        async def callback(response: Response) -> None:
            log.append(f"saw {response.status_code} {bytes(response.body).decode()}")
            if request.headers.get("fail"):
                raise Conflict("The callback says no.")

        before_commit(request, callback)

    guards = [Depends(transaction, scope="function"), Depends(remember)]

    @transactional.post("/deed", dependencies=guards, status_code=201)
    async def deed(fail: bool = False) -> str:
        log.append("deed")
        if fail:
            raise Conflict
        return "done"

    return make_app(transactional)


async def test_a_callback_sees_the_answer_before_the_commit() -> None:
    log = Log()
    response = await call(with_transaction(log), "POST", "/v1/deed")
    assert (response.status_code, response.json()) == (201, "done")
    assert log == ["begin", "deed", 'saw 201 "done"', "commit"]


async def test_a_callback_that_fails_undoes_the_transaction() -> None:
    log = Log()
    response = await call(with_transaction(log), "POST", "/v1/deed", headers={"fail": "yes"})
    assert response.status_code == 409
    assert log == ["begin", "deed", 'saw 201 "done"', "rollback"]


async def test_a_refusal_is_seen_by_no_callback() -> None:
    log = Log()
    assert (await call(with_transaction(log), "POST", "/v1/deed?fail=true")).status_code == 409
    assert log == ["begin", "deed", "rollback"]
