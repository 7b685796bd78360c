"""What holds for every request: headers, limits, one kind of error page, CORS, probes."""

import asyncio
import re
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel
from sqlalchemy.exc import OperationalError
from starlette.responses import Response, StreamingResponse

from app.core.errors import TooManyRequests, Unauthenticated
from app.core.http.envelope import SECURITY, UNLESS_SET
from app.core.ratelimit import Allowance
from app.core.requests import RawBody, bulk
from tests.core.apps import ORIGIN, call, doors, make_app

CANARY = "canary-91c2"
router = doors()


class Word(BaseModel):
    word: str


@router.get("/fine")
async def fine(request: Request) -> Word:
    request.state.allowance = Allowance("default", 600, 60, 599, 42)
    return Word(word="fine")


@router.post("/words", status_code=201)
async def add(word: Word) -> Word:
    return word


@router.delete("/words/{number}", status_code=204)
async def delete(number: int) -> None:
    return None


@router.get("/words/{number}")
async def get(number: int) -> int:
    return number


@router.get("/unchanged")
async def unchanged() -> Response:
    return Response(status_code=304, headers={"ETag": '"1"', "Cache-Control": "private, max-age=5"})


@router.get("/fails/{how}")
async def fails(how: str) -> Response:
    raise {
        "unexpected": ValueError(CANARY),
        "assertion": AssertionError(CANARY),
        "database": OperationalError(f"SELECT '{CANARY}'", {}, ConnectionRefusedError(CANARY)),
        "connection": ConnectionRefusedError(CANARY),
        "limited": TooManyRequests(retry_after=7),
        "unknown": Unauthenticated(),
    }[how]


@router.get("/half")
async def half() -> Response:
    async def content() -> Any:
        yield b"begun"
        raise ValueError(CANARY)

    return StreamingResponse(content())


@router.put("/import")
@bulk()
async def take_in(body: RawBody) -> int:
    return len(body)


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return make_app(router)


ANSWERS = [
    ("GET", "/v1/fine", {}, 200),
    ("HEAD", "/livez", {}, 200),
    ("POST", "/v1/words", {"json": {"word": "x"}}, 201),
    ("DELETE", "/v1/words/1", {}, 204),
    ("OPTIONS", "/v1/words", {"headers": {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}}, 204),
    ("GET", "/v1/unchanged", {}, 304),
    ("GET", "/", {}, 307),
    ("POST", "/v1/words", {"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    ("GET", "/v1/fails/unknown", {}, 401),
    ("GET", "/nothing", {}, 404),
    ("PATCH", "/v1/words", {}, 405),
    ("POST", "/v1/words", {"json": "x" * 300_000}, 413),
    ("GET", f"/{'x' * 9_000}", {}, 414),
    ("POST", "/v1/words", {"content": b"x"}, 415),
    ("GET", "/v1/words/x", {}, 422),
    ("GET", "/v1/fails/limited", {}, 429),
    ("GET", "/v1/fine", {"headers": {"X": "x" * 17_000}}, 431),
    ("GET", "/v1/fails/unexpected", {}, 500),
    ("GET", "/v1/fails/database", {}, 503),
]


@pytest.mark.parametrize(("method", "path", "options", "status"), ANSWERS, ids=[str(row[3]) for row in ANSWERS])
async def test_every_answer_has_the_headers(
    app: FastAPI, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    response = await call(app, method, path, **options)
    assert response.status_code == status
    for name, value in SECURITY:
        assert response.headers.get_list(name.decode()) == [value.decode()]
    for name, value in UNLESS_SET:
        own = status == 304 and name == b"cache-control"
        assert response.headers.get_list(name.decode()) == ["private, max-age=5" if own else value.decode()]
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])
    assert response.headers["vary"] == "Origin"
    assert "set-cookie" not in response.headers
    assert "server" not in response.headers


@pytest.mark.parametrize(("method", "path", "options", "status"), [row for row in ANSWERS if row[3] >= 400])
async def test_every_refusal_is_one_kind_of_document(
    app: FastAPI, method: str, path: str, options: dict[str, Any], status: int
) -> None:
    response = await call(app, method, path, **options)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    extra = {"limit_bytes", "retry_after"}
    assert body.keys() - extra == {"type", "title", "status", "detail", "code", "errors", "request_id"}
    assert (body["status"], body["request_id"]) == (status, response.headers["x-request-id"])
    assert isinstance(body["detail"], str)
    assert CANARY not in response.text
    page = await call(app, "GET", body["type"])
    assert page.status_code == 200
    assert body["code"] in page.text


@pytest.mark.parametrize("how", ["unexpected", "assertion"])
async def test_the_last_resort_is_the_same_in_every_environment(how: str) -> None:
    bodies = []
    for environment in ("test", "development"):
        app = make_app(router, WRIVETED_ENVIRONMENT=environment)
        body = (await call(app, "GET", f"/v1/fails/{how}")).json()
        assert body.pop("request_id")
        bodies.append(body)
    assert bodies[0] == bodies[1]
    assert bodies[0]["code"] == "internal_error"


@pytest.mark.parametrize("how", ["database", "connection"])
async def test_a_dependency_that_is_away_is_503_with_retry_after(app: FastAPI, how: str) -> None:
    response = await call(app, "GET", f"/v1/fails/{how}")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert int(response.headers["retry-after"]) > 0


async def test_an_answer_that_breaks_off_is_not_patched_up(app: FastAPI) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.sleep(5)

    scope = {"type": "http", "method": "GET", "path": "/v1/half", "query_string": b"", "headers": []}
    await app(scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[-1]["more_body"] is True


async def test_a_405_lists_every_method_of_the_path(app: FastAPI) -> None:
    response = await call(app, "PATCH", "/v1/words/1")
    assert (response.status_code, response.headers["allow"]) == (405, "DELETE, GET")


async def test_a_path_with_a_slash_too_many_is_not_redirected_by_the_host_header(app: FastAPI) -> None:
    response = await call(app, "GET", "/v1/fine/", headers={"Host": "evil.example"})
    assert response.status_code == 404


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("0123abcd", True),
        ("4bf92f3577b34da6a3ce929d0e0e4736", True),
        ("a" * 64, True),
        ("a" * 65, False),
        ("a" * 7, False),
        ("ABCDEF01", False),
        ("0123abcd\t", False),
        ("0123abcd, 0123abcd", False),
        ("../../etc/passwd", False),
        ("zoe@example.com", False),
    ],
)
async def test_a_request_id_of_the_caller_is_kept_if_it_is_one(app: FastAPI, given: str, kept: bool) -> None:
    response = await call(app, "GET", "/v1/fine", headers={"X-Request-ID": given})
    assert (response.headers["x-request-id"] == given) is kept


