"""Recommending books to a child: those that match what is asked, out of those that its school holds."""

import random
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.db import Driver, driver_of
from app.core.errors import FieldError, FieldForbidden
from app.core.isbn import display
from app.events import service as events
from app.events.models import EventLevel
from app.labels.schemas import LabelSetDetail
from app.labels.vocabulary import ReadingAbilityKey
from app.recommendations import queries
from app.recommendations.queries import Terms
from app.recommendations.ranking import Candidate, Wish, ranked
from app.recommendations.schemas import (
    BIG,
    OLDEST,
    HueyBook,
    HueyOutput,
    HueyRecommendationFilter,
    HueyRecommendationFilterUsed,
    Reason,
    ReasonCode,
)

ENOUGH = 3
"""With fewer books than this (or than were asked for), a question that allows it is asked more widely."""
OLDER = 2
NEIGHBOUR = {
    ReadingAbilityKey.SPOT: ReadingAbilityKey.CAT_HAT,
    ReadingAbilityKey.CAT_HAT: ReadingAbilityKey.TREEHOUSE,
    ReadingAbilityKey.TREEHOUSE: ReadingAbilityKey.CAT_HAT,
    ReadingAbilityKey.CHARLIE_CHOCOLATE: ReadingAbilityKey.TREEHOUSE,
    ReadingAbilityKey.HARRY_POTTER: ReadingAbilityKey.CHARLIE_CHOCOLATE,
}
"""The level that is added where one alone finds too little."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where books are taken from: a school's collection, which it may not have, or the whole catalogue."""

    school_id: UUID | None
    school_number: int | None
    collection_id: UUID | None


@dataclass(frozen=True, slots=True)
class Rung:
    """One step of the ladder: the filters, and whether the whole catalogue is asked."""

    level: int
    used: HueyRecommendationFilter
    everywhere: bool


@dataclass(slots=True)
class Choice:
    """The works that were chosen so far, each with the rung that found it, and the authors that had their turn."""

    works: dict[int, Rung] = field(default_factory=dict)
    authors: set[tuple[int, ...]] = field(default_factory=set)


async def recommend(
    session: AsyncSession, account: Account, asked: HueyRecommendationFilter, place: Place, limit: int
) -> HueyOutput:
    """At most ``limit`` books, the most suitable first. Raises ``FieldForbidden`` for who asks for books of any mark
    and is no admin.

    Where fewer than ``ENOUGH`` are found and ``fallback`` is asked for, the question is widened: first to what the
    school does not hold, then to any hue, then to the next reading ability or to somebody older. What the narrower
    question found stays first.
    """
    if asked.recommendable_only is False and not account.is_admin:
        why = "Books that are not marked good are for administrators."
        raise FieldForbidden(errors=[FieldError("/recommendable_only", "field_forbidden", why)])
    seed = secrets.randbelow(BIG) if asked.seed is None else asked.seed
    driver = driver_of(session)
    excluded = await queries.works_of(driver, [isbn for isbn in asked.exclude_isbns or () if isbn is not None])
    choice = Choice()
    last = await _climb(driver, choice, asked, place, excluded, seed, limit)
    books = await _described(driver, choice, place)
    output = HueyOutput(
        count=len(books),
        books=books,
        query=HueyRecommendationFilterUsed(
            **last.used.model_dump(include=set(HueyRecommendationFilterUsed.model_fields) - {"recommendable_only"}),
            recommendable_only=asked.recommendable_only is not False,
            school_id=None if last.everywhere else place.school_number,
        ),
        seed=seed,
        fallback_level=cast(Literal[0, 1, 2, 3], last.level),
    )
    _record(session, account, output, place)
    return output


async def _climb(
    driver: Driver,
    choice: Choice,
    asked: HueyRecommendationFilter,
    place: Place,
    excluded: Sequence[int],
    seed: int,
    limit: int,
) -> Rung:
    """Fill a choice, as far up the ladder as it takes; the last rung that was asked."""
    steps = ladder(asked, place)
    rung = next(steps)
    await _choose(driver, choice, rung, place, excluded, seed, limit)
    if asked.fallback:
        for step in steps:
            if len(choice.works) >= min(ENOUGH, limit):
                break
            rung = step
            await _choose(driver, choice, rung, place, excluded, seed, limit)
    return rung


def ladder(asked: HueyRecommendationFilter, place: Place) -> Iterator[Rung]:
    """The question as asked, then ever wider; a step that would widen nothing is left out."""
    used, everywhere = asked, place.school_id is None
    yield Rung(0, used, everywhere)
    if not everywhere:
        everywhere = True
        yield Rung(1, used, everywhere)
    if used.hues:
        used = used.model_copy(update={"hues": None})
        yield Rung(2, used, everywhere)
    if used.reading_abilities and len(used.reading_abilities) == 1:
        (level,) = used.reading_abilities
        yield Rung(3, used.model_copy(update={"reading_abilities": [level, NEIGHBOUR[level]]}), everywhere)
    elif used.age is not None and used.age < OLDEST:
        yield Rung(3, used.model_copy(update={"age": min(used.age + OLDER, OLDEST)}), everywhere)


