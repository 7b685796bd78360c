"""The demonstration set, planted on an empty database."""

from typing import Any

import httpx

from app.core.config import Settings
from app.core.scopes import Scope
from app.demo import PEOPLE, plant, plant_keys, planted_classes
from app.main import create_public_app
from tests.conftest import settings_for


async def test_the_planted_key_works_and_takes_the_place_of_the_one_before(fresh_settings: Settings) -> None:
    settings = settings_for(fresh_settings.dsn, WRIVETED_ENVIRONMENT="development")
    tokens = await plant(settings)
    keys = [(await plant_keys(settings))["lms"] for _ in range(2)]
    app = create_public_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver/v1") as http,
    ):
        answers = [await http.get("/auth/me", headers={"X-Api-Key": key}) for key in keys]
        assert [answer.status_code for answer in answers] == [401, 200]
        account = answers[1].json()["service_account"]["id"]
        admin = {"Authorization": f"Bearer {tokens['admin']}"}
        (shown,) = (await http.get(f"/service-account/{account}/keys", headers=admin)).json()
        assert set(shown["scopes"]) == set(Scope)
        (school,) = (await http.get("/schools?q=beachlands", headers={"X-Api-Key": keys[1]})).json()
        assert school["collection"]["book_count"] > 200
    assert keys[1].startswith("wrdev_")


async def test_planted_people_are_let_in_and_pupils_sign_in_with_the_code_that_is_shown(
    fresh_settings: Settings,
) -> None:
    settings = settings_for(fresh_settings.dsn, WRIVETED_ENVIRONMENT="development")
    first, tokens = await plant(settings), await plant(settings)
    assert first.keys() == tokens.keys() > set(PEOPLE)
    ((name, group),) = (await planted_classes(settings)).items()
    app = create_public_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://testserver/v1") as http,
    ):

        async def seen_by(role: str, path: str) -> Any:
            answer = await http.get(path, headers={"Authorization": f"Bearer {tokens[role]}"})
            assert answer.status_code == 200, answer.text
            return answer.json()

        types = {(await seen_by(role, "/auth/me"))["user"]["type"] for role in PEOPLE}
        assert types == {"wriveted", "school_admin", "educator", "student", "parent", "supporter", "public"}
        (shown,) = (await seen_by("educator", "/classes"))["data"]
        assert (shown["name"], shown["student_count"]) == (name, 3)
        assert len((await seen_by("parent", "/users"))["data"]) == 2
        assert len((await seen_by("supporter", "/auth/me"))["user"]["readers"]) == 1
        for username in group["usernames"]:
            given = {"username": username, "class_joining_code": group["join_code"]}
            assert (await http.post("/auth/class-code", json=given)).status_code == 200
    assert len(group["usernames"]) == 3
