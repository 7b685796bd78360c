"""Texts of providers, made fit to be kept."""

import html
import re

from app.books.schemas import AuthorCreateIn

TAGS = re.compile(r"<(script|style)\b.*?</\1\s*>|<[/!?a-z][^<>]{0,500}>", re.IGNORECASE | re.DOTALL)
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
LONGEST, HEADING = 10_000, 512
WHOLE_DATE = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
YEAR = re.compile(r"\b(1[0-9]{3}|20[0-9]{2})\b")


def clean(text: object, longest: int = LONGEST) -> str | None:
    """Plain text without markup, bounded; None for nothing."""
    if not isinstance(text, str | int | float) or isinstance(text, bool):
        return None
    plain = html.unescape(TAGS.sub(" ", str(text)[: 4 * LONGEST]))
    return CONTROLS.sub("", " ".join(TAGS.sub(" ", plain).split()))[:longest].strip() or None


def heading(text: object) -> str | None:
    return clean(text, HEADING)


def number(text: object) -> int | None:
    """The first whole number in a text, if it is none too large to count anything."""
    digits = re.search(r"[0-9]{1,9}", str(text)) if isinstance(text, str | int) else None
    return int(digits[0]) if digits else None


def date(text: object) -> int | None:
    """YYYYMMDD, or YYYY where no more is told."""
    told = str(text) if isinstance(text, str | int) else ""
    if whole := WHOLE_DATE.fullmatch(told.strip()):
        year, month, day = map(int, whole.groups())
        return int("".join(whole.groups())) if 1 <= month <= 12 and 1 <= day <= 31 else year or None
    year_told = YEAR.search(told) or re.match(r"(1[0-9]{3}|20[0-9]{2})(?:[0-9]{2})?\Z", told.strip())
    return int(year_told[1]) if year_told else None


def person(name: object) -> AuthorCreateIn | None:
    """A person by a full name: the last word is the family's, but before a comma all is."""
    told = clean(name, 390)
    if told is None:
        return None
    if "," in told:
        last, _, first = told.partition(",")
    else:
        first, _, last = told.rpartition(" ")
    return named(first, last)


def named(first: object, last: object) -> AuthorCreateIn | None:
    """A person by parts of a name; who has only a first name is known by it."""
    given, family = clean(first, 200), clean(last, 200)
    if family is None:
        given, family = None, given
    return None if family is None else AuthorCreateIn(first_name=given, last_name=family)
