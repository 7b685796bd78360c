"""A forged token or key opens no door: all of both corpora at every operation, always one answer, the database not
asked."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.core.api_keys import ApiKeys
from app.core.config import Settings
from app.core.leases import Lease, Leases
from app.core.security import Tokens
from tests.api.operations import GUARDED, Answer, Operation, send
from tests.conftest import settings_for
from tests.core.apps import NOWHERE
from tests.core.forged_keys import forged_keys
from tests.core.forgeries import forgeries, genuine, sendable
from tests.world import HOUR, World

OTHER_KEY = "an-other-environment-signs-with-this-key"


@pytest.fixture
def now() -> datetime:
    """The clock stands still for forgeries: one that is good from 11 seconds on would be good while the test runs."""
    return datetime.now(UTC) + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def tokens(app: FastAPI, settings: Settings, now: datetime, monkeypatch: pytest.MonkeyPatch) -> Tokens:
    tokens = Tokens.of(settings, clock=lambda: now)
    monkeypatch.setitem(app.state._state, "tokens", tokens)
    return tokens


@pytest.fixture
def corpus(tokens: Tokens, now: datetime) -> list[tuple[str, str]]:
    return [(name, token) for name, token in forgeries(tokens, now) if sendable(token)]


@pytest.fixture
def leases(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One entry for each connection that is taken from the pool."""
    taken: list[None] = []
    take = Leases.take

    async def note(leases: Leases) -> Lease:
        taken.append(None)
        return await take(leases)

    monkeypatch.setattr(Leases, "take", note)
    return taken


def refusal(answer: Answer) -> tuple[int, dict[str, Any], str | None]:
    """What may not differ from one forgery to another."""
    body = json.loads(answer.body)
    return answer.status, body | {"request_id": ""}, answer.headers.get("www-authenticate")


async def call(app: FastAPI, operation: Operation, credential: str) -> Answer:
    return await send(app, operation.method, operation.at(), {"Authorization": credential}, operation.example)


def test_the_corpus_is_large_enough(corpus: list[tuple[str, str]]) -> None:
    assert len(corpus) >= 80
    assert len(GUARDED) >= 37


@pytest.mark.parametrize("operation", GUARDED, ids=str)
async def test_every_forgery_is_refused_by_every_operation_in_the_same_words(
    app: FastAPI, corpus: list[tuple[str, str]], leases: list[None], operation: Operation
) -> None:
    expected = refusal(await call(app, GUARDED[0], "Bearer forged"))
    assert expected[0] == 401
    assert expected[1]["code"] == "not_authenticated"
    assert (expected[2] or "").startswith("Bearer")
    differing = [name for name, token in corpus if refusal(await call(app, operation, f"Bearer {token}")) != expected]
    assert differing == []
    assert leases == [], "a forged token costs no connection"


async def test_the_genuine_token_that_the_forgeries_vary_gets_past_the_first_gate(
    app: FastAPI, tokens: Tokens, now: datetime, leases: list[None]
) -> None:
    """It is of nobody: only the database can tell, so it is asked, and the answer is the same."""
    token = genuine(tokens, now)
    answer = await send(app, "GET", "/v1/auth/me", {"Authorization": f"Bearer {token}"})
    assert refusal(answer) == refusal(await call(app, GUARDED[0], "Bearer forged"))
    assert leases, "the corpus proves nothing if this one is refused before"


