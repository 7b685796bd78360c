"""Puts together the books of the demonstration set, app/demo/books.csv and app/demo/stories.csv, out of four sources.

Facts alone are taken: titles, names, numbers. What each source is, where to get it and under which licence it stands is
in app/demo/SOURCES.md; fetch the four, and give their paths:

    .venv/bin/python -m scripts.gather_books --classroom allBooks.js --goodbooks books.csv \
        --kidlit books_llm_tags.csv --stories asp-source/en

The same sources make the same files, byte for byte.
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from app.core.isbn import display, understand
from app.core.text import fold, sort_title

DEMO = Path(__file__).parents[1] / "app" / "demo"
BOOK_FIELDS = (
    *("isbn", "leading_article", "title", "series", "series_number", "authors", "illustrators", "pages"),
    *("copies", "available", "min_age", "max_age", "hues", "reading_abilities", "recommend_status", "source"),
)
STORY_FIELDS = ("story_id", "title", "authors", "illustrators", "licence")

HUE_OF_TONE: Mapping[str, Sequence[str]] = {
    "hue01_dark_suspense": ("mysterious", "suspenseful", "tense", "intriguing", "spooky"),
    "hue02_beautiful_whimsical": ("whimsical", "magical", "imaginative", "mythical", "fairy tale", "calm", "nostalgic"),
    "hue03_dark_beautiful": ("dark", "epic"),
    "hue04_joyful_charming": (
        *("heartwarming", "warm", "joyful", "joyous", "upbeat", "festive", "cozy", "sweet", "wholesome", "charming"),
        *("gentle", "comforting", "reassuring", "soothing"),
    ),
    "hue05_funny_comic": ("humorous", "funny"),
    "hue06_dark_gritty": ("darkly humorous", "darkly comedic", "intense", "serious", "resistant"),
    "hue07_silly_charming": ("lighthearted", "light-hearted"),
    "hue08_charming_courageous": ("adventurous", "exciting", "courageous", "brave", "determined"),
    "hue09_charming_playful": ("playful", "lively", "interactive", "cooperative"),
    "hue10_inspiring": ("uplifting", "inspiring", "inspirational", "empowering", "encouraging", "resilient"),
    "hue11_realistic_hope": (
        *("emotional", "hopeful", "empathetic", "poignant", "introspective", "reflective", "realistic", "thoughtful"),
        *("thought-provoking", "coming-of-age", "challenging", "anxious"),
    ),
    "hue12_funny_quirky": ("clever", "quirky", "satirical"),
    "hue13_informative": ("educational", "informative", "factual", "historical", "observant", "curious", "helpful"),
}
"""The primary hue, by the tone that is told of a book."""
HUE_OF_THEME: Mapping[str, Sequence[str]] = {
    "hue01_dark_suspense": ("mystery", "danger", "supernatural", "ghosts", "secrets"),
    "hue02_beautiful_whimsical": ("imagination", "magic", "creativity", "dreams", "fantasy", "transformation"),
    "hue03_dark_beautiful": ("good vs. evil", "prophecy", "destiny", "sacrifice"),
    "hue04_joyful_charming": ("friendship", "family", "love", "kindness", "celebration", "christmas", "home"),
    "hue05_funny_comic": ("humor", "absurdity", "fun"),
    "hue06_dark_gritty": ("survival", "war", "racism", "prejudice", "rebellion"),
    "hue07_silly_charming": ("silliness", "mischief", "mischievousness", "mischievous behavior", "rhyme"),
    "hue08_charming_courageous": ("courage", "bravery", "adventure", "rescue", "heroism", "exploration", "journey"),
    "hue09_charming_playful": ("play", "playfulness", "bedtime", "food", "pets", "animals", "surprise"),
    "hue10_inspiring": ("perseverance", "determination", "resilience", "persistence", "self-acceptance", "teamwork"),
    "hue11_realistic_hope": (
        "loss",
        "grief",
        "growing up",
        "coming of age",
        "identity",
        "belonging",
        "hope",
        "empathy",
    ),
    "hue12_funny_quirky": ("individuality", "wordplay", "uniqueness", "misunderstanding", "ingenuity"),
    "hue13_informative": ("learning", "alphabet", "counting", "colors", "science", "history", "nature", "education"),
}
"""Secondary and tertiary hue, by the first themes that are told of a book and add one."""
AGES_OF_ABILITY = {
    "SPOT": (0, 4),
    "CAT_HAT": (5, 6),
    "TREEHOUSE": (7, 8),
    "CHARLIE_CHOCOLATE": (9, 10),
    "HARRY_POTTER": (11, 18),
}
"""A book is of every reading ability that is usual at one of its ages."""
OLDEST = 18
"""Where an age such as "12+" ends."""
OLDEST_BEGINNER = 12
"""Well-known books for readers from a later age on, or of unknown age, are left out."""
REFERENCE = {"almanac", "atlas", "dictionary", "encyclopedia", "thesaurus"}
"""Words of titles of works of reference, which nobody reads from end to end: BAD_REFERENCE."""
ENGLISH = {"", "eng", "en-US", "en-GB", "en-CA"}
NO_NAMES = {"", "SINGLE COPY"}
STORIES = 40
MOST_OF_A_SERIES = 3

TONES = {tone: hue for hue, tones in HUE_OF_TONE.items() for tone in tones}
THEMES = {theme: hue for hue, themes in HUE_OF_THEME.items() for theme in themes}
SERIES = re.compile(r"\s*\((?P<series>[^()#]+?),?\s+(?:#|No\. |Book )(?P<number>\d+)\)")
TRAILING_ARTICLE = re.compile(r"(?P<title>.+), (?P<article>The|A|An)", re.IGNORECASE)
LEADING_ARTICLE = re.compile(r"(?P<article>The|A|An) (?P<title>\S.*)")
BEHIND = re.compile(r"\s*\((?P<inside>[^()]+)\)\s*$")
AGES = re.compile(r"(?P<least>\d+)(?:[-\N{EN DASH}](?P<most>\d+)|\+)")


class Heading(NamedTuple):
    """A title taken apart."""

    article: str
    title: str
    series: str = ""
    number: str = ""


class Labels(NamedTuple):
    """What is told of a book for recommendations."""

    ages: tuple[int, int] | None = None
    hues: tuple[str, ...] = ()
    status: str = ""

    @property
    def abilities(self) -> list[str]:
        if self.ages is None:
            return []
        least, most = self.ages
        return [key for key, (first, last) in AGES_OF_ABILITY.items() if least <= last and first <= most]


UNLABELLED = Labels()


@dataclass(slots=True)
class Book:
    isbn: int
    heading: Heading
    authors: list[str]
    source: str
    illustrators: list[str] = field(default_factory=list)
    pages: str = ""
    copies: int = 1
    labels: Labels = UNLABELLED
    first_title: str = ""
    """Where it is another than today's."""

    @property
    def key(self) -> tuple[str, str]:
        return self._key_of(self.heading.title)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """What it may be known by: its title, that without the imprint behind it, the first one that it had."""
        titles = (self.heading.title, BEHIND.sub("", self.heading.title), self.first_title)
        return [self._key_of(title) for title in titles if title]

    def _key_of(self, title: str) -> tuple[str, str]:
        return key_of(title, self.authors[0] if self.authors else "")


