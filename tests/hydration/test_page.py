"""docs/hydration.md says what the code does."""

import re
from datetime import timedelta
from pathlib import Path

from app.adapters.book_data import book_data_providers
from app.adapters.egress import Egress, register
from app.hydration import asking, fields
from app.hydration.models import AnswerStatus
from tests.conftest import settings_for

PAGE = (Path(__file__).parents[2] / "docs" / "hydration.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("|")]
WORDS = {timedelta(minutes=1): "a minute", timedelta(days=1): "a day"}


async def test_the_page_names_every_provider_with_its_budget() -> None:
    names = "nielsen,open-library,google-books"
    account = {"WRIVETED_NIELSEN_CLIENT_ID": "huey", "WRIVETED_NIELSEN_PASSWORD": "hush"}
    settings = settings_for("postgresql://nobody@127.0.0.1/nothing", WRIVETED_HYDRATION_PROVIDERS=names, **account)
    egress = Egress(settings)
    providers = book_data_providers(settings, egress)
    await egress.close()
    assert [provider.name for provider in providers] == names.split(",")
    for provider in providers:
        (row,) = [row for row in ROWS if row[0] == f"`{provider.name}`"]
        budget = provider.budget
        assert row[3] == f"{budget.requests} {WORDS[budget.per]}, {budget.burst} at once"
        assert row[1] == ("one ISBN" if provider.most == 1 else f"up to {provider.most} ISBNs")
        assert "isbn" in register()[provider.name].sends


def test_the_page_has_every_line_of_the_table_of_fields() -> None:
    lines = {(row[0], row[1], row[2]) for row in ROWS if len(row) == 3}
    wanted = {(f"`{field.nielsen}`", f"`{field.ours}`", field.kind) for field in fields.FIELDS}
    wanted |= {(f"`{listed.nielsen}`", f"`{listed.ours}`", "list") for listed in fields.LISTS}
    for genre in fields.GENRES:
        codes = f"`{genre.name}`" + (f", `{genre.code}`" if genre.code else "")
        wanted.add((codes, "`info.genres`", genre.source.value))
    assert wanted <= lines


def test_the_page_says_how_long_answers_are_kept_and_providers_left_alone() -> None:
    text = re.sub(r"\s+", " ", PAGE)
    found, unknown = asking.DAYS[AnswerStatus.FOUND], asking.DAYS[AnswerStatus.UNKNOWN]
    assert f'for {found} days; "unknown" for {unknown} days, nonsense for one' in text
    assert f"After {asking.MOST_FAILURES} failures in a row a provider has a rest of a minute" in text
    assert (asking.REST_SECONDS, asking.LONGEST_REST) == (60, 3600)
