"""What the projections have to hold, worked out row by row in plain Python from the tables that they derive from."""

import math
from collections import Counter, defaultdict
from typing import Any

import psycopg

from app.core.text import fold
from app.search.words import fragments

WEIGHTS = "ABCD"
Connection = psycopg.Connection[Any]


def rows(connection: Connection, statement: str) -> list[Any]:
    return connection.execute(statement).fetchall()


def documents(connection: Connection) -> dict[int, dict[str, str]]:
    """Of each work its words, each with its best weight."""
    said: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for work, title, subtitle in rows(connection, "SELECT id, match_title, subtitle FROM works"):
        said[work] += [("A", title), ("C", fold(subtitle or ""))]
    for work, title in rows(
        connection, "SELECT work_id, title FROM series JOIN series_works_association ON series_id = id"
    ):
        said[work].append(("B", fold(title)))
    for work, title in rows(
        connection, "SELECT work_id, sort_title FROM editions WHERE title IS NOT NULL AND work_id IS NOT NULL"
    ):
        said[work].append(("C", title))
    for work, first, last in rows(
        connection, "SELECT work_id, first_name, last_name FROM authors JOIN author_works ON author_id = id"
    ):
        said[work].append(("D", fold(f"{first or ''} {last}")))
    found: dict[int, dict[str, str]] = {}
    for work, sources in said.items():
        words: dict[str, str] = {}
        for weight, text in sources:
            for word in text.split():
                words[word[:50]] = min(weight, words.get(word[:50], "D"))
        found[work] = words
    return found


def stored_documents(connection: Connection) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {work: {} for (work,) in rows(connection, "SELECT work_id FROM work_search")}
    for work, word, (weight,) in rows(
        connection, "SELECT work_id, lexeme, weights FROM work_search CROSS JOIN LATERAL unnest(document)"
    ):
        found[work][word] = weight
    return found


def labels(connection: Connection) -> dict[int, tuple[Any, ...]]:
    """Of each labelled work its masks, ages, whether it is good, and whether it has a cover."""
    hues: Counter[int] = Counter()
    main: Counter[int] = Counter()
    abilities: Counter[int] = Counter()
    for labelset, hue, ordinal in rows(connection, "SELECT labelset_id, hue_id, ordinal FROM labelset_hues"):
        hues[labelset] |= 1 << hue
        main[labelset] |= 1 << hue if ordinal == "primary" else 0
    for labelset, ability in rows(connection, "SELECT labelset_id, reading_ability_id FROM labelset_reading_abilities"):
        abilities[labelset] |= 1 << ability
    covered = {work for (work,) in rows(connection, "SELECT work_id FROM editions WHERE cover_url IS NOT NULL")}
    return {
        work: (hues[id_], main[id_], abilities[id_], youngest, oldest, status == "GOOD", work in covered)
        for id_, work, youngest, oldest, status in rows(
            connection, "SELECT id, work_id, min_age, max_age, recommend_status FROM labelsets"
        )
    }


def shelves(connection: Connection) -> dict[tuple[Any, int], tuple[Any, ...]]:
    """Of each work in each collection its labels; no hue where no held edition has a cover."""
    known = labels(connection)
    covers: dict[tuple[Any, int], bool] = {}
    for collection, work, cover in rows(
        connection,
        """SELECT collection_id, work_id, cover_url IS NOT NULL FROM collection_items JOIN editions
               ON isbn = edition_isbn WHERE withdrawn_at IS NULL AND work_id IS NOT NULL""",
    ):
        covers[collection, work] = cover or covers.get((collection, work), False)
    found = {}
    for (collection, work), cover in covers.items():
        mask, *rest, _ = known.get(work, (0, 0, 0, None, None, False, False))
        found[collection, work] = (mask if cover else 0, *rest)
    return found


def holders(connection: Connection) -> dict[int, int]:
    counts = Counter(work for _, work in shelves(connection))
    return {work: counts[work] for (work,) in rows(connection, "SELECT id FROM works")}


def stored_holders(connection: Connection) -> dict[int, int]:
    """What is counted, and what is yet to be."""
    counts = Counter(dict(rows(connection, "SELECT work_id, holders FROM work_holders")))
    for works, delta in rows(connection, "SELECT works, delta FROM holder_changes"):
        for work in works:
            if work in counts:
                counts[work] += delta
    return dict(counts)


def tier_of(number: int) -> int:
    return number if number < 8 else 7 + math.floor(2 * math.log2((1 + number) / 8))


def check(connection: Connection) -> None:
    """Fail unless every projection is what it has to be."""
    assert stored_documents(connection) == documents(connection)
    masks = "hues, main_hues, abilities, min_age, max_age, good"
    stored = {row[0]: row[1:] for row in rows(connection, f"SELECT work_id, {masks}, has_cover FROM work_labels")}
    assert stored == labels(connection)
    on_shelves = {
        row[:2]: row[2:] for row in rows(connection, f"SELECT collection_id, work_id, {masks} FROM collection_works")
    }
    assert on_shelves == shelves(connection)
    assert stored_holders(connection) == holders(connection)
    tiers = rows(connection, "SELECT holders, tier FROM work_holders")
    assert tiers == [(number, tier_of(number)) for number, _ in tiers]
    settled = rows(connection, "SELECT FROM holder_changes LIMIT 1") == []
    wrongly = rows(
        connection, "SELECT work_id FROM work_search JOIN work_holders USING (work_id) WHERE hot <> is_hot(holders)"
    )
    assert not settled or wrongly == []
    words = {word for document in documents(connection).values() for word in document}
    known = {word for (word,) in rows(connection, "SELECT word FROM vocabulary")}
    assert words <= known
    cut: dict[str, set[str]] = defaultdict(set)
    for fragment, word in rows(connection, "SELECT fragment, word FROM vocabulary_deletes"):
        cut[word].add(fragment)
    assert {word: cut[word] for word in words if len(word) >= 3} == {
        word: fragments(word) for word in words if len(word) >= 3
    }
    misplaced = "SELECT 1 FROM {} WHERE place <> shuffled(work_id)"
    assert (
        rows(connection, misplaced.format("collection_works"))
        == rows(connection, misplaced.format("work_labels"))
        == []
    )
