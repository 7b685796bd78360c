"""Google rotates its keys, is slow, lies or is away: who can be signed in is, who cannot hears so within seconds."""

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from app.core.db import Database
from app.main import create_public_app
from tests.conftest import settings_for
from tests.sign_in.conftest import Door
from tests.sign_in.fake_google import HOUR, Google, Key
from tests.world import World

PATIENCE = 6.5
"""Seconds: what a call may take, and something for a machine that is busy."""


def is_away(answer: httpx.Response) -> bool:
    """Whether an answer says that something is away, and when to ask again."""
    return (
        answer.status_code == 503 and answer.json()["code"] == "unavailable" and int(answer.headers["retry-after"]) > 0
    )


async def settled(door: Door) -> None:
    """Let a fetch in the background come to its end."""
    fetching = door.verifiers[-1]._certificates._fetching
    if fetching is not None:
        await asyncio.wait([fetching])


async def test_certificates_are_fetched_once_for_all_who_wait(door: Door, google: Google) -> None:
    answers = await asyncio.gather(*(door.exchange(google.token()) for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert google.asked == ["certificates"]


async def test_a_new_key_is_fetched_when_it_is_first_named(door: Door, google: Google) -> None:
    assert (await door.exchange(google.token())).status_code == 200
    oldest = google.keys[0]
    key = google.rotate()
    assert (await door.exchange(google.token(key=key))).status_code == 401, "it was asked less than a minute ago"
    door.ahead += 61
    assert (await door.exchange(google.token(key=key))).status_code == 200
    assert (await door.exchange(google.token(key=oldest))).json()["code"] == "id_token_invalid"
    assert google.asked.count("certificates") == 2


async def test_keys_that_do_not_exist_do_not_have_google_asked_each_time(door: Door, google: Google) -> None:
    stranger = Key()
    answers = await asyncio.gather(*(door.exchange(google.token(key=stranger)) for _ in range(30)))
    assert {answer.status_code for answer in answers} == {401}
    assert google.asked == ["certificates"]


@pytest.mark.parametrize("age", [0, 10**8])
async def test_certificates_are_kept_for_minutes_and_not_for_weeks(door: Door, google: Google, age: int) -> None:
    google.max_age = age
    assert (await door.exchange(google.token())).status_code == 200
    door.ahead += 240
    assert (await door.exchange(google.token())).status_code == 200
    await settled(door)
    assert google.asked == ["certificates"]
    door.ahead += 24 * HOUR
    assert (await door.exchange(google.token())).status_code == 200
    await settled(door)
    assert google.asked == ["certificates"] * 2


TROUBLES = ["down", "error", "garbage", "empty", "no certificates", "nested", "huge", "weak", "elliptic"]


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_without_certificates_nobody_is_signed_in_and_told_to_come_again(
    door: Door, google: Google, trouble: str
) -> None:
    google.trouble["certificates"] = trouble
    assert is_away(await door.exchange(google.token()))
    assert (await door.exchange("x.y.z")).status_code == 401, "what is no token at all needs no certificate"
    google.trouble.clear()
    assert is_away(await door.exchange(google.token())), "it was asked a moment ago"
    door.ahead += 16
    assert (await door.exchange(google.token())).status_code == 200


@pytest.mark.parametrize("trouble", [*TROUBLES, "slow"])
async def test_known_certificates_are_good_for_hours_more(door: Door, google: Google, trouble: str) -> None:
    assert (await door.exchange(google.token())).status_code == 200
    google.trouble["certificates"] = trouble
    started = time.monotonic()
    for hours in (1, 3, 6, 7):
        door.ahead = hours * HOUR + 30
        assert (await door.exchange(google.token())).status_code == 200, hours
    assert time.monotonic() - started < 2, "nobody waited for Google"
    google.released.set()
    await settled(door)
    google.released.clear()
    google.trouble["certificates"] = "down"
    door.ahead = 17 * HOUR
    assert is_away(await door.exchange(google.token())), "but not for ever"


@pytest.mark.parametrize("trouble", ["slow", "dribbling"])
async def test_nobody_waits_longer_than_seconds_for_certificates(door: Door, google: Google, trouble: str) -> None:
    google.trouble["certificates"] = trouble
    started = time.monotonic()
    answers = await asyncio.gather(*(door.exchange(google.token()) for _ in range(10)))
    assert all(map(is_away, answers))
    assert time.monotonic() - started < PATIENCE
    assert google.asked == ["certificates"]
    started = time.monotonic()
    assert is_away(await door.exchange(google.token()))
    assert time.monotonic() - started < 1, "the circuit is open"


async def test_an_unknown_key_is_no_forgery_while_google_cannot_be_asked(door: Door, google: Google) -> None:
    assert (await door.exchange(google.token())).status_code == 200
    google.trouble["certificates"] = "down"
    door.ahead += 61
    assert is_away(await door.exchange(google.token(key=google.rotate())))
    assert (await door.exchange(google.token(key=google.keys[0]))).status_code == 200


async def test_application_starts_and_answers_without_google(door: Door, database: Database, world: World) -> None:
    nowhere = "http://127.0.0.1:1/certificates"
    url = database.settings.database_url.get_secret_value()
    app = create_public_app(settings_for(url, WRIVETED_FIREBASE_CERTIFICATES_URL=nowhere), database=database)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as http,
        app.router.lifespan_context(app),
    ):
        assert (await http.get("/livez")).status_code == 200
        admin = await world.admin()
        headers = {"Authorization": f"Bearer {admin.token}"}
        assert (await http.get("/v1/auth/me", headers=headers)).status_code == 200
        token = door.google.token()
        assert is_away(await http.get("/v1/auth/firebase", headers={"Authorization": f"Bearer {token}"}))


async def test_where_no_provider_is_set_up_the_door_says_so(database: Database) -> None:
    url = database.settings.database_url.get_secret_value()
    app = create_public_app(settings_for(url, WRIVETED_FIREBASE_PROJECT_ID=""), database=database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as http:
        assert is_away(await http.get("/v1/auth/firebase", headers={"Authorization": "Bearer x"}))


async def test_accounts_are_looked_up_where_that_is_asked_for(door: Door, google: Google) -> None:
    door.forget(firebase_check_revoked=True)
    now = int(time.time())
    google.accounts = {
        "good": {"validSince": str(now - 100)},
        "disabled": {"validSince": str(now - 100), "disabled": True},
        "signed-out": {"validSince": str(now + 30)},
    }
    codes = {}
    for subject in ("good", "disabled", "signed-out", "deleted"):
        answer = await door.exchange(google.token(subject, email=f"{subject}@example.com"))
        codes[subject] = answer.status_code if answer.is_success else answer.json()["code"]
    assert codes == {
        "good": 200,
        "disabled": "provider_account_disabled",
        "signed-out": "id_token_revoked",
        "deleted": "provider_account_disabled",
    }
    assert google.asked.count("accounts") == 4


async def test_accounts_are_not_looked_up_otherwise(door: Door, google: Google) -> None:
    assert (await door.exchange(google.token())).status_code == 200
    assert "accounts" not in google.asked


@pytest.mark.parametrize("trouble", ["down", "error", "garbage", "slow", "dribbling", "huge"])
async def test_while_accounts_cannot_be_looked_up_nobody_is_signed_in(door: Door, google: Google, trouble: str) -> None:
    door.forget(firebase_check_revoked=True)
    google.trouble["accounts"] = trouble
    google.accounts["robin"] = {"validSince": "0"}
    started = time.monotonic()
    assert is_away(await door.exchange(google.token("robin")))
    assert time.monotonic() - started < PATIENCE
    started = time.monotonic()
    answers = await asyncio.gather(*(door.exchange(google.token("robin")) for _ in range(10)))
    assert all(map(is_away, answers))
    assert time.monotonic() - started < 1, "the circuit is open"
    assert (await door.exchange(google.token("robin", key=Key()))).status_code == 401
    google.trouble.clear()
    door.ahead += 11
    assert (await door.exchange(google.token("robin"))).status_code == 200


def test_no_vendor_is_loaded_until_somebody_signs_in() -> None:
    vendors = (
        "[name for name in sys.modules if name.split('.')[0] in ('google', 'firebase_admin', 'requests', 'httpx')]"
    )
    told = subprocess.run(
        [sys.executable, "-c", f"import sys, app.main; print({vendors})"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "[]"
