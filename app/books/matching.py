"""Which work an edition belongs to, when only a description of it is at hand.

Two works may well have the same title, so a title alone never matches: a work fits if, in addition, it shares an
author by name and nothing contradicts. A work too many is merged by an admin later; two works that were taken for
one cannot be told apart again.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from app.core.text import MAX_SORT_TITLE, fold, name_key, sort_title

MAX_MATCH_TITLE = 500
MAX_NAME_KEY = 400
MAX_SERIES_KEY = 512


@dataclass(frozen=True, slots=True)
class Description:
    """What is said of a work, folded."""

    title: str
    subtitle: str
    authors: frozenset[str]
    series_number: int | None


@dataclass(slots=True, eq=False)
class KnownWork:
    """A work as far as matching needs it. ``id`` is None until a new one is stored."""

    id: int | None
    title: str
    subtitle: str
    authors: set[str]
    series_numbers: set[int]


def match_title(title: str, leading_article: str | None = None) -> str:
    """The folded title without its article, whether that was kept apart or not."""
    key, whole = sort_title(title, leading_article), fold(title)
    if len(whole) <= MAX_SORT_TITLE:
        return key
    return whole[max(whole.find(key), 0) :][:MAX_MATCH_TITLE]


def person_key(first_name: str | None, last_name: str) -> str:
    """What a person is looked up by; a name of signs alone counts as written."""
    return (name_key(first_name, last_name) or last_name.strip().casefold())[:MAX_NAME_KEY]


def series_key(title: str) -> str:
    """What a series is looked up by: its folded title without article and spaces."""
    return match_title(title).replace(" ", "")[:MAX_SERIES_KEY]


def titles_agree(one: str, other: str) -> bool:
    """Whether two folded titles may name the same book: equal, or one goes on where the other ends."""
    return f"{one} ".startswith(f"{other} ") or f"{other} ".startswith(f"{one} ")


def authors_agree(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two lists of authors may be of the same book: one holds all of the other, or is unknown."""
    first, second = set(one), set(other)
    return first <= second or second <= first


def fits(work: KnownWork, said: Description) -> bool:
    """Whether a work is the described one: same title, an author in common, and no contradiction.

    Authors contradict if each side names one whom the other does not; subtitles and numbers in a series if both sides
    have one and they differ.
    """
    return (
        work.title == said.title
        and not work.authors.isdisjoint(said.authors)
        and authors_agree(work.authors, said.authors)
        and (not work.subtitle or not said.subtitle or work.subtitle == said.subtitle)
        and (said.series_number is None or not work.series_numbers or said.series_number in work.series_numbers)
    )


def best_match(works: Iterable[KnownWork], said: Description) -> KnownWork | None:
    """The described work, if it is known: of several the one with the most authors in common, then the oldest."""
    fitting = [work for work in works if fits(work, said)]
    return min(fitting, key=lambda work: (-len(work.authors & said.authors), work.id is None, work.id), default=None)
