"""What the public API's process counts of itself, and who can see it."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from app.core.config import Settings
from app.core.db import Database
from app.main import create_public_app
from tests.conftest import settings_for
from tests.reliability.serving import serving
from tests.tasks.measuring import measured
from tests.world import World


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """The application between its start and its end."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://testserver") as client,
    ):
        yield client


async def shown(port: int) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


async def test_requests_are_counted_by_template_and_status_without_anybody_in_it(
    world: World, settings: Settings, database: Database
) -> None:
    port, school = free_port(), await world.school()
    admin = await world.school_admin(school)
    app = create_public_app(settings.model_copy(update={"metrics_port": port}), database=database)
    async with running(app) as client:
        headers = {"Authorization": f"Bearer {admin.token}"}
        for _ in range(3):
            answer = await client.get(f"/v1/school/{school.wriveted_identifier}", headers=headers)
            assert answer.status_code == 200
        assert (await client.get(f"/v1/school/{school.wriveted_identifier}")).status_code == 401
        for path in ("/v1/nothing/Kim", "/.env", f"/v1/{admin.id}"):
            assert (await client.get(path)).status_code == 404
        for method in ("BREW", "WHEN", "X" * 40):
            await client.request(method, "/v1/version")
        page = await shown(port)
    counted = measured(page, "wriveted_requests", "method", "route", "status")
    template = "/v1/school/{wriveted_identifier}"
    assert counted[f"GET {template} 200"] == 3
    assert counted[f"GET {template} 401"] == 1
    assert counted["GET none 404"] == 3
    assert {key.split()[0] for key in counted} == {"GET", "other"}
    assert f'wriveted_request_seconds_count{{method="GET",route="{template}"}}' in page
    for told in (str(school.wriveted_identifier), str(admin.id), "Kim", ".env", "BREW"):
        assert told not in page


@pytest.mark.parametrize("counts", [False, True])
async def test_public_door_never_shows_them(world: World, settings: Settings, database: Database, counts: bool) -> None:
    chosen = free_port() if counts else None
    app = create_public_app(settings.model_copy(update={"metrics_port": chosen}), database=database)
    assert (app.state.observe is not None) == counts
    admin = await world.admin()
    async with running(app) as client:
        for path in ("/metrics", "/metrics/", "/v1/metrics", "/v1/../metrics", "/%6detrics"):
            for headers in ({}, {"Authorization": f"Bearer {admin.token}"}, {"Host": f"127.0.0.1:{chosen}"}):
                answer = await client.get(path, headers=headers)
                assert answer.status_code == 404, path
                assert "wriveted_requests" not in answer.text


async def test_application_whose_port_is_taken_does_not_start(settings: Settings, database: Database) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen = settings.model_copy(update={"metrics_port": taken.getsockname()[1]})
        with pytest.raises(OSError, match="in use"):
            async with running(create_public_app(chosen, database=database)):
                pass


async def test_port_is_free_again_when_the_application_has_ended(settings: Settings, database: Database) -> None:
    port = free_port()
    for _ in range(2):
        async with running(
            create_public_app(settings.model_copy(update={"metrics_port": port}), database=database)
        ) as client:
            assert (await client.get("/livez")).status_code == 200
            assert measured(await shown(port), "wriveted_requests", "route") == {"/livez": 1}
    with pytest.raises(httpx.ConnectError):
        await shown(port)


def test_process_shows_them_to_its_own_machine_alone_and_ends_when_it_is_told(make_database: Callable[[], str]) -> None:
    port = free_port()
    with serving(settings_for(make_database(), WRIVETED_METRICS_PORT=str(port))) as api:
        assert httpx.get(f"{api.url}/v1/version").status_code == 200
        assert httpx.get(f"{api.url}/metrics").status_code == 404
        page = asyncio.run(shown(port))
        assert measured(page, "wriveted_requests", "route", "status")["/v1/version 200"] == 1
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"http://127.0.0.2:{port}/metrics")
        api.process.send_signal(signal.SIGTERM)
        assert api.process.wait(8) == 0
