"""The titles that are the system's own."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import app
from app.events.titles import SYSTEM_TITLES, is_system_title


def recorded() -> Iterator[str]:
    """The titles that the code hands to `record`, as they stand or one of two."""
    for path in Path(app.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _name(node.func) in ("record", "_record"):
                for argument in node.args:
                    choices = [argument.body, argument.orelse] if isinstance(argument, ast.IfExp) else [argument]
                    yield from (str(ast.literal_eval(each)) for each in choices if isinstance(each, ast.Constant))


def _name(function: ast.expr) -> str:
    return str(getattr(function, "attr", getattr(function, "id", "")))


def test_every_title_that_the_code_records_is_the_systems_own() -> None:
    titles = set(recorded())
    assert titles >= {"Service account created", "Edition created", "School Updated"}
    assert {title for title in titles if not is_system_title(title)} == set()


@pytest.mark.parametrize("title", SYSTEM_TITLES)
def test_a_title_of_the_system_is_known_in_any_spelling(title: str) -> None:
    for spelling in (title, title.upper(), f"  {title.replace(' ', '  ')} "):
        assert is_system_title(spelling)


@pytest.mark.parametrize("title", ["School account made", "School account made admin", "school ACCOUNT made x y"])
def test_a_title_that_goes_on_is_known_by_its_stem(title: str) -> None:
    assert is_system_title(title)


@pytest.mark.parametrize(
    "title",
    [
        "Huey: Book reviewed",
        "Reader timeline event: Reading logged",
        "Test",
        "No books today",
        "School account made-up",
        "",
    ],
)
def test_what_clients_post_is_free(title: str) -> None:
    assert not is_system_title(title)