async def test_request_ids_differ(app: FastAPI) -> None:
    assert len({(await call(app, "GET", "/v1/fine")).headers["x-request-id"] for _ in range(50)}) == 50


async def test_a_url_may_be_8_kib_and_not_more(app: FastAPI) -> None:
    for size, status in ((8_191, 200), (8_192, 200), (8_193, 414)):
        query = "a" * (size - len("/v1/fine"))
        assert (await call(app, "GET", f"/v1/fine?{query}")).status_code == status


async def test_headers_may_be_16_kib_together_and_not_more(app: FastAPI) -> None:
    for size, status in ((16_383, 200), (16_384, 200), (16_385, 431)):
        client = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), headers={}, base_url="http://testserver")
        request = client.build_request("GET", "/v1/fine")
        used = sum(len(name) + len(value) for name, value in request.headers.raw)
        for part in range(2):
            request.headers[f"x-{part}"] = "a" * ((size - used + part) // 2 - len("x-0"))
        assert (await client.send(request)).status_code == status
        await client.aclose()


async def test_what_is_left_of_a_limit_stands_in_the_headers(app: FastAPI) -> None:
    response = await call(app, "GET", "/v1/fine")
    assert response.headers["ratelimit-policy"] == '"default";q=600;w=60'
    assert response.headers["ratelimit"] == '"default";r=599;t=42'
    assert (await call(app, "GET", "/v1/fails/limited")).headers["retry-after"] == "7"


HOST = "app.hueybooks.com"
HOSTILE = [
    *("null", "*", "", " ", "file://", "data:", "https://", f"//{HOST}", HOST, f"{HOST}:443", f"https:{HOST}"),
    *(f"{scheme}://{HOST}" for scheme in ("http", "ws", "wss", "ftp", "HTTPS", "Https", "httpss", "javascript")),
    *(f"https://{HOST}{end}" for end in ("/", ".", ":443", ":80", ":8443", "?", "#", "/x", "?x=1", "@evil.com")),
    *(f"https://{HOST}{end}" for end in (".evil.com", "evil.com", "-evil.com", "%2eevil.com", ".au", "m", "&", ";")),
    *(f"https://{start}{HOST}" for start in ("evil", "evil.", "evil-", "x.", "www.", "@", "user:pw@", ".", "%00")),
    *(f"{ORIGIN}{glue}{ORIGIN}" for glue in (" ", ",", ", ", ";", "|", "\t")),
    *(ORIGIN.upper(), ORIGIN.replace("hueybooks", "HueyBooks"), ORIGIN.replace(".", "x"), ORIGIN.replace(".", "")),
    *(f" {ORIGIN}", f"{ORIGIN} ", f"\t{ORIGIN}", "https://127.0.0.1", "http://localhost:3000", "https://[::1]"),
    *("https://hueybooks.com", "https://wriveted.evilweb.app", "https://wriveted-x.web.app", "chrome-extension://a"),
]


def test_the_corpus_of_origins_is_large_and_has_not_ours() -> None:
    assert len(set(HOSTILE)) >= 60
    assert ORIGIN not in HOSTILE


@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_no_other_origin_is_answered(app: FastAPI, method: str) -> None:
    for origin in HOSTILE:
        headers = {"Origin": origin.encode(), b"Access-Control-Request-Method": b"GET"}
        response = await call(app, method, "/v1/fine", headers=headers)
        assert not [name for name in response.headers if name.startswith("access-control-")], origin
        assert response.status_code == (200 if method == "GET" else 405)


async def test_our_origin_may_read_and_ask_without_credentials(app: FastAPI) -> None:
    read = await call(app, "GET", "/v1/fine", headers={"Origin": ORIGIN})
    assert read.headers["access-control-allow-origin"] == ORIGIN
    assert {"X-Request-ID", "ETag", "Link", "RateLimit"} <= set(
        read.headers["access-control-expose-headers"].split(", ")
    )
    asked = await call(app, "OPTIONS", "/v1/words", headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert asked.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE"
    assert "Authorization" in asked.headers["access-control-allow-headers"]
    assert asked.headers["access-control-max-age"] == "600"
    for response in (read, asked):
        assert "access-control-allow-credentials" not in response.headers


async def test_a_refusal_can_be_read_by_our_origin(app: FastAPI) -> None:
    for path in ("/v1/fails/unexpected", f"/{'x' * 9_000}"):
        response = await call(app, "GET", path, headers={"Origin": ORIGIN})
        assert response.headers["access-control-allow-origin"] == ORIGIN


async def test_identity_in_headers_is_not_believed() -> None:
    seen = doors()

    async def who(request: Request) -> str:
        return str(getattr(request.state, "account", None))

    @seen.get("/who")
    async def ask(name: Annotated[str, Depends(who)]) -> str:
        return name

    forged = {"X-User-Identity": "admin", "X-JWT-Token-Valid": "true", "X-Account": "admin", "State": "account"}
    assert (await call(make_app(seen), "GET", "/v1/who", headers=forged)).json() == "None"


class FakeDatabase:
    """A database that objects to what it is told to, and counts how often it is asked."""

    def __init__(self, *found: str) -> None:
        self.found = list(found)
        self.asked = 0

    async def objections(self) -> list[str]:
        self.asked += 1
        return self.found


async def test_a_process_is_alive_and_ready() -> None:
    app = make_app(database=FakeDatabase())
    assert (await call(app, "GET", "/livez")).text == "ok"
    assert (await call(app, "GET", "/readyz")).text == "ok"


@pytest.mark.parametrize("objection", ["the database does not answer (OperationalError)", "migrations are at a"])
async def test_a_process_without_its_database_is_alive_but_not_ready(objection: str) -> None:
    database = FakeDatabase(objection)
    app = make_app(database=database)
    assert (await call(app, "GET", "/livez")).status_code == 200
    assert database.asked == 0
    response = await call(app, "GET", "/readyz")
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert objection in response.json()["detail"]


async def test_a_process_that_shuts_down_is_not_ready() -> None:
    app = make_app(database=FakeDatabase())
    app.state.readiness.draining = True
    assert (await call(app, "GET", "/readyz")).status_code == 503


async def test_many_probes_ask_the_database_once() -> None:
    database = FakeDatabase()
    app = make_app(database=database)
    await asyncio.gather(*(call(app, "GET", "/readyz") for _ in range(20)))
    assert database.asked == 1


def test_two_operations_of_one_name_do_not_start() -> None:
    twice = doors()
    for path in ("/a", "/b"):
        twice.add_api_route(path, fine)
    with pytest.raises(ValueError, match="things_fine"):
        make_app(twice)


def test_a_route_that_is_no_door_does_not_start() -> None:
    plain = APIRouter(prefix="/v1")
    plain.add_api_route("/a", fine)
    with pytest.raises(TypeError, match="/v1/a"):
        make_app(plain)
    nested = doors()
    nested.include_router(plain)
    with pytest.raises(TypeError, match="Door"):
        make_app(nested)


async def test_routes_are_found_wherever_their_parameters_stand() -> None:
    odd = doors()
    for path in ("/{a}", "/x", "/x/{a}", "/x/{a}/y", "/x/y", "/{a}/y/z"):

        async def told(path: str = path) -> str:
            return path

        odd.add_api_route(path, told, name=path)
    app = make_app(odd)
    expected = {"/v1/q": "/{a}", "/v1/x": "/{a}", "/v1/x/1": "/x/{a}", "/v1/x/1/y": "/x/{a}/y", "/v1/q/y/z": "/{a}/y/z"}
    assert {path: (await call(app, "GET", path)).json() for path in expected} == expected


async def test_a_websocket_is_turned_away(app: FastAPI) -> None:
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "websocket", "path": "/v1/fine", "headers": [], "query_string": b""}, receive, send)
    assert [message["type"] for message in sent] == ["websocket.close"]
