"""How e-mails are written: a template each for subject, text and HTML. What a template names has to be given, and what
is given is escaped in HTML."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.messages.models import Category

FOLDER = Path(__file__).parent / "templates"
LONGEST_SUBJECT = 150


@dataclass(frozen=True, slots=True)
class Template:
    """What kind of e-mail it is, and the names that it is told. `subject.txt`, `text.txt` and `page.html` of its folder
    are what it is made of."""

    category: Category
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Written:
    subject: str
    text: str
    html: str


TEMPLATES: Mapping[str, Template] = {
    "email_changed": Template(Category.ACCOUNT, frozenset()),
    "message": Template(Category.NEWS, frozenset({"subject", "text"})),
    "reading_notice": Template(Category.READING, frozenset({"nickname", "link"})),
    "stale_sync": Template(Category.SCHOOL, frozenset({"school", "days"})),
    "supporter_invitation": Template(Category.READING, frozenset({"nickname"})),
    "webhook_switched_off": Template(Category.ACCOUNT, frozenset({"host", "reason"})),
}
"""By name. None tells a reader's name or address, or what was read: who carries e-mail is a third party."""


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=select_autoescape(("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def written(name: str, data: Mapping[str, str], *, unsubscribe: str | None = None, app: str | None = None) -> Written:
    """An e-mail of a template; ``app`` is where the app is to be found. A subject is one line, whatever it is told."""
    known = {**data, "unsubscribe": unsubscribe, "app": app}

    def of(part: str) -> str:
        return _environment().get_template(f"{name}/{part}").render(known)

    subject = " ".join("".join(char if char.isprintable() else " " for char in of("subject.txt")).split())
    return Written(subject[:LONGEST_SUBJECT], of("text.txt").strip() + "\n", of("page.html").strip() + "\n")
