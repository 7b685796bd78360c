"""What of a text matched, marked in HTML: everything else of the text is escaped, whoever wrote it."""

import html
import unicodedata
from collections.abc import Iterator, Set
from itertools import groupby

from app.core.text import fold

BEFORE, AFTER = "<b>", "</b>"


def highlighted(text: str, begun: Set[str], meant: Set[str] = frozenset()) -> str:
    """The text as HTML, with ``<b>`` around each word that one of ``begun`` begins or that is one of ``meant``."""
    return "".join(_marked(part, is_word, begun, meant) for is_word, part in _parts(text))


def _marked(part: str, is_word: bool, begun: Set[str], meant: Set[str]) -> str:
    escaped = html.escape(part)
    if not is_word:
        return escaped
    words = fold(part).split()
    matches = any(word in meant or any(word.startswith(each) for each in begun) for word in words)
    return f"{BEFORE}{escaped}{AFTER}" if matches else escaped


def _parts(text: str) -> Iterator[tuple[bool, str]]:
    for is_word, chars in groupby(text, key=lambda char: char.isalnum() or unicodedata.category(char)[0] == "M"):
        yield is_word, "".join(chars)
