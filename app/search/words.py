"""A query as words: what is looked up for it, and what a misspelt word may have meant."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.core.isbn import understand
from app.core.text import fold, sort_title

MAX_WORD = 50
PREFIX = 7
SHORTEST_CORRECTED = 3
LONGEST_WITH_ONE_EDIT = 4
ARTICLES = frozenset({"the", "a", "an"})
MAX_WORDS = 12


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked for: its words, the folded title that it would be, and the ISBNs that it may stand for."""

    words: tuple[str, ...]
    title: str
    isbns: tuple[int, int] | None
    """The first and the last, both included."""

    @classmethod
    def read(cls, text: str) -> "Query":
        words = [word[:MAX_WORD] for word in fold(text).split()]
        telling = [word for word in words if word not in ARTICLES] or words
        return cls(tuple(dict.fromkeys(telling))[:MAX_WORDS], fold(sort_title(text)), isbns_meant(text))


def isbns_meant(text: str) -> tuple[int, int] | None:
    """The ISBNs that a text stands for: one, or all that begin with its seven digits or more."""
    digits = "".join(char for char in text if char.isascii() and char.isdigit())
    if len(digits) < 7 or any(char.isalpha() for char in text if char not in "xX"):
        return None
    whole = understand(text).isbn if len(digits) >= 9 else None
    if whole is not None:
        return whole, whole
    if not digits.startswith(("978", "979")) or len(digits) > 12:
        return None
    places = 10 ** (13 - len(digits))
    return int(digits) * places, (int(digits) + 1) * places - 1


def begun(words: Iterable[str]) -> str:
    """A tsquery: each word begins a word."""
    return " & ".join(f"'{word}':*" for word in words)


def corrected(words: Sequence[str], meant: dict[str, set[str]]) -> str | None:
    """A tsquery of what the words may have meant; with more than one word, one of them may be missing."""
    groups = [
        "(" + " | ".join(sorted(f"'{each}'" for each in meant[word])) + ")" for word in words if meant.get(word)
    ]
    if not groups:
        return None
    if len(groups) < 2 or len(groups) < len(words):
        return " & ".join(groups)
    return " | ".join(
        "(" + " & ".join(group for at, group in enumerate(groups) if at != left_out) + ")"
        for left_out in range(len(groups))
    )


def fragments(word: str) -> set[str]:
    """What `deletes_of` makes of a word, in the database."""
    found = {word[:PREFIX]}
    for _ in range(edits_allowed(word)):
        found |= {each[:at] + each[at + 1 :] for each in found for at in range(len(each))}
    return found


def edits_allowed(word: str) -> int:
    return 1 if len(word) <= LONGEST_WITH_ONE_EDIT else 2


def distance(one: str, other: str, most: int) -> int:
    """Letters to be inserted, removed, replaced or exchanged with the next to make one word the other; more than
    ``most`` where it takes more than that."""
    if abs(len(one) - len(other)) > most:
        return most + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for at, char in enumerate(one, 1):
        row = [at]
        for place, letter in enumerate(other, 1):
            cost = min(last[place] + 1, row[-1] + 1, last[place - 1] + (char != letter))
            if at > 1 and place > 1 and char == other[place - 2] and one[at - 2] == letter:
                cost = min(cost, before[place - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
        before, last = last, row
    return last[-1]


def trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}


def likeness(one: set[str], other: set[str]) -> float:
    """How much two sets of trigrams have in common, from 0 to 1."""
    return len(one & other) / len(one | other) if one or other else 0.0
