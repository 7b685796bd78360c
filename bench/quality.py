"""How good search and recommendations are, on real books: `python -m bench.quality DATA_DIR`.

DATA_DIR holds `goodbooks10k_books.csv` (zygmuntz/goodbooks-10k) and `kidlit_labels_1010.csv` (cn2671/kidlit). They are
read, never copied. Books go into a database of the run's own through the product's services; what is asked of them
are the product's own questions. Everything random is seeded.
"""

import argparse
import asyncio
import csv
import json
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from app import tables  # noqa: F401  # all of them, or relationships would lead nowhere
from app.accounts.models import WrivetedAdmin
from app.accounts.principals import ADMIN
from app.books.additions.rows import read_batch
from app.books.service import add_editions
from app.core.account import Account
from app.core.config import Settings
from app.core.db import Database, Driver
from app.core.isbn import understand
from app.core.local import cluster, create_database
from app.core.security import Tokens
from app.core.text import fold
from app.labels.vocabulary import HueKey, ReadingAbilityKey
from app.recommendations import queries
from app.recommendations.queries import Terms
from app.recommendations.ranking import Wish, ranked
from app.search import service
from app.search.queries import Scope
from app.search.words import Query
from bench import isbns, starting
from bench.looking import misspelt
from bench.servers import settings_on
from bench.world import DAY

SEED = 1010
MISSPELT = 200
DEEP = 10
SCHOOLS = 60
HUES_OF_TONE: dict[str, str] = {
    "whimsical": "hue02_beautiful_whimsical", "magical": "hue02_beautiful_whimsical",
    "calm": "hue02_beautiful_whimsical", "gentle": "hue02_beautiful_whimsical",
    "adventurous": "hue08_charming_courageous",
    "courageous": "hue08_charming_courageous", "determined": "hue08_charming_courageous",
    "exciting": "hue08_charming_courageous", "epic": "hue08_charming_courageous",
    "heartwarming": "hue04_joyful_charming",
    "joyful": "hue04_joyful_charming", "upbeat": "hue04_joyful_charming", "warm": "hue04_joyful_charming",
    "comforting": "hue04_joyful_charming", "festive": "hue04_joyful_charming",
    "playful": "hue09_charming_playful",
    "lighthearted": "hue09_charming_playful", "light-hearted": "hue09_charming_playful",
    "humorous": "hue05_funny_comic",
    "funny": "hue05_funny_comic", "clever": "hue12_funny_quirky", "curious": "hue12_funny_quirky",
    "emotional": "hue11_realistic_hope", "hopeful": "hue11_realistic_hope", "empathetic": "hue11_realistic_hope",
    "nostalgic": "hue11_realistic_hope", "realistic": "hue11_realistic_hope", "uplifting": "hue10_inspiring",
    "inspiring": "hue10_inspiring", "empowering": "hue10_inspiring", "mysterious": "hue01_dark_suspense",
    "intriguing": "hue01_dark_suspense", "dark": "hue06_dark_gritty", "introspective": "hue03_dark_beautiful",
    "reflective": "hue03_dark_beautiful", "thought-provoking": "hue03_dark_beautiful",
    "educational": "hue13_informative", "informative": "hue13_informative",
}  # fmt: skip
HUES_OF_THEME: dict[str, str] = {
    "adventure": "hue08_charming_courageous", "courage": "hue08_charming_courageous",
    "bravery": "hue08_charming_courageous", "survival": "hue06_dark_gritty", "imagination": "hue02_beautiful_whimsical",
    "magic": "hue02_beautiful_whimsical", "nature": "hue02_beautiful_whimsical", "creativity": "hue12_funny_quirky",
    "humor": "hue05_funny_comic", "mischievousness": "hue07_silly_charming", "playfulness": "hue09_charming_playful",
    "mystery": "hue01_dark_suspense", "fear": "hue01_dark_suspense", "loss": "hue03_dark_beautiful",
    "loneliness": "hue03_dark_beautiful", "identity": "hue11_realistic_hope", "growing up": "hue11_realistic_hope",
    "family": "hue04_joyful_charming", "friendship": "hue04_joyful_charming", "love": "hue04_joyful_charming",
    "kindness": "hue04_joyful_charming", "resilience": "hue10_inspiring", "acceptance": "hue10_inspiring",
    "perseverance": "hue10_inspiring", "learning": "hue13_informative", "history": "hue13_informative",
    "science": "hue13_informative", "curiosity": "hue13_informative",
}  # fmt: skip
"""What an editor would say: the tone names the primary hue, the themes the others."""
LEVELS = ((5.0, "SPOT"), (6.5, "CAT_HAT"), (9.0, "TREEHOUSE"), (11.0, "CHARLIE_CHOCOLATE"), (99.0, "HARRY_POTTER"))
Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.quality", description=__doc__)
    parser.add_argument("folder", type=Path, metavar="DATA_DIR")
    folder: Path = parser.parse_args().folder
    with starting.data_folder() as data, cluster(data) as url:
        for name, measure in (("goodbooks", _search), ("kidlit", _recommendations)):
            settings = settings_on(create_database(url, name))
            starting.migrate(settings.dsn)
            asyncio.run(measure(settings, folder))


