"""Revocation holds from its answer on: no request that begins later succeeds with the old rights.

Each iteration lets requests of the old credential run while it is revoked, and goes by the order in which things
happened: a request that began after the revocation was answered has to be refused.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx
import pytest

from app.accounts.models import PublicReader
from app.accounts.service import Issuer
from app.sign_in import sessions
from app.sign_in.schemas import SessionToken
from tests.sign_in.conftest import Door
from tests.world import Client, World

ITERATIONS = {
    "log out": 200,
    "log out everywhere": 200,
    "end session from another": 150,
    "admin ends all sessions": 100,
    "deactivate person": 150,
    "deactivate service account": 100,
    "rotate without overlap": 100,
}
OF_PROGRAMS = ("deactivate service account", "rotate without overlap")
ASKING_AT_ONCE = 2
AFTERWARDS = 1
AT_ONCE = 4
"""Iterations, each about somebody else."""


@dataclass
class Revocation:
    """What takes the rights away, and every credential that is then good for nothing."""

    revoke: Callable[[], Awaitable[int]]
    tokens: list[str]
    refresh_tokens: list[str] = field(default_factory=list)


async def people(door: Door, world: World, number: int) -> list[list[SessionToken]]:
    """That many people, each with two sessions that can be renewed."""
    issuer = Issuer.of(door.app.state.settings)
    async with world.session() as session:
        readers = [PublicReader(name="Racer") for _ in range(number)]
        session.add_all(readers)
        await session.flush()
        return [
            [await sessions.begin(session, issuer, reader, method="firebase", renewable=True) for _ in range(2)]
            for reader in readers
        ]


def of_person(kind: str, door: Door, world: World, admin: Client, held: list[SessionToken]) -> Revocation:
    tokens, other = held
    claims = world.tokens.read(tokens.access_token)
    asked = {
        "log out": ("POST", "/auth/logout", tokens.access_token),
        "log out everywhere": ("POST", "/auth/logout-everywhere", tokens.access_token),
        "end session from another": ("DELETE", f"/auth/session/{claims.session}", other.access_token),
        "admin ends all sessions": ("DELETE", f"/user/{claims.id}/sessions", admin.token),
        "deactivate person": ("PATCH", f"/user/{claims.id}", admin.token),
    }
    body = {"json": {"is_active": False}} if kind == "deactivate person" else {}
    assert tokens.refresh_token is not None
    return Revocation(
        lambda: _status(door.ask(*asked[kind], **body)),
        [tokens.access_token],
        [tokens.refresh_token],
    )


async def _of_program(kind: str, world: World, admin: Client) -> Revocation:
    program = await world.service("kiosk")
    path = f"/service-account/{program.id}"
    if kind == "deactivate service account":
        return Revocation(lambda: _status(admin.delete(path)), [program.token])
    rotate = {"json": {"overlap_hours": 0}}
    return Revocation(lambda: _status(admin.post(f"{path}/rotate", **rotate)), [program.token])


async def _status(answer: Awaitable[httpx.Response]) -> int:
    return (await answer).status_code


async def race(door: Door, it: Revocation) -> tuple[int, list[str]]:
    """How many requests began after the answer, and which of them succeeded."""
    acknowledged = float("inf")
    begun: list[tuple[float, bool, str]] = []
    renewed: list[str] = []

    async def ask(token: str) -> None:
        started = time.monotonic()
        answer = await door.ask("GET", "/auth/me", token)
        begun.append((started, answer.status_code == 200, "access"))

    async def refresh(token: str) -> None:
        started = time.monotonic()
        answer = await door.http.post("/v1/auth/refresh", json={"refresh_token": token})
        begun.append((started, answer.status_code == 200, "refresh"))
        if answer.status_code == 200:
            renewed.append(answer.json()["access_token"])

    async def revoke() -> None:
        nonlocal acknowledged
        assert await it.revoke() == 200
        acknowledged = time.monotonic()

    under_way = [ask(token) for token in it.tokens * ASKING_AT_ONCE] + [refresh(token) for token in it.refresh_tokens]
    await asyncio.gather(*under_way[:1], revoke(), *under_way[1:])
    await asyncio.gather(
        *(ask(token) for token in (it.tokens + renewed) * AFTERWARDS), *map(refresh, it.refresh_tokens)
    )
    late = [(succeeded, what) for started, succeeded, what in begun if started > acknowledged]
    return len(late), [what for succeeded, what in late if succeeded]


@pytest.mark.parametrize("kind", ITERATIONS)
async def test_nothing_that_begins_after_a_revocation_succeeds(door: Door, world: World, kind: str) -> None:
    admin, number = await world.admin(), ITERATIONS[kind]
    if kind in OF_PROGRAMS:
        waiting = [await _of_program(kind, world, admin) for _ in range(number)]
    else:
        waiting = [of_person(kind, door, world, admin, held) for held in await people(door, world, number)]
    late, succeeded = 0, []
    while waiting:
        now, waiting = waiting[:AT_ONCE], waiting[AT_ONCE:]
        for count, wrong in await asyncio.gather(*(race(door, it) for it in now)):
            late += count
            succeeded += wrong
    assert succeeded == []
    assert late >= ITERATIONS[kind]


def test_iterations_are_a_thousand() -> None:
    assert sum(ITERATIONS.values()) >= 1_000