async def _choose(
    driver: Driver, choice: Choice, rung: Rung, place: Place, excluded: Sequence[int], seed: int, limit: int
) -> None:
    """Add to a choice what a rung finds, until it holds as many as were asked for."""
    if not rung.everywhere and place.collection_id is None:
        return
    used = rung.used
    hues, abilities = await queries.masks(driver, used.hues or (), used.reading_abilities or ())
    terms = Terms(hues, abilities, used.age, used.recommendable_only is not False, [*excluded, *choice.works])
    start = random.Random(seed).randrange(-(2**31), 2**31)  # noqa: S311  # a place, not a secret
    found = await queries.candidates(driver, terms, None if rung.everywhere else place.collection_id, start)
    order = ranked(found, Wish(hues, abilities, used.age), seed)
    authors = await queries.authors(driver, [each.work_id for each in order]) if used.dedupe_authors else {}
    for each in order:
        if len(choice.works) >= limit:
            break
        if _has_its_turn(choice, each, authors):
            choice.works[each.work_id] = rung


def _has_its_turn(choice: Choice, work: Candidate, authors: dict[int, tuple[int, ...]]) -> bool:
    """Whether no other book by exactly these authors was chosen; books without authors are all different."""
    who = authors.get(work.work_id)
    if who is None:
        return True
    if who in choice.authors:
        return False
    choice.authors.add(who)
    return True


async def _described(driver: Driver, choice: Choice, place: Place) -> list[HueyBook]:
    """The chosen works as books, in the order of the choice."""
    here = [work for work, rung in choice.works.items() if not rung.everywhere]
    elsewhere = [work for work, rung in choice.works.items() if rung.everywhere]
    rows = await queries.books(driver, here, place.collection_id) if here else []
    rows += await queries.books(driver, elsewhere, None) if elsewhere else []
    return [_book(row, choice.works[row[0]]) for row in rows]


def _book(row: Sequence[Any], rung: Rung) -> HueyBook:
    work_id, isbn, cover_url, own_article, own_title, article, title, people, summary, available, labels = row
    shown = (own_article, own_title) if own_title is not None else (article, title)
    details = LabelSetDetail.model_validate(labels)
    return HueyBook(
        work_id=work_id,
        isbn=display(isbn),
        cover_url=cover_url,
        display_title=display_title(*shown),
        authors_string=", ".join(people),
        summary=summary or "",
        labels=details,
        available=available,
        reasons=list(reasons(details, rung, available)),
    )


def display_title(article: str | None, title: str) -> str:
    """A title with its article before it, once."""
    if not article or title.casefold().startswith(f"{article.casefold()} "):
        return title
    return f"{article} {title}"


def reasons(labels: LabelSetDetail, rung: Rung, available: bool | None) -> Iterator[Reason]:
    """Why a book was chosen: what of the question it answers, and where it is."""
    used = rung.used
    shared = [hue.name for hue in labels.hues if hue.key in (used.hues or ())]
    if shared:
        yield Reason(code=ReasonCode.HUE, detail=f"Its mood is {' and '.join(shared)}.")
    if used.age is not None:
        yield Reason(code=ReasonCode.AGE, detail=f"It is for ages {labels.min_age} to {labels.max_age}.")
    levels = [level.name for level in labels.reading_abilities if level.key in (used.reading_abilities or ())]
    if levels:
        yield Reason(code=ReasonCode.READING_ABILITY, detail=f"It reads like {' or '.join(levels)}.")
    if available is not None:
        yield Reason(code=ReasonCode.COLLECTION, detail="The school library holds it.")
    if available:
        yield Reason(code=ReasonCode.AVAILABLE, detail="A copy can be borrowed now.")
    if rung.level:
        yield Reason(code=ReasonCode.FALLBACK, detail=FALLBACK_DETAILS[rung.level])


FALLBACK_DETAILS = {
    1: "The school library may not hold it: too few of its books match.",
    2: "Its mood is not one that was asked for: too few books match.",
    3: "It is a little easier, harder or older than was asked for: too few books match.",
}


def _record(session: AsyncSession, account: Account, output: HueyOutput, place: Place) -> None:
    """Leave an event: which works, for which question; nothing of the books themselves."""
    events.record(
        session,
        "Made a recommendation" if output.books else "No books",
        account=account,
        description=f"{output.count} books recommended",
        level=EventLevel.NORMAL if output.books else EventLevel.WARNING,
        school_id=place.school_id,
        info={
            "work_ids": [book.work_id for book in output.books],
            "isbns": [book.isbn for book in output.books],
            "query": output.query.model_dump(mode="json", exclude_none=True),
            "fallback_level": output.fallback_level,
            "seed": output.seed,
        },
    )
