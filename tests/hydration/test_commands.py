"""`wriveted hydrate`."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest
from typer.testing import CliRunner, Result

from app.adapters.book_data import asking_providers
from app.hydration import commands
from tests.books.catalogue import hyphenated, new_isbn, stored
from tests.hydration.conftest import Lab
from tests.hydration.twins import HTML, nielsen_record

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
def run(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command, beside the event loop of the tests."""
    monkeypatch.setattr(commands, "settings", lambda: lab.world.database.settings)
    app = commands.hydration_commands(asking_providers)

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(app, list(arguments)))

    return run


async def test_a_dry_run_shows_what_is_told_and_stores_none_of_it(run: Run, lab: Lab) -> None:
    isbn = new_isbn()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn)
    result = await run(hyphenated(isbn), "--dry-run")
    assert result.exit_code == 0, result.output
    shown = json.loads(result.stdout)
    assert (shown["isbn"], shown["title"], shown["labelset"]["min_age"]) == (isbn, f"Twits {isbn}", 7)
    assert await lab.sql("SELECT FROM editions") == []


async def test_a_book_is_taken_over(run: Run, lab: Lab) -> None:
    isbn = new_isbn()
    lab.twins.nielsen.shelf[isbn] = nielsen_record(isbn)
    assert json.loads((await run(isbn)).stdout)["hydrated_on"]
    assert (await stored(lab.world, isbn))["hydrated"]


@pytest.mark.parametrize(
    ("isbn", "down", "says"), [("12", False, "ISBN"), ("", False, "No provider"), ("", True, "away")]
)
async def test_what_cannot_be_had_is_told(run: Run, lab: Lab, isbn: str, down: bool, says: str) -> None:
    lab.twins.nielsen.instead = (500, HTML, "") if down else None
    result = await run(isbn or new_isbn())
    assert result.exit_code == 1
    assert says in result.output
    assert "s3cret" not in result.output