def key_of(title: str, author: str) -> tuple[str, str]:
    """What tells one work from another here: its folded title without article, and its first author's letters."""
    return sort_title(title).replace(" ", ""), fold(author).replace(" ", "")


def heading_of(told: str) -> Heading:
    """A title as a list has it: with an article before or behind it, and "(The Hunger Games, #1)" somewhere."""
    found = SERIES.search(told)
    title = " ".join((told if found is None else told[: found.start()] + told[found.end() :]).split())
    split = TRAILING_ARTICLE.fullmatch(title) or LEADING_ARTICLE.fullmatch(title)
    article, title = (split["article"].capitalize(), split["title"]) if split else ("", title)
    return Heading(article, title, *((found["series"], found["number"]) if found else ("", "")))


def names_of(cell: str) -> tuple[list[str], list[str]]:
    """The authors and the illustrators of a cell such as "Dan Gutman,Jim Paillot (Illustrator)"."""
    authors: list[str] = []
    illustrators: list[str] = []
    for each in re.split(r",| & |;", cell):
        role = BEHIND.search(each)
        name = " ".join(BEHIND.sub("", each).split())
        into = illustrators if role and "illustrator" in role["inside"].lower() else authors
        if name not in NO_NAMES and name not in into:
            into.append(name)
    return authors, illustrators


def labels_of(row: Mapping[str, str]) -> Labels:
    """What the tables above make of a book's tone, themes and ages."""
    ages = AGES.fullmatch(row["age_range"].strip())
    told = [TONES.get(row["tone"].strip().lower())]
    told += [THEMES.get(theme.strip().lower()) for theme in row["themes"].split(",")]
    hues = tuple(dict.fromkeys(hue for hue in told if hue is not None))
    span = (int(ages["least"]), int(ages["most"] or OLDEST)) if ages else None
    return Labels(span, hues[:3], "GOOD")


def read_kidlit(path: Path) -> dict[tuple[str, str], Labels]:
    labels: dict[tuple[str, str], Labels] = {}
    for row in rows_of(path):
        labels.setdefault(key_of(heading_of(row["title"]).title, row["author"]), labels_of(row))
    return labels


