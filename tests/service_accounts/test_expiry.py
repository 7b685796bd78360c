"""The end of a service account, and when it was last used."""

import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.core import acquaintances
from app.core.acquaintances import SECONDS, Acquaintances
from app.core.api_keys import ApiKeys
from app.service_accounts.models import CredentialUse
from tests.world import World

HOUR = timedelta(hours=1)


async def test_an_account_ends_when_it_was_said_to(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    path = f"/service-account/{lms.id}"
    later = datetime.now(UTC) + HOUR
    assert (await admin.get(path)).json()["expires_at"] is None
    changed = await admin.put(path, json={"expires_at": later.isoformat()})
    assert datetime.fromisoformat(changed.json()["expires_at"]) == later
    assert (await admin.put(path, json={"name": "Kept"})).json()["expires_at"] == changed.json()["expires_at"]
    assert (await lms.get("/auth/me")).status_code == 200
    assert (await admin.put(path, json={"expires_at": None})).json()["expires_at"] is None
    body = {"name": "Trial", "type": "lms", "expires_at": later.isoformat()}
    created = await admin.post("/service-account", json=body)
    detail = (await admin.get(f"/service-account/{created.json()['id']}")).json()
    assert datetime.fromisoformat(detail["expires_at"]) == later


@pytest.mark.parametrize("value", ["2026-01-01T00:00:00Z", "2099-01-01T00:00:00", "soon", 1])
async def test_an_end_in_the_past_or_without_a_zone_is_refused(world: World, value: Any) -> None:
    admin, lms = await world.admin(), await world.lms()
    for answer in (
        await admin.put(f"/service-account/{lms.id}", json={"expires_at": value}),
        await admin.post("/service-account", json={"name": "Trial", "type": "lms", "expires_at": value}),
    ):
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == ["/expires_at"]


async def test_last_use_is_shown_of_the_account_and_of_each_key(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    unused, key = await world.key(lms, name="Unused"), await world.key(lms, name="Used")
    path = f"/service-account/{lms.id}"
    assert (await admin.get(path)).json()["last_used_at"] is None
    before = datetime.now(UTC) - timedelta(seconds=1)
    assert (await key.get("/auth/me")).status_code == 200
    by_key = datetime.fromisoformat((await admin.get(path)).json()["last_used_at"])
    assert (await lms.get("/auth/me")).status_code == 200
    by_token = datetime.fromisoformat((await admin.get(path)).json()["last_used_at"])
    assert before < by_key < by_token < datetime.now(UTC) + timedelta(seconds=1)
    uses = {each["name"]: each["last_used_at"] for each in (await admin.get(f"{path}/keys")).json()}
    assert (uses["Unused"], datetime.fromisoformat(uses["Used"])) == (None, by_key)
    assert unused.token != key.token


async def test_refused_and_minted_credentials_are_no_use_of_the_account(world: World) -> None:
    admin, lms = await world.admin(), await world.lms()
    extra: Any = {"ver": 1, "act": f"wriveted:user-account:{admin.id}"}
    minted = world.tokens.issue("service-account", lms.id, HOUR, extra=extra)
    revoked = world.tokens.issue("service-account", lms.id, HOUR, extra={"ver": 9})
    statuses = [
        (await world.http.get("/v1/auth/me", headers={"Authorization": f"Bearer {token}"})).status_code
        for token in (minted, revoked)
    ]
    assert statuses == [200, 401]
    assert (await admin.get(f"/service-account/{lms.id}")).json()["last_used_at"] is None


async def test_a_use_is_noted_every_five_minutes_and_costs_the_requests_between_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    lms = await world.lms(await world.school())
    for client in (lms, await world.key(lms)):
        monkeypatch.undo()
        counts = [await world.count_statements(client.get("/auth/me")) for _ in range(12)]
        assert counts[0] >= 3
        assert sorted(counts)[:10] == [1] * 10, "beyond who asks, at most the rate limiter"
        credential = f"service_account:{lms.id}" if client is lms else f"api_key:{client.token.split('_')[1]}"
        noted = await _used(world, credential)
        for offset, due in ((SECONDS - 5.0, False), (SECONDS + 1.0, True)):
            ahead = time.monotonic() + offset
            monkeypatch.setattr(acquaintances, "time", SimpleNamespace(monotonic=lambda now=ahead: now))
            assert (await client.get("/auth/me")).status_code == 200
            assert (await _used(world, credential) > noted) is due


async def _used(world: World, credential: str) -> datetime:
    async with world.session() as session:
        return (await session.get_one(CredentialUse, credential)).used_at


def test_the_memory_of_credentials_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(acquaintances, "MOST", 10)
    met, keys = Acquaintances(), ApiKeys("test")
    read = [keys.read(keys.make().text) for _ in range(35)]
    for key in read:
        met.remember(key)
    assert sum(met.knows(key) for key in read) <= 10
    assert met.knows(read[-1])
    met.forget(read[-1])
    assert not met.knows(read[-1])