async def test_a_token_of_another_environment_is_refused_by_every_operation(
    app: FastAPI, world: World, leases: list[None]
) -> None:
    """It is well made and names an admin who exists here; only the key, or only the issuer, is another's."""
    admin = await world.admin()
    leases.clear()
    other_key = Tokens.of(settings_for(NOWHERE, WRIVETED_TOKEN_KEYS=OTHER_KEY))
    other_issuer = Tokens.of(settings_for(NOWHERE, WRIVETED_TOKEN_ISSUER="wriveted-staging"))
    other_audience = Tokens.of(settings_for(NOWHERE, WRIVETED_TOKEN_AUDIENCE="wriveted-internal"))
    tokens = [ring.issue("user-account", admin.id, HOUR) for ring in (other_key, other_issuer, other_audience)]
    answers = [(await call(app, operation, f"Bearer {token}")).status for operation in GUARDED for token in tokens]
    assert set(answers) == {401}
    assert leases == []
    assert (await admin.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("operation", GUARDED, ids=str)
async def test_every_forged_key_is_refused_by_every_operation_in_the_same_words(
    app: FastAPI, world: World, leases: list[None], operation: Operation
) -> None:
    """As either header; and two credentials are none, however good each is."""
    key, token = (await world.key(lms := await world.lms())).token, lms.token
    leases.clear()
    expected = refusal(await call(app, GUARDED[0], "Bearer forged"))
    forged = [(name, text) for name, text in forged_keys(ApiKeys("test")) if sendable(text)]
    sent = [(name, {"Authorization": f"Bearer {text}"}) for name, text in forged]
    sent += [(f"{name}, as X-Api-Key", {"X-Api-Key": text}) for name, text in forged]
    sent += [
        ("a token as X-Api-Key", {"X-Api-Key": token}),
        ("the scheme in X-Api-Key", {"X-Api-Key": f"Bearer {key}"}),
        ("nothing as X-Api-Key", {"X-Api-Key": ""}),
        ("the key twice", {"Authorization": f"Bearer {key}", "X-Api-Key": key}),
        ("a token and a key", {"Authorization": f"Bearer {token}", "X-Api-Key": key}),
        ("a key beside Basic", {"Authorization": f"Basic {key}", "X-Api-Key": key}),
        ("a token beside nothing", {"Authorization": f"Bearer {token}", "X-Api-Key": ""}),
    ]
    differing = [
        name
        for name, headers in sent
        if refusal(await send(app, operation.method, operation.at(), headers, operation.example)) != expected
    ]
    assert differing == []
    assert len(sent) > 100
    assert leases == [], "a forged key costs no connection"


@pytest.mark.parametrize("header", ["authorization", "x-api-key"])
async def test_a_header_given_twice_is_refused(world: World, leases: list[None], header: str) -> None:
    key = (await world.key(await world.lms())).token
    value = f"Bearer {key}" if header == "authorization" else key
    leases.clear()
    answer = await world.http.get("/v1/auth/me", headers=[(header, value), (header, value)])
    assert answer.status_code == 401
    assert leases == []
    assert (await world.http.get("/v1/auth/me", headers={header: value})).status_code == 200


async def test_a_key_that_is_too_long_is_refused(app: FastAPI, leases: list[None]) -> None:
    for name, text in forged_keys(ApiKeys("test")):
        if text.isascii() and len(text) > 4_096:
            answer = await send(app, "GET", "/v1/auth/me", {"X-Api-Key": text})
            assert answer.status in (401, 431), name
    assert leases == []


async def test_a_well_made_key_that_nobody_has_is_refused_in_the_same_words(app: FastAPI, leases: list[None]) -> None:
    """Only the database can tell, so it is asked."""
    answer = await send(app, "GET", "/v1/auth/me", {"X-Api-Key": ApiKeys("test").make().text})
    assert refusal(answer) == refusal(await call(app, GUARDED[0], "Bearer forged"))
    assert leases


@pytest.mark.parametrize("operation", GUARDED, ids=str)
async def test_no_credential_and_no_bearer_token_are_refused(
    app: FastAPI, world: World, leases: list[None], operation: Operation
) -> None:
    token = world.tokens.issue("user-account", uuid4(), HOUR)
    schemes = ("", "Bearer", "Bearer ", f"Basic {token}", f"Token {token}", token, f"Bearer {token} {token}")
    answers = [await send(app, operation.method, operation.at(), body=operation.example)]
    answers += [await call(app, operation, credential) for credential in schemes]
    refused = [refusal(answer) for answer in answers]
    assert {status for status, _, _ in refused} == {401}
    assert {body["code"] for _, body, _ in refused} == {"not_authenticated"}
    assert all((challenge or "").startswith("Bearer") for _, _, challenge in refused)
    assert leases == []


async def test_a_token_that_is_too_long_is_refused(
    app: FastAPI, tokens: Tokens, now: datetime, leases: list[None]
) -> None:
    too_long = [token for _, token in forgeries(tokens, now) if token.isascii() and len(token) > 4_096]
    answers = [await call(app, GUARDED[0], f"Bearer {token}") for token in too_long]
    assert len(answers) > 10
    assert {answer.status for answer in answers} == {401, 431}
    assert leases == []