def read_classroom(path: Path) -> Iterator[Book]:
    """A JavaScript module whose one array is JSON. ISBNs are numbers there, and have lost their zeros."""
    text = path.read_text(encoding="utf-8")
    for row in json.loads(text[text.index("[") : text.rindex("]") + 1]):
        isbn = understand(row["isbn13"]).isbn or understand(row["isbn10"]).isbn
        if isbn is None:
            continue
        authors, illustrators = names_of(row["authors"])
        heading = heading_of(row["title"])
        status = "BAD_REFERENCE" if REFERENCE.intersection(fold(heading.title).split()) else ""
        book = Book(isbn, heading, authors, "classroom", illustrators, str(row["pages"]), int(row["copies"]))
        book.labels = Labels(status=status)
        yield book


def read_goodbooks(path: Path) -> Iterator[Book]:
    """English ones with an ISBN, but for parts and boxes of several ("(Harry Potter, #1-7)")."""
    for row in rows_of(path):
        isbn = understand(row["isbn"]).isbn
        heading = heading_of(row["title"])
        if isbn is not None and row["language_code"] in ENGLISH and "#" not in heading.title:
            book = Book(isbn, heading, names_of(row["authors"])[0], "goodbooks")
            book.first_title = row["original_title"]
            yield book


def read_stories(folder: Path) -> Iterator[dict[str, str]]:
    """The first English stories under CC BY: a Markdown file each, whose last lines say of whom it is."""
    titles: set[str] = set()
    for path in sorted(folder.glob("*.md")):
        lines = path.read_text(encoding="utf-8").splitlines()
        said = dict(line.removeprefix("* ").split(": ", 1) for line in lines if re.match(r"\* \w+: ", line))
        title = lines[0].removeprefix("# ").strip(" .")
        if said.get("License") in ("[CC-BY]", "[CC BY]") and fold(title) not in titles and len(titles) < STORIES:
            titles.add(fold(title))
            authors, illustrators = (names_of(said.get(role, ""))[0] for role in ("Text", "Illustration"))
            yield dict(
                zip(
                    STORY_FIELDS,
                    (path.name[:4], title, "; ".join(authors), "; ".join(illustrators), "CC BY"),
                    strict=True,
                )
            )


def gather(
    classroom: Iterable[Book], goodbooks: Iterable[Book], labels: Mapping[tuple[str, str], Labels]
) -> list[Book]:
    """The classroom's books, and of the well-known ones those that are labelled, with the first others of their
    series."""
    known = [book for book in goodbooks if book.authors]
    told = {book.isbn: found for book in known if (found := first_of(labels, book.keys)) and is_for_children(found)}
    begun = {(book.heading.series, book.authors[0]) for book in known if book.isbn in told and book.heading.series}
    books: dict[int, Book] = {}
    works = set()
    for book in classroom:
        if found := first_of(labels, book.keys):
            book.labels = found._replace(status=book.labels.status or found.status)
        books[book.isbn] = book
        works.add(book.key)
    for book in known:
        goes_on = (book.heading.series, book.authors[0]) in begun and int(book.heading.number) <= MOST_OF_A_SERIES
        if (book.isbn in told or goes_on) and book.isbn not in books and book.key not in works:
            book.labels = told.get(book.isbn, UNLABELLED)
            books[book.isbn] = book
            works.add(book.key)
    return sorted(books.values(), key=lambda book: (sort_title(book.heading.title), book.isbn))


def is_for_children(labels: Labels) -> bool:
    return labels.ages is not None and labels.ages[0] <= OLDEST_BEGINNER


def first_of(labels: Mapping[tuple[str, str], Labels], keys: Iterable[tuple[str, str]]) -> Labels | None:
    return next((labels[key] for key in keys if key in labels), None)


def row_of(book: Book) -> dict[str, str]:
    copies, available = holding_of(book)
    least, most = book.labels.ages or ("", "")
    values = (
        *(display(book.isbn), *book.heading, "; ".join(book.authors), "; ".join(book.illustrators), book.pages),
        *(copies, available, least, most, "; ".join(book.labels.hues), "; ".join(book.labels.abilities)),
        *(book.labels.status, book.source),
    )
    return dict(zip(BOOK_FIELDS, map(str, values), strict=True))


def holding_of(book: Book) -> tuple[int, int]:
    """How many copies the demonstration school has, and how many are in. But for the classroom's copies, made up: of
    the well-known books it lacks one in twelve, and of all one in six has a copy on loan."""
    chance = book.isbn // 10
    copies = 0 if book.source == "goodbooks" and chance % 12 == 0 else book.copies
    return copies, max(copies - (chance % 6 == 1), 0)


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def write(path: Path, fields: Sequence[str], rows: Iterable[Mapping[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("classroom", "goodbooks", "kidlit", "stories"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    books = gather(read_classroom(given.classroom), read_goodbooks(given.goodbooks), read_kidlit(given.kidlit))
    stories = list(read_stories(given.stories))
    write(DEMO / "books.csv", BOOK_FIELDS, map(row_of, books))
    write(DEMO / "stories.csv", STORY_FIELDS, stories)
    labelled = sum(1 for book in books if book.labels.hues)
    sys.stdout.write(f"{len(books)} books, {labelled} with hues; {len(stories)} stories.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
