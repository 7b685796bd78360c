"""Labels that what is known of an edition implies, each with whose word it is. `codes` holds the tables."""

import math
import re
from collections.abc import Callable, Iterable, Mapping

from app.books.schemas import EditionCreateIn, EditionInfo, GenreSource
from app.hydration.codes import (
    ABILITIES,
    BIC_AGES,
    CBMC_AGES,
    CLASSES,
    NO_SUMMARIES,
    OLDER_TOO,
    PICTURE_BOOKS,
    SCHEME_ORIGINS,
    SPAN,
    SUMMARY_LENGTH,
    THEMA_AGES,
    Ages,
)
from app.labels.models import LabelGroup, LabelOrigin, RecommendStatus
from app.labels.patching.authority import Labelled, Labels

NUMBER = re.compile(r"(?P<number>[0-9]{1,4}(?:\.[0-9])?)(?P<months>[^0-9]*?\bm(?:on)?ths?\b)?", re.IGNORECASE)
ONLY_UP_TO = re.compile(r"\b(?:up to|under|until|below|to|max(?:imum)?)\W*$", re.IGNORECASE)
OLDEST = 99
MONTHS = 12


def infer_labels(edition: EditionCreateIn) -> Labels:
    """The groups of labels that something is known about."""
    info = edition.info or EditionInfo()
    labels: dict[LabelGroup, Labelled] = {}
    if (aged := infer_ages(info)) is not None:
        ages, origin = aged
        labels[LabelGroup.AGE] = Labelled({"min_age": ages.lowest, "max_age": ages.highest}, origin)
        if abilities := infer_abilities(info, ages):
            labels[LabelGroup.READING_ABILITY] = Labelled(list(abilities), LabelOrigin.PREDICTED_NIELSEN)
    if (judged := infer_status(info)) is not None:
        labels[LabelGroup.RECOMMEND_STATUS] = Labelled(judged[0].value, judged[1])
    if (summary := infer_summary(info)) is not None:
        labels[LabelGroup.SUMMARY] = Labelled(summary, LabelOrigin.OTHER)
    return labels


def infer_ages(info: EditionInfo) -> tuple[Ages, LabelOrigin] | None:
    """Whom a book is for: by the first source that says so."""
    sources: tuple[tuple[LabelOrigin, int, Callable[[], Ages | None]], ...] = (
        (LabelOrigin.NIELSEN_CBMC, 0, lambda: CBMC_AGES.get((info.cbmccode or "").strip().upper()[:1])),
        (LabelOrigin.NIELSEN_THEMA, OLDER_TOO, lambda: _qualified(info.thema_qualifiers, THEMA_AGES)),
        (LabelOrigin.NIELSEN_BIC, OLDER_TOO, lambda: _qualified(info.bic_qualifiers, BIC_AGES)),
        (LabelOrigin.NIELSEN_IA, 0, lambda: read_ages(info.interest_age or "", older_too=OLDER_TOO)),
        (LabelOrigin.NIELSEN_RA, 0, lambda: read_ages(info.reading_age or "")),
    )
    for origin, more, find in sources:
        if (ages := find()) is not None:
            return Ages(ages.lowest, ages.highest + more), origin
    return None


def read_ages(text: str, *, older_too: int = 0) -> Ages | None:
    """The ages that a text names: its first and its last number, in years, or those with the unit of months.

    Of one number the other bound is `SPAN` years away; an upper bound that is told goes `older_too` years further.
    """
    found = list(NUMBER.finditer(text))
    if not found:
        return None
    last_in_months = found[-1]["months"] is not None
    told = [_years(each, last_in_months and each["months"] is None and "year" not in text.lower()) for each in found]
    first, last = told[0], told[-1]
    if max(told) > OLDEST or first > last:
        return None
    if len(found) > 1:
        return Ages(math.floor(first), math.ceil(last) + older_too)
    if ONLY_UP_TO.search(text[: found[0].start()]):
        return Ages(max(0, math.floor(first) - SPAN), math.ceil(first) + older_too)
    return Ages(math.floor(first), math.floor(first) + SPAN)


def infer_abilities(info: EditionInfo, ages: Ages) -> tuple[str, ...]:
    """Who can read a book, by its pages, whom it is for, and whether it is a picture book."""
    digits = re.search(r"[0-9]{1,5}", info.pages or "")
    pages = int(digits[0]) if digits else 0
    is_picture_book = _is_picture_book(info)
    for rule in ABILITIES:
        if (
            rule.least_pages <= pages <= rule.most_pages
            and rule.least_age <= ages.lowest <= rule.most_age
            and rule.picture_book in (None, is_picture_book)
        ):
            return rule.keys
    return ()


def infer_status(info: EditionInfo) -> tuple[RecommendStatus, LabelOrigin] | None:
    """Whether a book is for recommending, by its classes; None if it has none. What is not for children comes first."""
    codes = {
        "PRODCC": [info.prodcc or ""],
        "BIC": [genre.code or "" for genre in info.genres if genre.source is GenreSource.BIC],
        "THEMA": [genre.code or "" for genre in info.genres if genre.source is GenreSource.THEMA],
    }
    if not any(code for told in codes.values() for code in told):
        return None
    judged = [
        (status, origin)
        for scheme, origin in SCHEME_ORIGINS.items()
        for code in codes[scheme]
        if (status := _status_of(scheme, code)) is not None
    ]
    for wanted in (RecommendStatus.BAD_CONTROVERSIAL, RecommendStatus.BAD_REFERENCE):
        for status, origin in judged:
            if status is wanted:
                return status, origin
    return RecommendStatus.GOOD, LabelOrigin.PREDICTED_NIELSEN


def infer_summary(info: EditionInfo) -> str | None:
    """The short summary, else the beginning of the long one, up to the end of a word."""
    for text in (info.summary_short, info.summary_long):
        summary = " ".join((text or "").split())
        if summary and not any(none in summary.casefold() for none in NO_SUMMARIES):
            return summary if text is info.summary_short else _shortened(summary)
    return None


def _qualified(qualifiers: Iterable[str], table: Mapping[str, Ages]) -> Ages | None:
    told = [table[code] for code in (each.strip().upper() for each in qualifiers) if code in table]
    return Ages(min(ages.lowest for ages in told), max(ages.highest for ages in told)) if told else None


def _years(found: "re.Match[str]", in_months: bool) -> float:
    number = float(found["number"])
    return number / MONTHS if in_months or found["months"] is not None else number


def _is_picture_book(info: EditionInfo) -> bool:
    classes = [genre for genre in info.genres if genre.source in (GenreSource.BIC, GenreSource.THEMA)]
    return any((genre.code or "").upper().startswith(PICTURE_BOOKS) for genre in classes)


def _status_of(scheme: str, code: str) -> RecommendStatus | None:
    """By the longest class that the code is or is below of: `T10` is below `T`, but not below `T1`."""
    fitting = [each for each in CLASSES if each.scheme == scheme and _is_below(code.strip().upper(), each.code)]
    return max(fitting, key=lambda each: len(each.code)).status if fitting else None


def _is_below(code: str, other: str) -> bool:
    rest = code.removeprefix(other)
    return code.startswith(other) and not (other[-1].isdigit() and rest[:1].isdigit())


def _shortened(text: str) -> str:
    if len(text) <= SUMMARY_LENGTH:
        return text
    cut = text[: SUMMARY_LENGTH - 1]
    return (cut[: cut.rfind(" ")] if " " in cut else cut).rstrip(" ,;:.") + "…"
