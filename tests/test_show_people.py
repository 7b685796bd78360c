"""The show of scripts/show_people.py: everybody sees what they may, on a database with nothing in it, and again."""

import asyncio
from collections.abc import Callable

import httpx
import pytest

from app.core.db import Database
from app.core.migrations import ROOT
from scripts.rows import ROWS
from scripts.show_people import WHO, show, table
from tests.conftest import settings_for
from tests.reliability.serving import serving
from tests.world import World


async def test_everybody_sees_what_they_may(make_database: Callable[[], str]) -> None:
    settings = settings_for(make_database(), WRIVETED_LOG_LEVEL="ERROR")
    database = Database(settings)
    async with httpx.AsyncClient() as http:
        token = (await World(database, http).admin()).token
    await database.dispose()
    with serving(settings) as api:
        for _ in range(2):
            shown = await asyncio.to_thread(show, api.url, token)
            assert [fault for each in shown for fault in each.faults] == [], table(shown)
            assert {each.who for each in shown} > set(WHO)


@pytest.mark.parametrize("row", ROWS)
def test_a_row_names_tests_that_exist(row: str) -> None:
    for place in ROWS[row][1]:
        path, _, name = place.partition("::")
        assert (ROOT / path).exists()
        assert not name or f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")
