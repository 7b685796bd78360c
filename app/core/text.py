"""Titles and names as they are compared, looked up and sorted.

The keys are made here and stored, so that the database may compare them byte by byte (C collation).
"""

import re
import unicodedata

UNTITLED = "\uffff"
"""The sort title of what has none: it stands after every other title, scripts outside the basic plane excepted."""

MAX_SORT_TITLE = 120

_ARTICLE = re.compile(r"[\W_]*(?:the|a|an)\s", re.IGNORECASE)
_ASCII_WORD = re.compile(r"[a-z0-9]+")


def fold(title: str) -> str:
    """The words of a title, without case, accents and punctuation, one space between them.

    Accents are marks of combining class 200 and above. The vowel signs, points and tone marks of other scripts have
    lower classes and stay, since there they are spelling. May be empty. Folding twice changes nothing.
    """
    text = title.casefold()
    if text.isascii():
        return " ".join(_ASCII_WORD.findall(text))
    visible = "".join([char for char in text if not _is_invisible(char)])
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", visible).casefold())
    plain = "".join([char if _is_word(char) else " " for char in text if unicodedata.combining(char) < 200])
    return unicodedata.normalize("NFC", " ".join(plain.split()))


def sort_title(title: str | None, leading_article: str | None = None) -> str:
    """The key by which titles are listed: folded, without a leading article, at most 120 characters, never empty.

    An article that is kept apart (`leading_article`, in any language) is dropped if the title repeats it, and only
    that one; otherwise a word "the", "a" or "an" is, if a title remains. A title of signs alone ("?!") sorts as
    written, a blank one as `UNTITLED`.
    """
    if title is None:
        return UNTITLED
    key = fold(title)
    if leading_article and leading_article.strip():
        key = key.removeprefix(f"{fold(leading_article)} ")
    elif article := _ARTICLE.match(title):
        key = fold(title[article.end() :]) or key
    key = key or " ".join("".join([char for char in title if char.isprintable()]).split())
    return key[:MAX_SORT_TITLE].rstrip() or UNTITLED


def name_key(first: str | None, last: str) -> str:
    """What two spellings of a person's name have in common: lower-case letters, marks and digits of any script."""
    name = f"{first or ''}{last}".lower()
    return unicodedata.normalize("NFC", "".join([char for char in name if _is_word(char)]))


def _is_word(char: str) -> bool:
    return char.isalnum() or unicodedata.category(char)[0] == "M"


def _is_invisible(char: str) -> bool:
    """Format characters, and the selectors that only choose a glyph."""
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f"
