"""The world that is measured: works, editions, schools with collections, holdings and labels, the same every time.

Rows are copied in as the product would have stored them: titles, sort titles and list fragments come from the
functions of app.books. Words of titles are as unequal as those of a language: the commonest is in one work of sixty.
Sizes of collections are those of the real world at every scale; their number is scaled.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import accumulate
from uuid import UUID

import psycopg
from psycopg import sql

from app.books.briefs import Facts, Heading, brief_of, shown_heading
from app.books.matching import match_title
from app.core.config import Settings
from app.core.security import Tokens
from app.core.text import UNTITLED, fold, name_key, sort_title
from bench import isbns

SEED = 20_000
SMALLEST_CATALOGUE = 200_000
"""Editions at least: a change of 100,000 rows needs as many that are known and not held."""
ACCOUNTS = 8
SCHOOLS_OF_AN_ACCOUNT = 8
SYLLABLES = [f"{onset}{rime}" for onset in ("k", "m", "t", "br", "sh", "v", "") for rime in ("a", "en", "or", "ui")]
ORIGINS = ("HUMAN", "GPT4", "NIELSEN_CBMC", "PREDICTED_NIELSEN", "RULES", None, "HUMAN")
DAY = timedelta(days=1)

Row = Sequence[object]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many of each there are."""

    works: int
    editions: int
    labelsets: int
    holdings: tuple[int, ...]
    """Of each school's collection."""

    @classmethod
    def of(cls, scale: float) -> "Sizes":
        editions = max(SMALLEST_CATALOGUE, round(500_000 * scale))
        schools = max(100, round(5_000 * scale))
        few = random.Random(SEED)
        holdings = [50_000, *[10_000] * max(1, round(10 * scale)), *[3_000] * max(2, round(100 * scale))]
        holdings += [few.randrange(280, 400) for _ in range(schools - len(holdings))]
        return cls(editions * 2 // 5, editions, editions * 19 // 50, tuple(holdings))


@dataclass(frozen=True, slots=True)
class World:
    """What measurements need to know of the world."""

    sizes: Sizes
    collections: tuple[UUID, ...]
    """As many as schools; the largest first."""
    schools: tuple[UUID, ...]
    tokens: tuple[str, ...]
    """Of library systems: the first serves the first ``SCHOOLS_OF_AN_ACCOUNT`` of the smallest schools, and so on."""

    def readable(self, account: int) -> Sequence[UUID]:
        """The collections, of about 340 holdings each, that an account may read."""
        return served_by(account, self.collections)

    def collection_of(self, size: int) -> UUID:
        """A collection of about this size."""
        place = min(range(len(self.collections)), key=lambda each: abs(self.sizes.holdings[each] - size))
        return self.collections[place]


def served_by(account: int, schools: Sequence[UUID]) -> Sequence[UUID]:
    """The schools, or their collections, that an account is linked to."""
    end = len(schools) - account * SCHOOLS_OF_AN_ACCOUNT
    return schools[end - SCHOOLS_OF_AN_ACCOUNT : end]


def build(settings: Settings, scale: float) -> World:
    """Fill the empty, migrated database of these settings."""
    sizes = Sizes.of(scale)
    chance = random.Random(SEED)
    with psycopg.connect(settings.dsn) as connection:
        connection.execute("SET work_mem = '256MB'; SET maintenance_work_mem = '256MB'")
        connection.execute("SET session_replication_role = replica")  # what triggers keep is made at once, at the end
        _fill_catalogue(connection, sizes, chance)
        schools, collections = _fill_schools(connection, sizes, chance)
        _fill_shelves(connection, sizes, collections, chance)
        _fill_labels(connection, sizes, chance)
        tokens = _fill_accounts(connection, settings, schools, chance)
        connection.execute("SET session_replication_role = origin")
        connection.execute("INSERT INTO label_reviews (work_id) SELECT id FROM works")
        connection.execute("ANALYZE")
        connection.execute("SELECT rebuild_projections()")
    refresh(settings, "works", "editions", "authors", "author_works", "schools", "collections", "collection_items")
    refresh(settings, "labelsets", "labelset_hues", "labelset_reading_abilities", "service_accounts")
    refresh(settings, "work_search", "work_holders", "work_labels", "collection_works")
    refresh(settings, "vocabulary", "vocabulary_deletes")
    return World(sizes, tuple(collections), tuple(schools), tuple(tokens))


def refresh(settings: Settings, *tables: str) -> None:
    """Vacuum and analyse, so that plans and index-only scans are those of a database at rest; then a checkpoint."""
    with psycopg.connect(settings.dsn, autocommit=True) as connection:
        for table in tables:
            connection.execute(sql.SQL("VACUUM (ANALYZE) {}").format(sql.Identifier(table)))
        connection.execute("CHECKPOINT")


def _copy(connection: psycopg.Connection[Row], table: str, columns: str, rows: Iterator[Row]) -> None:
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), sql.SQL(columns))
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def _words(chance: random.Random) -> list[str]:
    """Some 17,000, of which those that come first are common, as `_heading` picks them."""
    made = sorted({"".join(chance.choices(SYLLABLES, k=chance.choice((2, 3, 3, 3)))) for _ in range(40_000)})
    chance.shuffle(made)
    return made