async def _search(settings: Settings, folder: Path) -> None:
    """200 misspelt titles and authors of goodbooks: how often the book is among the first ten."""
    with (folder / "goodbooks10k_books.csv").open(encoding="utf-8", newline="") as file:
        books = list(_goodbooks(csv.DictReader(file)))
    database = Database(settings)
    await _store(database, books)
    chance = random.Random(SEED)
    sample = chance.sample([book for book in books if len(fold(book["title"])) >= 4 and book["authors"]], MISSPELT)
    asked = [
        (book, *((book["title"], "title") if number % 2 else (_name(book["authors"][0]), "author")))
        for number, book in enumerate(sample)
    ]
    print(f"search: {len(books):,} books of goodbooks; recall among the first {DEEP}")
    async with database.transaction(reading=True) as transaction:
        for what, change in (
            ("as they are", lambda text: text),
            ("misspelt", lambda text: misspelt(chance, fold(text))),
        ):
            found = [
                (kind, await _is_found(transaction.driver, book, change(text), kind)) for book, text, kind in asked
            ]
            shares = {name: _share([hit for kind, hit in found if kind in kinds]) for name, kinds in KINDS.items()}
            print(f"  {what}: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    await database.dispose()


KINDS = {"all 200": ("title", "author"), "titles": ("title",), "authors": ("author",)}


async def _is_found(driver: Driver, book: Json, text: str, kind: str) -> bool:
    """Whether the book, or for an author some book of the author, is among the first ten."""
    found = await service.find(driver, Query.read(text), Scope(None, None))
    ids = [id_ for _, id_ in found.keys[:DEEP]]
    if kind == "title":
        return book["work"] in ids
    rows = await queries.authors(driver, ids)
    return any(book["writer"] in writers for writers in rows.values())


def _goodbooks(rows: Iterable[dict[str, str]]) -> Iterator[Json]:
    """Books with an ISBN, each once; the series is taken out of the title."""
    seen = set()
    for row in rows:
        isbn = understand(row["isbn"]).isbn
        if isbn is None or isbn in seen:
            continue
        seen.add(isbn)
        title, _, series = row["title"].partition(" (")
        numbered = re.fullmatch(r"(.+?),? #(\d+)\)", series)
        yield {
            "isbn": str(isbn),
            "title": title,
            "series_name": numbered[1] if numbered else None,
            "authors": [_person(name) for name in row["authors"].split(", ")],
        }


def _person(name: str) -> dict[str, str | None]:
    first, _, last = name.strip().rpartition(" ")
    return {"first_name": first or None, "last_name": last}


def _name(person: dict[str, str | None]) -> str:
    return " ".join(filter(None, (person["first_name"], person["last_name"])))


async def _store(database: Database, books: Sequence[Json]) -> None:
    """Add books as an admin does, and note each one's work and first author."""
    tokens = Tokens.of(database.settings)
    async with database.transaction() as transaction:
        await transaction.allow_bulk()
        admin = WrivetedAdmin(id=uuid4(), name="Ada", email="ada@example.com")
        transaction.session.add(admin)
        await transaction.session.flush()
        claims = tokens.read(tokens.issue("user-account", admin.id, DAY))
        account = Account("user", admin.id, admin.type, admin.name, frozenset({ADMIN}), claims)
        members = ("isbn", "title", "series_name", "authors", "cover_url")
        rows = [{name: book[name] for name in members if name in book} for book in books]
        await add_editions(
            transaction.session, account, read_batch(json.dumps(rows).encode(), len(rows), is_admin=True), atomic=False
        )
    with psycopg.connect(database.settings.dsn, autocommit=True) as connection:
        works: dict[int, int] = dict(connection.execute("SELECT isbn, work_id FROM editions").fetchall())
        writers = {
            (work, name): author
            for work, author, name in connection.execute(
                "SELECT work_id, author_id, search_name FROM author_works JOIN authors ON id = author_id"
            ).fetchall()
        }
        connection.execute("ANALYZE")
    for book in books:
        book["work"] = works[int(book["isbn"])]
        book["writer"] = writers.get((book["work"], fold(_name(book["authors"][0])))) if book["authors"] else None


@dataclass(frozen=True, slots=True)
class Labelled:
    """A book with the labels it came with, and those that it was given."""

    work: int
    tone: str
    themes: frozenset[str]
    ages: tuple[int, int]
    hues: tuple[str, ...]
    level: str
    held_by: int

    def shares(self, other: "Labelled") -> bool:
        """Whether two books have the tone, a theme and an age in common."""
        return (
            self.tone == other.tone
            and not self.themes.isdisjoint(other.themes)
            and self.ages[0] <= other.ages[1]
            and other.ages[0] <= self.ages[1]
        )


Order = Callable[[Labelled], list[int]]


async def _recommendations(settings: Settings, folder: Path) -> None:
    """For each book of kidlit, asked for by its own labels: how high others stand that share tone, theme and age."""
    with (folder / "kidlit_labels_1010.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    database = Database(settings)
    written = [
        {
            "isbn": str(isbns.known(number)),
            "title": row["title"],
            "authors": [_person(row["author"])],
            "cover_url": f"https://covers.example/{number}.jpg",
        }
        for number, row in enumerate(rows)
    ]
    await _store(database, written)
    books = list(_labelled(rows, written))
    collection = _shelve(settings, books)
    by_work = {book.work: book for book in books}
    chance = random.Random(SEED)
    most_held = sorted(by_work, key=lambda work: (-by_work[work].held_by, work))

    async with database.transaction(reading=True) as transaction:
        answers = {book.work: await _recommended(transaction.driver, book, collection) for book in books}
    await database.dispose()
    orders: dict[str, Order] = {
        "recommended": lambda book: answers[book.work],
        "most held": lambda book: [work for work in most_held if work != book.work],
        "random": lambda book: chance.sample([work for work in by_work if work != book.work], len(by_work) - 1),
    }
    asked = [book for book in books if any(book.shares(other) for other in books if other is not book)]
    print(f"recommendations: {len(books):,} books of kidlit, {len(asked)} asked for that have like ones")
    for name, order in orders.items():
        found = [_figures([book.shares(by_work[work]) for work in order(book)], _like(book, books)) for book in asked]
        precision, gain, first = (sum(each) / len(found) for each in zip(*found, strict=True))
        told = f"precision {precision:.3f} and nDCG {gain:.3f} at {DEEP}, mean reciprocal rank {first:.3f}"
        print(f"  {name}: {told}")


def _like(book: Labelled, books: Iterable[Labelled]) -> int:
    return sum(book.shares(other) for other in books if other is not book)


def _figures(hits: Sequence[bool], number: int) -> tuple[float, float, float]:
    """Share of the first ten that are like the book; their discounted gain, of what it could be; 1 / first rank."""
    best = sum(1 / math.log2(place + 2) for place in range(min(DEEP, number)))
    gain = sum(hit / math.log2(place + 2) for place, hit in enumerate(hits[:DEEP]))
    first = next((1 / (place + 1) for place, hit in enumerate(hits) if hit), 0.0)
    return sum(hits[:DEEP]) / DEEP, gain / best, first


async def _recommended(driver: Driver, book: Labelled, collection: UUID) -> list[int]:
    """What the product answers, but for the limit: the question that a child who liked the book would ask."""
    hues = [HueKey(hue) for hue in book.hues]
    masks = await queries.masks(driver, hues, [ReadingAbilityKey(book.level)])
    age = sum(book.ages) // 2
    found = await queries.candidates(driver, Terms(*masks, age, True, [book.work]), collection, SEED)
    return [each.work_id for each in ranked(found, Wish(*masks, age), SEED)]


def _labelled(rows: Sequence[dict[str, str]], stored: Sequence[Json]) -> Iterator[Labelled]:
    """The books whose tone and ages are understood. The list begins with the best known, which most schools hold."""
    seen = set()
    for number, (row, book) in enumerate(zip(rows, stored, strict=True)):
        ages = [int(age) for age in re.findall(r"\d+", row["age_range"])]
        tone = row["tone"].strip().lower()
        themes = [theme.strip().lower() for theme in row["themes"].split(",")]
        hues = [HUES_OF_TONE.get(tone), *(HUES_OF_THEME.get(theme) for theme in themes)]
        known = tuple(dict.fromkeys(hue for hue in hues if hue is not None))[:3]
        if not ages or not known or book["work"] in seen:
            continue
        seen.add(book["work"])
        span = (ages[0], ages[1] if len(ages) > 1 else ages[0] + 3)
        level = next(level for most, level in LEVELS if sum(span) / 2 <= most)
        held_by = max(1, round(SCHOOLS / (1 + number / 40)))
        yield Labelled(book["work"], tone, frozenset(themes), span, known, level, held_by)


def _shelve(settings: Settings, books: Sequence[Labelled]) -> UUID:
    """Label the books, and put all of them on the shelves of one school."""
    school, collection = uuid4(), uuid4()
    with psycopg.connect(settings.dsn) as connection:
        connection.execute(
            """INSERT INTO schools (wriveted_identifier, country_code, state, name, search_name, bookbot_type, lms_type,
                                    info) VALUES (%s, 'AUS', 'active', 'S', 's', 'huey_books', 'none', '{}')""",
            (school,),
        )
        connection.execute("INSERT INTO collections (id, name, school_id) VALUES (%s, 'S', %s)", (collection, school))
        connection.execute(
            """INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)
               SELECT %s, isbn, sort_title, 1, 1 FROM editions""",
            (collection,),
        )
        cursor = connection.cursor()
        cursor.executemany(
            "INSERT INTO labelsets (id, work_id, min_age, max_age) VALUES (%s, %s, %s, %s)",
            [(book.work, book.work, *book.ages) for book in books],
        )
        ordinals = ("primary", "secondary", "tertiary")
        cursor.executemany(
            "INSERT INTO labelset_hues SELECT %s, %s, id FROM hues WHERE key = %s",
            [(book.work, *pair) for book in books for pair in zip(ordinals, book.hues, strict=False)],
        )
        cursor.executemany(
            "INSERT INTO labelset_reading_abilities SELECT %s, id FROM reading_abilities WHERE key = %s",
            [(book.work, book.level) for book in books],
        )
    return collection


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


if __name__ == "__main__":
    main()
