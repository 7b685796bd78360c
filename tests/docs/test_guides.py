"""The guides' code runs as it stands, block after block, against the real API over real HTTP."""

import asyncio
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import uvicorn

from app.adapters.webhook_sender import headers_of
from app.classes.codes import Codes
from app.core.api_keys import SCANNED
from app.core.config import Settings
from app.core.db import Database
from app.core.scopes import Scope
from app.demo import plant, planted_classes
from app.main import create_public_app
from app.webhooks.sending import Call
from tests.conftest import settings_for
from tests.sign_in.fake_google import Google, google
from tests.world import World

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """The public API on a free port, in a thread of its own; its base address."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_public_app(settings), log_config=None, ws="none"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(timeout=20)


def run(guide: str, names: dict[str, Any] | None = None) -> int:
    """Execute a guide's blocks one after another, as a reader would; a failure names the line of the guide."""
    text = (DOCS / guide).read_text(encoding="utf-8")
    names = {} if names is None else names
    blocks = list(BLOCK.finditer(text))
    try:
        for block in blocks:
            above = text[: block.start(1)].count("\n")
            exec(compile("\n" * above + block.group(1), guide, "exec"), names)
    finally:
        for client in (each for each in names.values() if isinstance(each, httpx.Client)):
            client.close()
    return len(blocks)


async def test_the_guide_for_library_systems_runs(fresh_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(fresh_settings)
    world = World(database)
    school = await world.school("Annandale North Public School")
    lms, admin = await world.lms(school), await world.admin()
    await database.dispose()
    with serving(fresh_settings) as address:
        monkeypatch.setenv("HUEY_API", address)
        monkeypatch.setenv("HUEY_TOKEN", lms.token)
        monkeypatch.setenv("HUEY_ADMIN_TOKEN", admin.token)
        assert await asyncio.to_thread(run, "lms-guide.md") > 5


async def test_the_guide_for_receivers_runs_and_takes_what_this_api_sends(
    make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_for(make_database())
    database = Database(settings)
    world, names = World(database), dict[str, Any]()
    school = await world.school()
    lms = await world.lms(school)
    await database.dispose()
    with serving(settings) as address:
        monkeypatch.setenv("HUEY_API", address)
        monkeypatch.setenv("HUEY_TOKEN", lms.token)
        monkeypatch.setenv("HUEY_SCHOOL", str(school.wriveted_identifier))
        assert await asyncio.to_thread(run, "webhooks.md", names) == 6
    body = b'{"type":"school.updated","timestamp":"2026-11-27T00:00:00Z","data":{"school_id":"1"}}'
    secrets = (names["new_secret"], names["secret"])
    headers = headers_of(Call("https://library.example.com/", "one", datetime.now(UTC), body, secrets))
    assert [names["receive"](headers, body) for _ in range(2)] == [204, 204]
    assert capsys.readouterr().out.count("school.updated") == 1
    assert names["receive"](headers, body.replace(b"1", b"2")) == 400
    assert names["receive"]({**headers, "webhook-timestamp": "1"}, body) == 400
    assert names["receive"]({}, body) == 400


def test_the_guide_tells_scanners_what_to_look_for_and_integrators_every_scope() -> None:
    text = (DOCS / "lms-guide.md").read_text(encoding="utf-8")
    assert f"```\n{SCANNED}\n```" in text
    assert {scope for scope in Scope if f"`{scope}`" not in text} == set()


async def test_the_guide_for_frontends_runs_on_the_demonstration_set(
    make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(make_database(), WRIVETED_ENVIRONMENT="development")
    tokens = await plant(settings)
    ((_, group),) = (await planted_classes(settings)).items()
    with serving(settings) as address:
        monkeypatch.setenv("HUEY_API", address)
        monkeypatch.setenv("HUEY_CLASS_CODE", group["join_code"])
        monkeypatch.setenv("HUEY_USERNAME", group["usernames"][0])
        monkeypatch.setenv("HUEY_TEACHER_TOKEN", tokens["educator"])
        assert await asyncio.to_thread(run, "frontend-guide.md") > 20


async def test_the_guide_to_signing_in_runs(make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    with google() as provider:
        settings = settings_for(make_database(), **provider.settings)
        database, codes = Database(settings), Codes.of(settings)
        world, class_id = World(database), uuid4()
        columns, _ = codes.new(class_id)
        school = await world.school()
        group = await world.class_group(school, id=class_id, **columns)
        await database.dispose()
        monkeypatch.setenv("HUEY_CLASS_CODE", codes.shown(group))
        monkeypatch.setenv("HUEY_SCHOOL", str(school.wriveted_identifier))
        await run_for_frontends(provider, settings, monkeypatch)


async def run_for_frontends(provider: Google, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(settings) as address:
        robin = {"subject": "robin", "email": "robin@old.example"}
        monkeypatch.setenv("HUEY_API", address)
        for name in ("HUEY_ID_TOKEN", "HUEY_ANOTHER_ID_TOKEN", "HUEY_THIRD_ID_TOKEN"):
            monkeypatch.setenv(name, provider.token(**robin))
        with_new_address = provider.token(**robin | {"email": "robin@new.example"})
        monkeypatch.setenv("HUEY_ID_TOKEN_WITH_NEW_ADDRESS", with_new_address)
        assert await asyncio.to_thread(run, "signing-in.md") > 9
