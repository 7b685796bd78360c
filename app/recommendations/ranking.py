"""Which of the books that match suit best: a pure function of what is asked and of a seed."""

import random
from collections.abc import Iterable
from typing import NamedTuple


class Candidate(NamedTuple):
    """A work that matches: its hues and reading abilities as bits, its ages."""

    work_id: int
    hues: int
    main_hues: int
    abilities: int
    min_age: int | None
    max_age: int | None


class Wish(NamedTuple):
    """What is asked for; a mask of -1 asks nothing."""

    hues: int
    abilities: int
    age: int | None


def ranked(candidates: Iterable[Candidate], wish: Wish, seed: int) -> list[Candidate]:
    """The best first. Of equally good ones the seed decides."""
    chance = random.Random(seed)  # noqa: S311  # an order, not a secret
    return sorted(candidates, key=lambda each: (-fitness(each, wish), chance.random()))


def fitness(book: Candidate, wish: Wish) -> float:
    """How well a matching book suits, from 0 to 4.

    Hues: the share of wanted and present ones that are both, and a half more if the primary one is wanted; abilities:
    the same share; age: how near it is to the middle of the book's ages, and how few those are.
    """
    hues = _share(book.hues, wish.hues) + (0.5 if wish.hues != -1 and book.main_hues & wish.hues else 0.0)
    return 2 * hues / 1.5 + _share(book.abilities, wish.abilities) + _age_fit(book, wish.age)


def _share(present: int, wanted: int) -> float:
    if wanted == -1:
        return 0.0
    return (present & wanted).bit_count() / ((present | wanted).bit_count() or 1)


def _age_fit(book: Candidate, age: int | None) -> float:
    if age is None or book.min_age is None or book.max_age is None:
        return 0.0
    span = book.max_age - book.min_age + 1
    off = abs(age - (book.min_age + book.max_age) / 2)
    return 1 / (1 + off / 2 + span / 4)
