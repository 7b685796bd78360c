"""A query as words: what is looked up for it, and what a misspelt word may have meant."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.books.matching import match_title
from app.core.isbn import understand
from app.core.text import fold

MAX_WORD = 50
MAX_WORDS = 12
PREFIX = 7
SHORTEST_CORRECTED = 3
LONGEST_WITH_ONE_EDIT = 4
SHORT = 2
MEANINGS = 30
ARTICLES = frozenset({"the", "a", "an"})


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
        return cls(tuple(dict.fromkeys(telling))[:MAX_WORDS], match_title(text), isbns_meant(text))

    @property
    def is_short(self) -> bool:
        """Whether it is the first letter or two of what somebody types."""
        return bool(self.words) and all(len(word) <= SHORT for word in self.words)


def isbns_meant(text: str) -> tuple[int, int] | None:
    """The ISBNs that a text stands for: one in any form, or all that begin with its seven digits or more."""
    digits = "".join([char for char in text if char.isascii() and char.isdigit()])
    if len(digits) < PREFIX or any(char.isalpha() and char not in "xX" for char in text):
        return None
    if len(digits) >= 9 and (whole := understand(text.strip()).isbn) is not None:
        return whole, whole
    if not digits.startswith(("978", "979")) or len(digits) > 12:
        return None
    places = 10 ** (13 - len(digits))
    return int(digits) * places, (int(digits) + 1) * places - 1


def begun(words: Iterable[str], weight: str = "") -> str:
    """A tsquery: each word begins a word, of that weight if one is given."""
    return " & ".join([f"'{word}':*{weight}" for word in words])


def whole(words: Iterable[str]) -> str:
    """A tsquery: each word is a word."""
    return " & ".join([f"'{word}'" for word in words])


@dataclass(frozen=True, slots=True)
class Meaning:
    """What the words of a query may have meant. Each group stands for one word, and is a tsquery."""

    groups: Sequence[str]
    words: frozenset[str]

    @property
    def strict(self) -> str:
        """A tsquery: something of every group."""
        return " & ".join(self.groups)

    @property
    def relaxed(self) -> str | None:
        """A tsquery: something of every group but one; None if that would be nothing."""
        if len(self.groups) < 2:
            return None
        return " | ".join(
            f"({' & '.join(group for at, group in enumerate(self.groups) if at != left_out)})"
            for left_out in range(len(self.groups))
        )


def meaning_of(words: Sequence[str], known: Iterable[tuple[str, str]]) -> Meaning:
    """What the words may have meant, given what `suspects` found: pairs of a word and one of the vocabulary."""
    near: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    exact = set()
    for word, other in known:
        if word == other:
            exact.add(word)
        edits = distance(word, other, edits_allowed(word))
        if len(word) >= SHORTEST_CORRECTED and edits <= edits_allowed(word):
            near[word].append((edits, other))
    groups: list[str] = []
    meant: set[str] = set()
    for at, word in enumerate(words):
        best = [other for _, other in sorted(near[word])[:MEANINGS]] or ([word] if word in exact else [])
        if len(words) > 1 and not ARTICLES.isdisjoint(best):
            continue  # titles are stored without theirs
        choices = [f"'{each}'" for each in best]
        choices += [f"('{left}' & '{right}')" for left, right in splits(word) if {left, right} <= exact]
        choices += [f"'{joined}'" for joined in joins(words, at) if joined in exact]
        if at == len(words) - 1 and len(word) > SHORT:
            choices.append(f"'{word}':*")
        if choices:
            groups.append(f"({' | '.join(choices)})")
            meant |= {*best, *(joined for joined in joins(words, at) if joined in exact)}
            meant |= {part for pair in splits(word) if set(pair) <= exact for part in pair}
    return Meaning(groups, frozenset(meant))


def suspects(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pairs of a word and a fragment under which the vocabulary may have what it means."""
    for word in words:
        if len(word) >= SHORTEST_CORRECTED:
            for fragment in fragments(word):
                yield word, fragment


def pieces(words: Sequence[str]) -> set[str]:
    """Words that the query's would be if a space was left out or put in, and they themselves."""
    found = set(words)
    for at, word in enumerate(words):
        found.update(joins(words, at))
        found.update(part for pair in splits(word) for part in pair)
    return found


def splits(word: str) -> list[tuple[str, str]]:
    """The two words that a word is if the space between them was left out, or another key was hit."""
    return [(word[:at], word[at + hit :]) for hit in (0, 1) for at in range(SHORT, len(word) - SHORT - hit + 1)]


def joins(words: Sequence[str], at: int) -> list[str]:
    """The word joined to the next, and the one before to it."""
    return ["".join(words[start : start + 2]) for start in (at - 1, at) if 0 <= start < len(words) - 1]


def fragments(word: str) -> set[str]:
    """What `deletes_of` makes of a word in the database."""
    last = found = {word[:PREFIX]}
    for _ in range(edits_allowed(word)):
        last = {each[:at] + each[at + 1 :] for each in last for at in range(len(each))}
        found = found | last
    return found


def edits_allowed(word: str) -> int:
    return 1 if len(word) <= LONGEST_WITH_ONE_EDIT else 2


def distance(one: str, other: str, most: int) -> int:
    """Letters to insert, remove, replace or exchange with the next to make one word the other; more than ``most``
    where it takes more than that."""
    if one == other:
        return 0
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


def likeness(query: str, *texts: str) -> float:
    """How much a query is like the best of these texts, from 0 to 1: of their trigrams, the share they have in
    common."""
    asked = _trigrams(query)
    shares = [len(asked & each) / len(asked | each) for each in map(_trigrams, texts)]
    return max(shares, default=0.0)


def _trigrams(text: str) -> set[str]:
    padded = f"  {text} "
    return {padded[at : at + 3] for at in range(len(padded) - 2)}
