import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from app.adapters import egress
from app.adapters.addresses import is_public_address
from app.adapters.egress import Egress, Sent, register
from app.core.config import Settings
from app.core.outside import NoAnswer, NotAllowed, Response
from tests.adapters.forbidden import ADDRESSES, HOST, urls
from tests.adapters.listener import Names, Network, certified, listening
from tests.conftest import settings_for

PUBLIC = ("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "8.8.8.8", "2a00:1450:4001:80b::200e")
FORBIDDEN = list(dict.fromkeys(urls()))
SETTINGS = settings_for("postgresql://nobody@127.0.0.1/nothing")
TWINS = settings_for("postgresql://nobody@127.0.0.1/nothing", WRIVETED_EGRESS_LOOPBACK="true")

Ask = Callable[..., Awaitable[Response]]


@asynccontextmanager
async def client(settings: Settings = SETTINGS, **parts: Any) -> AsyncIterator[Egress]:
    made = Egress(settings, **parts)
    try:
        yield made
    finally:
        await made.close()


async def refusal(asking: Awaitable[Response]) -> str:
    with pytest.raises(NotAllowed) as refused:
        await asking
    return refused.value.reason


async def failure(asking: Awaitable[Response]) -> str:
    with pytest.raises(NoAnswer) as failed:
        await asking
    return failed.value.reason


async def test_nothing_connects_to_a_target_that_is_spelled_in_a_url() -> None:
    assert len(FORBIDDEN) >= 200
    names = Names()
    async with listening() as host, client(resolve=names, backend=(network := Network(host.port))) as out:
        refused = {url: await refusal(out.request("POST", url, purpose="webhook", content=b"x")) for url in FORBIDDEN}
    assert set(refused.values()) == {"url", "scheme", "port", "host"}
    assert (host.connections, network.dialled, names.asked) == (0, [], [])


async def test_nothing_connects_to_an_address_that_a_public_name_leads_to() -> None:
    told = {f"h{number}_example_com": [[address]] for number, address in enumerate(ADDRESSES)}
    mixed = {f"m{number}_example_com": [[PUBLIC[0], address]] for number, address in enumerate(ADDRESSES)}
    async with (
        listening() as host,
        client(resolve=Names(**told, **mixed), backend=(network := Network(host.port))) as out,
    ):
        for name in (*told, *mixed):
            url = f"https://{name.replace('_', '.')}/"
            assert await refusal(out.request("GET", url, purpose="webhook")) == "address", url
    assert (host.connections, network.dialled) == (0, [])


@pytest.mark.parametrize("address", PUBLIC)
def test_addresses_of_public_hosts_are_public(address: str) -> None:
    assert is_public_address(address)


@pytest.mark.parametrize("address", ADDRESSES)
def test_other_addresses_are_not(address: str) -> None:
    assert not is_public_address(address)


async def test_a_host_is_reached_at_the_address_that_was_checked_and_has_to_prove_its_name(tmp_path: Path) -> None:
    server, trusting = certified(tmp_path, HOST)
    names = Names(hooks_example_com=[[PUBLIC[0]], ["127.0.0.1"]])
    async with (
        listening(tls=server) as host,
        client(resolve=names, backend=(network := Network(host.port)), certificates=trusting) as out,
    ):
        answer = await out.request("POST", f"https://{HOST}/in?a=1", purpose="webhook", content=b"{}")
        assert (answer.status, answer.body) == (200, b"")
        assert await refusal(out.request("POST", f"https://{HOST}/in", purpose="webhook")) == "address"
    assert network.dialled == [(PUBLIC[0], 443)]
    assert names.asked == [HOST, HOST], "once for each connection: what was checked is what is dialled"
    assert host.names == [HOST]
    assert host.heard[0].startswith(b"POST /in?a=1 HTTP/1.1\r\nHost: hooks.example.com\r\n")
    assert b"User-Agent: wriveted-api (+http://testserver)\r\n" in host.heard[0]


async def test_a_host_that_cannot_prove_its_name_hears_nothing(tmp_path: Path) -> None:
    server, trusting = certified(tmp_path, "somebody.else.com")
    async with (
        listening(tls=server) as host,
        client(resolve=Names(), backend=Network(host.port), certificates=trusting) as out,
    ):
        assert await failure(out.request("GET", f"https://{HOST}/", purpose="webhook")) == "ConnectError"
    assert host.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", ["http://169.254.169.254/", "file:///etc/passwd", "//10.0.0.1/", "/elsewhere"])
async def test_no_redirect_is_followed(status: int, place: str) -> None:
    answer = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {place}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    async with listening(answer.encode()) as host, client(TWINS, backend=(network := Network(host.port))) as out:
        found = await out.request("GET", "http://127.0.0.1:8123/", purpose="webhook")
    assert (found.status, host.connections, network.dialled) == (status, 1, [("127.0.0.1", 8123)])


async def test_a_purpose_speaks_to_the_hosts_of_its_line_alone() -> None:
    async with listening() as host, client(resolve=Names(), backend=(network := Network(host.port))) as out:
        for purpose, known in register().items():
            if known.hosts != "public":
                assert await refusal(out.request("GET", f"https://{HOST}/", purpose=purpose)) == "host"
        assert await refusal(out.request("GET", f"https://{HOST}/", purpose="gossip")) == "purpose"
    assert (host.connections, network.dialled) == (0, [])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("X-A", value) for value in ("a\r\nHost: b", "a\nb", "a\rb", "a\x00", "\u560d\u560a", "a" * 9000)),
        *((name, "a") for name in ("Host", "host", "Content-Length", "Transfer-Encoding", "X A", "X:A", "X\r\nA", "")),
    ],
)
async def test_a_header_that_could_say_more_than_one_thing_is_refused(name: str, value: str) -> None:
    async with listening() as host, client(TWINS, backend=(network := Network(host.port))) as out:
        asking = out.request("GET", "http://127.0.0.1:8123/", purpose="webhook", headers={name: value})
        assert await refusal(asking) == "header"
    assert network.dialled == []


