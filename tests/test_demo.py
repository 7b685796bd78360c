"""The demonstration set, planted on an empty database."""

import httpx

from app.core.config import Settings
from app.core.scopes import Scope
from app.demo import plant, plant_keys
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
