"""Firebase's own Auth emulator signs people in where settings for development say so, and nowhere else.

It is fetched from the npm registry, into a folder that is kept between runs.
"""

import asyncio
import base64
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from app.core.config import Settings
from app.core.db import Database
from app.core.environment import InsecureConfiguration
from app.main import create_public_app
from tests.conftest import settings_for
from tests.sign_in.fake_google import segment

VERSION = "15.34.2"
PROJECT = "demo-huey"
FOLDER = Path(tempfile.gettempdir()) / f"firebase-tools-{VERSION}"
INSTALL_SECONDS, START_SECONDS = 400, 240


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def installed() -> Path:
    """The emulator's command, installed the first time. No script of a package runs, nothing else is fetched."""
    command = FOLDER / "node_modules" / "firebase-tools" / "lib" / "bin" / "firebase.js"
    if not command.exists():
        FOLDER.mkdir(exist_ok=True)
        (FOLDER / "package.json").write_text('{"private": true}')
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--omit=optional")
        asked = ["npm", "install", *options, f"firebase-tools@{VERSION}"]
        subprocess.run(asked, cwd=FOLDER, check=True, capture_output=True, timeout=INSTALL_SECONDS)
    return command


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    """The emulator's host and port."""
    assert shutil.which("node"), "node is not installed"
    port, home = free_port(), Path(tempfile.mkdtemp(prefix="firebase-emulator-"))
    places = {name: {"host": "127.0.0.1", "port": free_port()} for name in ("hub", "logging")}
    auth = {"host": "127.0.0.1", "port": port}
    (home / "firebase.json").write_text(json.dumps({"emulators": {"auth": auth, "ui": {"enabled": False}, **places}}))
    process = subprocess.Popen(
        ["node", str(installed()), "emulators:start", "--only", "auth", "--project", PROJECT],
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "CI": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _await_answer(f"http://127.0.0.1:{port}/", process)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)
        shutil.rmtree(home)


def _await_answer(url: str, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + START_SECONDS
    while time.monotonic() < ends and process.poll() is None:
        try:
            httpx.get(url, trust_env=False)
        except httpx.HTTPError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the emulator does not answer")


@asynccontextmanager
async def door(settings: Settings, database: Database, **changes: str) -> AsyncIterator[httpx.AsyncClient]:
    url = settings.database_url.get_secret_value()
    named = {"WRIVETED_ENVIRONMENT": "development", "WRIVETED_FIREBASE_PROJECT_ID": PROJECT} | changes
    app = create_public_app(settings_for(url, **named), database=database)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://testserver") as http:
        yield http


class Emulated:
    """The emulator's REST interface, as Firebase's client libraries and its administrators use it."""

    def __init__(self, host: str) -> None:
        self.base = f"http://{host}/identitytoolkit.googleapis.com/v1"

    async def post(self, verb: str, **body: Any) -> dict[str, Any]:
        owner = {"Authorization": "Bearer owner"} if verb.startswith("projects/") else {}
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.post(f"{self.base}/{verb}", params={"key": "any"}, json=body, headers=owner)
        assert answer.is_success, answer.text
        told: dict[str, Any] = answer.json()
        return told

    async def sign_up(self, email: str) -> str:
        """A new account with a password; its id."""
        return str((await self.post("accounts:signUp", email=email, password="a password"))["localId"])

    async def administer(self, uid: str, **changes: Any) -> None:
        await self.post(f"projects/{PROJECT}/accounts:update", localId=uid, **changes)

    async def id_token(self, email: str) -> str:
        given = {"email": email, "password": "a password", "returnSecureToken": True}
        return str((await self.post("accounts:signInWithPassword", **given))["idToken"])


async def code_of(http: httpx.AsyncClient, token: str) -> str:
    answer = await http.get("/v1/auth/firebase", headers={"Authorization": f"Bearer {token}"})
    return "" if answer.status_code == 200 else str(answer.json()["code"])


@pytest.mark.nightly
@pytest.mark.emulator
async def test_who_has_an_account_at_the_emulator_signs_in(
    settings: Settings, database: Database, emulator: str
) -> None:
    firebase, email = Emulated(emulator), f"{uuid4().hex}@example.com"
    uid = await firebase.sign_up(email)
    async with door(settings, database, WRIVETED_FIREBASE_EMULATOR_HOST=emulator) as http:
        assert await code_of(http, await firebase.id_token(email)) == "email_not_verified"
        await firebase.administer(uid, emailVerified=True)
        token = await firebase.id_token(email)
        answer = await http.post("/v1/auth/firebase", json={"id_token": token, "session": "refresh"})
        assert answer.status_code == 200, answer.text
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert (await http.get("/v1/auth/me", headers=headers)).json()["user"]["email"] == email
        assert await code_of(http, token) == "id_token_spent"


@pytest.mark.nightly
@pytest.mark.emulator
async def test_who_is_disabled_or_unknown_at_the_emulator_does_not(
    settings: Settings, database: Database, emulator: str
) -> None:
    firebase, email = Emulated(emulator), f"{uuid4().hex}@example.com"
    uid = await firebase.sign_up(email)
    await firebase.administer(uid, emailVerified=True)
    await asyncio.sleep(1.1)  # the emulator issues no two tokens that differ within one second
    token = await firebase.id_token(email)
    anonymous = str((await firebase.post("accounts:signUp", returnSecureToken=True))["idToken"])
    async with door(settings, database, WRIVETED_FIREBASE_EMULATOR_HOST=emulator) as http:
        assert await code_of(http, anonymous) == "provider_not_allowed"
        await firebase.administer(uid, disableUser=True)
        assert await code_of(http, token) in ("provider_account_disabled", "id_token_invalid")
        head, claims, _ = token.split(".")
        forged = f"{head}.{segment(json.loads(_decoded(claims)) | {'sub': 'nobody', 'user_id': 'nobody'})}."
        assert await code_of(http, forged) == "id_token_invalid"


def _decoded(claims: str) -> bytes:
    return base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4))


@pytest.mark.nightly
@pytest.mark.emulator
async def test_without_the_setting_no_token_of_the_emulator_counts(
    settings: Settings, database: Database, emulator: str
) -> None:
    firebase, email = Emulated(emulator), f"{uuid4().hex}@example.com"
    await firebase.administer(await firebase.sign_up(email), emailVerified=True)
    async with door(settings, database) as http:
        assert await code_of(http, await firebase.id_token(email)) == "id_token_invalid"


async def test_an_emulator_that_is_not_there_is_told_of(settings: Settings, database: Database) -> None:
    now = int(time.time())
    claims = {
        "iss": f"https://securetoken.google.com/{PROJECT}",
        "aud": PROJECT,
        "sub": "x",
        "iat": now,
        "exp": now + 3600,
        "auth_time": now,
        "firebase": {"sign_in_provider": "password"},
    }
    token = f"{segment({'alg': 'none', 'typ': 'JWT'})}.{segment(claims)}."
    async with door(settings, database, WRIVETED_FIREBASE_EMULATOR_HOST="127.0.0.1:1") as http:
        assert await code_of(http, token) == "unavailable"


def test_production_has_no_emulator(settings: Settings) -> None:
    with pytest.raises(InsecureConfiguration, match="EMULATOR_HOST"):
        settings_for(
            settings.database_url.get_secret_value(),
            WRIVETED_ENVIRONMENT="production",
            WRIVETED_FIREBASE_EMULATOR_HOST="127.0.0.1:9099",
        )
