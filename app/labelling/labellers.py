"""What labelling asks of a labeller, and what a labeller is told: a book, and nothing about anybody who reads it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median_low
from typing import Any, NamedTuple, Protocol

from app.labelling.schemas import Judgement
from app.labels.models import LabelOrigin

MOST_EDITIONS = 20
LONGEST = 1_500
"""Characters of each text that a labeller is told."""


@dataclass(frozen=True, slots=True)
class Book:
    """All that a labeller is told. Texts are cut, whoever wrote them."""

    title: str
    authors: tuple[str, ...] = ()
    series: str | None = None
    summaries: tuple[str, ...] = ()
    long_summary: str | None = None
    keywords: str | None = None
    genres: tuple[str, ...] = ()
    pages: int | None = None
    cbmctext: str | None = None
    prodct: str | None = None


class Used(NamedTuple):
    """What asking took."""

    input_tokens: int = 0
    output_tokens: int = 0
    cost: Decimal = Decimal(0)


class Labelling(NamedTuple):
    """What a labeller said of a book, and what that took."""

    judgement: Judgement
    used: Used = Used()


class Refused(Exception):
    """The labeller would not say, or said what are no labels, as often as it was asked. It was paid nevertheless."""

    def __init__(self, used: Used) -> None:
        super().__init__("refused")
        self.used = used


class Unavailable(Exception):
    """The labeller is not reached, or overworked; asking later may help."""


class Labeller(Protocol):
    """Looks at books."""

    @property
    def name(self) -> str: ...

    @property
    def model(self) -> str: ...

    @property
    def origin(self) -> LabelOrigin:
        """As whose word its labels are kept."""
        ...

    def most(self, book: Book) -> Decimal:
        """What a look at a book may cost at most, in US dollars."""
        ...

    async def label(self, book: Book) -> Labelling:
        """What it says of a book. Raises `Refused` or `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Labellers:
    """Who is asked first, up to how many US dollars a day, and who is asked where that one cannot say."""

    first: Labeller
    otherwise: Labeller
    daily_budget: Decimal | None = field(default=None)


def book_of(
    title: str, authors: Sequence[str], series: str | None, work: Any, editions: Sequence[dict[str, Any]]
) -> Book:
    """A book as a labeller is told of it: of its editions the first summaries, the longest long one, the middle number
    of pages. ``work`` and ``editions`` are the ``info`` of each."""
    infos = editions[:MOST_EDITIONS]
    genres = [*_names(work), *(name for info in infos for name in _names(info))]
    pages = [number for info in infos if (number := _pages(info.get("pages"))) is not None]
    return Book(
        title=_cut(title),
        authors=tuple(map(_cut, authors)),
        series=_cut(series or "") or None,
        summaries=tuple(_distinct(info.get("summary_short") for info in infos)),
        long_summary=max(_distinct(info.get("summary_long") for info in infos), key=len, default=None),
        keywords=_cut("; ".join(_distinct(info.get("keywords") for info in infos))) or None,
        genres=tuple(_distinct(genres)),
        pages=median_low(pages) if pages else None,
        cbmctext=next(iter(_distinct(info.get("cbmctext") for info in infos)), None),
        prodct=next(iter(_distinct(info.get("prodct") for info in infos)), None),
    )


def _names(info: Any) -> list[str]:
    genres = info.get("genres") if isinstance(info, dict) else None
    return [each["name"] for each in genres or () if isinstance(each, dict) and isinstance(each.get("name"), str)]


def _pages(text: Any) -> int | None:
    digits = "".join(each for each in str(text or "")[:5] if each in "0123456789")
    return int(digits) if digits and 0 < int(digits) < 10_000 else None


def _distinct(texts: Iterable[Any]) -> list[str]:
    cut = (_cut(text) for text in texts if isinstance(text, str))
    return list(dict.fromkeys(text for text in cut if text))


def _cut(text: str) -> str:
    return " ".join("".join(each if each.isprintable() else " " for each in text[: 2 * LONGEST]).split())[:LONGEST]