def _heading(chance: random.Random, words: list[str], weights: list[float]) -> Heading:
    title = " ".join(chance.choices(words, cum_weights=weights, k=chance.choice((1, 2, 2, 3, 4)))).title()
    article = "The" if chance.random() < 0.2 else None
    subtitle = " ".join(chance.choices(words, cum_weights=weights, k=3)).title() if chance.random() < 0.2 else None
    return Heading(article, f"{article} {title}" if article else title, subtitle)


def _fill_catalogue(connection: psycopg.Connection[Row], sizes: Sizes, chance: random.Random) -> None:
    words = _words(chance)
    weights = list(accumulate(1 / (rank + 30) for rank in range(len(words))))
    headings = [_heading(chance, words, weights) for _ in range(sizes.works)]
    people = [(*chance.choices(words, k=2),) for _ in range(sizes.works // 4)]
    authors = [(place + 1, first.title(), last.title()) for place, (first, last) in enumerate(people)]
    writers = [chance.sample(range(len(authors)), k=chance.choice((1, 1, 1, 2))) for _ in range(sizes.works)]
    works = (
        (place + 1, "book", *heading, match_title(heading.title or "", "The"), fold(heading.subtitle or ""))
        for place, heading in enumerate(headings)
    )
    named = ((id_, first, last, name_key(first, last), fold(f"{first} {last}")) for id_, first, last in authors)
    written = ((work + 1, author + 1) for work, who in enumerate(writers) for author in who)
    _copy(connection, "works", "id, type, leading_article, title, subtitle, match_title, match_subtitle", works)
    _copy(connection, "authors", "id, first_name, last_name, name_key, search_name", named)
    _copy(connection, "author_works", "work_id, author_id", written)
    columns = "isbn, work_id, leading_article, edition_title, edition_subtitle, title, sort_title, cover_url, brief"

    def edition(number: int) -> Row:
        isbn = isbns.known(number)
        if number % 20 == 19:  # known by its number only
            return isbn, None, None, None, None, None, UNTITLED, None, None, None
        work = number * 2 // 5
        cover = f"https://covers.example/{isbn}.jpg" if chance.random() < 0.8 else None
        own = headings[work] if number % 3 else Heading(None, None, None)
        names = [authors[author] for author in sorted(writers[work])]
        brief = brief_of(Facts(isbn, own, cover, work + 1, "book", headings[work], names))
        article, title, _ = shown_heading(own, headings[work])
        return isbn, work + 1, *own, title, sort_title(title, article), cover, brief, "2026-01-01"

    _copy(connection, "editions", f"{columns}, hydrated_at", (edition(each) for each in range(sizes.editions)))
    connection.execute(
        "SELECT setval(pg_get_serial_sequence('works', 'id'), %s), setval(pg_get_serial_sequence('authors', 'id'), %s)",
        (sizes.works, len(authors)),
    )


def _fill_schools(
    connection: psycopg.Connection[Row], sizes: Sizes, chance: random.Random
) -> tuple[list[UUID], list[UUID]]:
    words = _words(chance)
    schools = [_uuid(chance) for _ in sizes.holdings]
    collections = [_uuid(chance) for _ in sizes.holdings]
    columns = "wriveted_identifier, country_code, official_identifier, state, name, search_name, bookbot_type"

    def school(number: int) -> Row:
        name = f"{chance.choice(words).title()} {chance.choice(words).title()} Public School"
        info = f'{{"location": {{"state": "NSW", "postcode": "{2000 + number % 800}"}}}}'
        return schools[number], "AUS", str(number), "active", name, fold(name), "huey_books", "none", info

    _copy(connection, "schools", f"{columns}, lms_type, info", (school(each) for each in range(len(schools))))
    shelves = zip(collections, schools, sizes.holdings, strict=True)
    rows = ((collection, "School library", school, size) for collection, school, size in shelves)
    _copy(connection, "collections", "id, name, school_id, item_count", rows)
    return schools, collections


def _fill_shelves(
    connection: psycopg.Connection[Row], sizes: Sizes, collections: list[UUID], chance: random.Random
) -> None:
    """Holdings, one collection after the other as years of syncs have left them."""
    connection.execute("CREATE TEMP TABLE shelved (collection_id uuid, isbn bigint, copies int) ON COMMIT DROP")
    held = (
        (collection, isbns.known(number), 1 + number % 3)
        for collection, size in zip(collections, sizes.holdings, strict=True)
        for number in chance.sample(range(sizes.editions), size)
    )
    _copy(connection, "shelved", "collection_id, isbn, copies", held)
    connection.execute("ANALYZE shelved")
    connection.execute(
        """INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total, copies_available)
           SELECT collection_id, isbn, sort_title, copies, copies FROM shelved JOIN editions USING (isbn)
            ORDER BY collection_id, isbn"""
    )


def _fill_labels(connection: psycopg.Connection[Row], sizes: Sizes, chance: random.Random) -> None:
    def labels() -> Iterator[Row]:
        for number in range(1, sizes.labelsets + 1):
            youngest = chance.randrange(3, 12)
            status = "GOOD" if chance.random() < 0.8 else "BAD_BORING"
            said = [ORIGINS[number * group % len(ORIGINS)] for group in (1, 2, 3, 4)]
            yield number, number, youngest, youngest + 4, "A book that children like.", status, *said

    columns = (
        "id, work_id, min_age, max_age, huey_summary, recommend_status, "
        "hue_origin, age_origin, reading_ability_origin, summary_origin"
    )
    _copy(connection, "labelsets", columns, labels())
    connection.execute(
        """INSERT INTO labelset_hues (labelset_id, ordinal, hue_id)
           SELECT l.id, o.name, (SELECT min(id) FROM hues) + (l.id * 7 + o.place) % (SELECT count(*) FROM hues)
             FROM labelsets l CROSS JOIN (VALUES (0, 'primary'), (1, 'secondary')) AS o(place, name)"""
    )
    connection.execute(
        """INSERT INTO labelset_reading_abilities (labelset_id, reading_ability_id)
           SELECT l.id, a.id FROM labelsets l JOIN reading_abilities a ON (a.id + l.id) % 3 = 0"""
    )


def _fill_accounts(
    connection: psycopg.Connection[Row], settings: Settings, schools: list[UUID], chance: random.Random
) -> list[str]:
    signer = Tokens.of(settings)
    accounts = [_uuid(chance) for _ in range(ACCOUNTS)]
    for number, account in enumerate(accounts):
        connection.execute(
            "INSERT INTO service_accounts (id, name, is_active, type) VALUES (%s, %s, true, 'lms')",
            (account, f"Library system {number}"),
        )
        connection.execute(
            "INSERT INTO service_account_schools (service_account_id, school_id) SELECT %s, unnest(%s::uuid[])",
            (account, list(served_by(number, schools))),
        )
    return [signer.issue("service-account", account, DAY, extra={"ver": 1}) for account in accounts]


def _uuid(chance: random.Random) -> UUID:
    return UUID(int=chance.getrandbits(128), version=4)
