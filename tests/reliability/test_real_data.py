"""The show of scripts/show.py: library data as it is exported goes in, and every row is accounted for."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from app.core.db import Database
from scripts.show import Shown, expected_of, row, show, table
from tests.conftest import settings_for
from tests.reliability.serving import serving
from tests.world import World

OURS = Path(__file__).parents[1] / "fixtures"
THEIRS = (
    "books/goodbooks10k_books.csv",
    "lms/koha_items_export.csv",
    "schools/nsw_public_schools_2026-01-14.csv",
)


@pytest_asyncio.fixture
async def api_and_token(make_database: Callable[[], str]) -> AsyncIterator[tuple[str, str]]:
    """A served API with nothing in it, and an admin's token for it."""
    settings = settings_for(make_database(), WRIVETED_LOG_LEVEL="ERROR")
    database = Database(settings)
    try:
        async with httpx.AsyncClient() as http:
            token = (await World(database, http).admin()).token
    finally:
        await database.dispose()
    with serving(settings) as api:
        yield api.url, token


def summed(shown: list[Shown], count: str) -> list[int]:
    return [each.summary[count] for each in shown]


async def test_exports_with_every_defect_are_accounted_for(api_and_token: tuple[str, str]) -> None:
    files = (OURS / "books.csv", OURS / "holdings.csv", OURS / "schools.csv")
    shown = show(*api_and_token, *files)
    assert [each.faults for each in shown] == [[]] * 5, table(shown)
    assert summed(shown, "received") == [18, 18, 8, 7, 7]
    assert summed(shown, "rejected") == [4, 15, 0, 2, 2]
    assert shown[1].codes["isbn_scientific_notation"] == 14
    again = show(*api_and_token, *files)
    assert [each.faults for each in again] == [[]] * 5, table(again)
    assert summed(again, "added") == summed(again, "updated") == summed(again, "removed") == [0] * 5


async def test_real_exports_are_accounted_for(api_and_token: tuple[str, str]) -> None:
    folder = os.environ.get("SAMPLE_DATA")
    if folder is None:
        pytest.skip("SAMPLE_DATA names no folder of real exports")
    shown = show(*api_and_token, *(Path(folder) / path for path in THEIRS))
    assert [each.faults for each in shown] == [[]] * 5, table(shown)
    assert summed(shown, "received") == [10_000, 10_000, 321, 315, 325]


def test_the_expectation_is_the_policy() -> None:
    rows = [
        row("439023483", "Lost a zero", ""),
        row("0439023483", "Kept it", ""),
        row("9.78044E+12", "Rounded", ""),
        row("", "By title", "Somebody"),
        row("", "BY TITLE", "somebody"),
        row("", " ", "Somebody"),
        row("9780439023482", "Wrong digit", ""),
    ]
    expected = expected_of(rows)
    assert expected.rejected == {2: "isbn_scientific_notation", 5: "isbn_missing", 6: "isbn_check_digit"}
    assert expected.merged == {1, 4}
    assert expected.books == 2
