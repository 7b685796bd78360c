"""What the templates say, word by word: `WRIVETED_WRITE_SNAPSHOTS=1` writes them down anew."""

import os
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from app.messages.models import Category
from app.messages.writing import FOLDER, TEMPLATES, written

SNAPSHOTS = Path(__file__).parent / "snapshots"
DATA = {
    "subject": "Your library is connected",
    "text": "Hello Sam,\n\nyour library is connected.",
    "nickname": "Nana",
    "link": "https://app.example/reader-feedback/?event_id=1#code",
    "school": "Annandale North Public School",
    "days": "14",
    "host": "library.example.com",
    "reason": "no delivery has succeeded for 5 days.",
}
HOSTILE = "<script>alert('x')</script>&\"\r\nBcc: a@b.example"


def shown(name: str) -> str:
    template = TEMPLATES[name]
    unsubscribe = None if template.category is Category.ACCOUNT else "https://api.example/unsubscribe"
    one = written(
        name, {each: DATA[each] for each in template.names}, unsubscribe=unsubscribe, app="https://app.example"
    )
    return f"Subject: {one.subject}\n\n{one.text}\n{one.html}"


@pytest.mark.parametrize("name", TEMPLATES)
def test_email_says_what_it_said(name: str) -> None:
    snapshot = SNAPSHOTS / f"{name}.txt"
    if os.environ.get("WRIVETED_WRITE_SNAPSHOTS"):
        snapshot.write_text(shown(name), encoding="utf-8")
    assert shown(name) == snapshot.read_text(encoding="utf-8")


def test_every_template_has_its_three_parts_and_no_other_is_there() -> None:
    folders = {each.name: {part.name for part in each.iterdir()} for each in FOLDER.iterdir() if each.is_dir()}
    assert folders == {name: {"subject.txt", "text.txt", "page.html"} for name in TEMPLATES}


@pytest.mark.parametrize(
    ("name", "missing"), [(name, each) for name in TEMPLATES for each in sorted(TEMPLATES[name].names)]
)
def test_what_a_template_names_has_to_be_given(name: str, missing: str) -> None:
    given = {each: DATA[each] for each in TEMPLATES[name].names - {missing}}
    with pytest.raises(UndefinedError):
        written(name, given)


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_is_told_is_text_wherever_it_stands(name: str) -> None:
    one = written(name, dict.fromkeys(TEMPLATES[name].names, HOSTILE))
    assert "<script>" not in one.html
    assert "\n" not in one.subject
    assert "\r" not in one.subject
    assert len(written(name, dict.fromkeys(TEMPLATES[name].names, "x" * 5_000)).subject) <= 150


def test_nothing_about_a_reader_is_told_to_who_carries_the_mail() -> None:
    """P4 of the bar: a supporter is told by nickname that there is news, and where to see it."""
    assert TEMPLATES["reading_notice"].names == {"nickname", "link"}
    assert TEMPLATES["supporter_invitation"].names == {"nickname"}
