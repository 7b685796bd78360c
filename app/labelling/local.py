"""The labeller that asks nobody: rules over subjects, titles, summaries and lengths. `rules` holds the tables."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import lru_cache

from app.core.text import fold
from app.labelling import rules
from app.labelling.labellers import Book, Labelling
from app.labelling.schemas import LEAST_SCORE, Judgement
from app.labels.models import LabelGroup, LabelOrigin, RecommendStatus
from app.labels.vocabulary import HueKey, ReadingAbilityKey

SUBJECT, TITLE, SUMMARY = 1.0, 0.8, 0.4
"""How much a word counts, by where it stands."""
EXPLICIT = re.compile(r"\bages? ?(\d{1,2}) ?(?:-|–|to) ?(\d{1,2})\b", re.IGNORECASE)
FEWEST_WORDS = 12
"""Of a summary, before its words are measured."""
ENOUGH_HUES, ENOUGH_AGES = 4.0, 6.0
"""How much has to speak for labels that are as sure as rules can make them."""
SUREST, SUREST_OF_ABILITY = 0.8, 0.6


class Local:
    """Rules. No network, no cost, the same answer each time; its word is the weakest there is."""

    name = "local"
    model = "rules-1"
    origin = LabelOrigin.RULES

    def most(self, book: Book) -> Decimal:
        return Decimal(0)

    async def label(self, book: Book) -> Labelling:
        return Labelling(judge(book))


def judge(book: Book) -> Judgement:
    """What the rules make of a book. Of what nothing speaks nothing is said."""
    words = _words_of(book)
    hues, sure_of_hues = _hues(words)
    ages, sure_of_age = _ages(book, words)
    said: dict[LabelGroup, float] = {}
    if hues:
        said[LabelGroup.HUES] = sure_of_hues
    if ages is not None:
        said[LabelGroup.AGE] = sure_of_age
        said[LabelGroup.READING_ABILITY] = sure_of_age * SUREST_OF_ABILITY
    subjects = words.get(SUBJECT, "") + words.get(TITLE, "")
    return Judgement(
        hue_map=hues,
        min_age=None if ages is None else ages[0],
        max_age=None if ages is None else ages[1],
        reading_abilities=[] if ages is None else _abilities(ages),
        short_summary=_summary(book),
        recommend_status=_status(words.get(SUBJECT, "")),
        genres=[key for key, line in rules.GENRES.items() if _pattern(line).search(words.get(SUBJECT, ""))],
        styles=list(dict.fromkeys(style for hue in list(hues)[:1] for style in rules.STYLES[hue])),
        characters=[key for key, line in rules.CHARACTERS.items() if _pattern(line).search(subjects)],
        series=book.series[:200] if book.series else None,
        certainty=said,
    )


def _words_of(book: Book) -> Mapping[float, str]:
    """The texts of a book, folded, by how much their words count."""
    subjects = [*book.genres, *re.split(r"[;,|/]", book.keywords or ""), book.cbmctext or "", book.prodct or ""]
    told = {
        SUBJECT: subjects,
        TITLE: [book.title, book.series or ""],
        SUMMARY: [*book.summaries, book.long_summary or ""],
    }
    return {counts: f" {' | '.join(map(_plain, texts))} " for counts, texts in told.items()}


def _hues(words: Mapping[float, str]) -> tuple[dict[HueKey, float], float]:
    """The hues that something speaks for, the strongest first as a whole, and how sure that is."""
    scores: Counter[HueKey] = Counter()
    evidence = 0.0
    for line in rules.HUES:
        counts = _counts(line.words, words)
        evidence += counts * max(line.hues.values())
        for hue, weight in line.hues.items():
            scores[hue] += counts * weight  # type: ignore[assignment]
    if not evidence:
        return {}, 0.0
    for hue, share in rules.PRIOR.items():
        scores[hue] += share  # type: ignore[assignment]
    highest = max(scores.values())
    shares = {hue: round(min(1.0, score / highest), 3) for hue, score in scores.most_common()}
    return {hue: share for hue, share in shares.items() if share > LEAST_SCORE}, _sure(evidence, ENOUGH_HUES)


def _ages(book: Book, words: Mapping[float, str]) -> tuple[tuple[int, int] | None, float]:
    """The band in which what speaks of the reader meets, and how sure that is: less where it does not agree."""
    told = EXPLICIT.search(" | ".join([*book.genres, book.keywords or "", book.cbmctext or ""]))
    if told is not None and (span := (int(told[1]), int(told[2])))[0] <= span[1] <= rules.BANDS[-1][1][1]:
        return span, SUREST
    votes = [*_votes(book, words)]
    total = sum(counts for _, counts in votes)
    if not total:
        return None, 0.0
    middle = sum(age * counts for age, counts in votes) / total
    spread = (sum(counts * (age - middle) ** 2 for age, counts in votes) / total) ** 0.5
    band = next(band for most, band in rules.BANDS if middle <= most)
    return band, round(_sure(total, ENOUGH_AGES) / (1 + spread / 3), 3)


def _votes(book: Book, words: Mapping[float, str]) -> Iterator[tuple[float, float]]:
    """Ages that something speaks for, each with how much."""
    for line in rules.AGES:
        if counts := _counts(line.words, words):
            yield line.age, line.counts * counts
    if book.pages is not None:
        yield next(((age, counts) for most, age, counts in rules.PAGES if book.pages <= most), rules.LONGER)
    if book.series:
        yield rules.SERIES
    letters = re.findall(r"[a-z]+", words.get(SUMMARY, ""))
    if len(letters) >= FEWEST_WORDS:
        length = sum(map(len, letters)) / len(letters)
        if length <= rules.SHORT_WORDS:
            yield rules.EASY
        elif length >= rules.LONG_WORDS:
            yield rules.HARD


def _abilities(ages: tuple[int, int]) -> list[ReadingAbilityKey]:
    middle = sum(ages) / 2
    return list(next(keys for most, keys in rules.ABILITIES if middle <= most))


def _status(subjects: str) -> RecommendStatus | None:
    return next((status for status, line in rules.STATUSES.items() if _pattern(line).search(subjects)), None)


def _summary(book: Book) -> str | None:
    """The publisher's summary: the first short one, else the beginning of the long one, up to the end of a word."""
    for text in (*book.summaries, book.long_summary or ""):
        if text and not any(none in text.casefold() for none in rules.NO_SUMMARIES):
            return _shortened(text)
    return None


def _shortened(text: str) -> str:
    if len(text) <= rules.SUMMARY_LENGTH:
        return text
    cut = text[: rules.SUMMARY_LENGTH - 1]
    return (cut[: cut.rfind(" ")] if " " in cut else cut).rstrip(" ,;:.") + "…"


def _counts(line: str, words: Mapping[float, str]) -> float:
    """How much a line is spoken for: by the place that counts most, so that a word repeated says no more."""
    return max((counts for counts, text in words.items() if _pattern(line).search(text)), default=0.0)


def _sure(evidence: float, enough: float) -> float:
    return round(SUREST * min(1.0, evidence / enough), 3)


@lru_cache(maxsize=512)
def _pattern(line: str) -> re.Pattern[str]:
    return re.compile(rf"(?<=[ ])(?:{'|'.join(_alternatives(line.split(', ')))})(?=[ ])")


def _alternatives(words: Iterable[str]) -> Iterator[str]:
    for word in words:
        plain = re.escape(_plain(word.removesuffix("*")))
        yield plain + ("[a-z0-9]*" if word.endswith("*") else "")


def _plain(text: str) -> str:
    return fold(text)