async def test_a_twin_on_this_machine_is_reached_only_where_that_is_allowed() -> None:
    async with listening() as host:
        url = f"http://127.0.0.1:{host.port}/a"
        async with client(TWINS) as out:
            assert (await out.request("GET", url, purpose="nielsen")).body == b"ok"
            assert await refusal(out.request("GET", "http://10.0.0.1/", purpose="nielsen")) == "scheme"
        async with client() as out:
            assert await refusal(out.request("GET", url, purpose="nielsen")) == "scheme"
    assert host.connections == 1


async def test_an_answer_is_bounded_in_size() -> None:
    body = b"x" * (register()["slack"].answer + 1)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
    async with listening(head + body) as host, client(TWINS) as out:
        url = f"http://127.0.0.1:{host.port}/"
        assert await failure(out.request("GET", url, purpose="slack")) == "too_large"
        assert len((await out.request("GET", url, purpose="nielsen")).body) == len(body)
        assert (await out.request("GET", url, purpose="webhook")).body == b""


async def test_a_compressed_answer_is_not_opened() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    async with listening(head) as host, client(TWINS) as out:
        asking = out.request("GET", f"http://127.0.0.1:{host.port}/", purpose="nielsen")
        assert await failure(asking) == "encoded"
    assert b"Accept-Encoding: identity\r\n" in host.heard[0]


async def test_an_answer_is_bounded_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (egress.CONNECT_SECONDS, egress.TOTAL_SECONDS) == (2.0, 10.0)
    monkeypatch.setattr(egress, "TOTAL_SECONDS", 0.3)
    async with listening(pause=0.1) as host, client(TWINS) as out:
        started = asyncio.get_running_loop().time()
        asking = out.request("GET", f"http://127.0.0.1:{host.port}/", purpose="nielsen")
        assert await failure(asking) == "timeout"
        assert asyncio.get_running_loop().time() - started < 1


async def test_a_name_that_is_not_resolved_in_time_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: str) -> list[str]:
        await asyncio.sleep(60)
        return []

    monkeypatch.setattr(egress, "CONNECT_SECONDS", 0.1)
    async with client(resolve=never) as out:
        assert await failure(out.request("GET", f"https://{HOST}/", purpose="webhook")) == "timeout"


async def test_a_name_that_nobody_has_is_no_answer() -> None:
    async with client(resolve=Names(hooks_example_com=[[]])) as out:
        assert await failure(out.request("GET", f"https://{HOST}/", purpose="webhook")) == "no_address"


@pytest.mark.parametrize("answer", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"])
async def test_a_host_that_lies_is_no_answer(answer: bytes) -> None:
    async with listening(answer) as host, client(TWINS) as out:
        await failure(out.request("GET", f"http://127.0.0.1:{host.port}/", purpose="nielsen"))
    assert host.connections == 1, "nothing is repeated"


async def test_nobody_there_is_no_answer() -> None:
    async with client(TWINS) as out:
        assert await failure(out.request("GET", "http://127.0.0.1:1/", purpose="nielsen")) == "ConnectError"


async def test_a_recorder_hears_all_that_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[Sent] = []
    async with listening() as host, client(TWINS, recorder=told.append) as out:
        url = f"http://127.0.0.1:{host.port}/x?password=hush"
        await out.request("POST", url, purpose="slack", headers={"Authorization": "Bearer hush"}, content=b"hello")
    assert [(each.purpose, each.method, each.url, each.content) for each in told] == [("slack", "POST", url, b"hello")]
    assert told[0].headers["Authorization"] == "Bearer hush"
    assert "hush" not in repr(capsys.readouterr()), "neither the query nor a header is logged"


def test_every_line_of_the_register_says_why_to_whom_and_what() -> None:
    for purpose, line in register().items():
        assert line.why.endswith(".") and line.sends, purpose
        assert line.hosts == "public" or line.hosts, purpose
        assert 0 <= line.answer <= 1024 * 1024, purpose
    assert [purpose for purpose, line in register().items() if line.hosts == "public"] == ["webhook", "language-model"]
