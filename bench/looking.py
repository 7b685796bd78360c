"""T8 and T10: what a recommendation and a search ask of the database, by size of collection; and their plans."""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any
from uuid import UUID

from app.core.config import Settings
from app.core.db import Database, Driver
from app.labels.vocabulary import HueKey, ReadingAbilityKey
from app.recommendations import queries as recommending
from app.recommendations.queries import Terms
from app.recommendations.ranking import Wish, ranked
from app.search import queries as searching
from app.search import service
from app.search.queries import Scope
from app.search.words import Query
from bench.report import Finding, Report, middle
from bench.servers import cpu_seconds_of
from bench.world import World

SIZES = (340, 3_000, 10_000, 50_000)
REPETITIONS = 60
QUERIES = 150
WARM = 8
"""Executions before a statement is measured: by then the driver has prepared it."""
BOOKS = 10
NOBODYS_AGE = 100
HUES = (HueKey.HUE05_FUNNY_COMIC, HueKey.HUE12_FUNNY_QUIRKY)
ABILITIES = (ReadingAbilityKey.CAT_HAT, ReadingAbilityKey.TREEHOUSE)
EVERYWHERE = Scope(None, None)


async def measure(report: Report, world: World, settings: Settings, wanted: Iterable[str], rounds: int) -> None:
    database = Database(settings)
    async with database.transaction(reading=True) as transaction:
        await _rows(report, transaction.driver)
        if "T8" in wanted:
            await _recommendations(report, world, transaction.driver, rounds)
        if "T10" in wanted:
            await _searches(report, transaction.driver)
    await database.dispose()


async def _rows(report: Report, driver: Driver) -> None:
    tables = (
        "works",
        "work_search",
        "work_holders",
        "work_labels",
        "collection_works",
        "vocabulary",
        "vocabulary_deletes",
    )
    told = []
    for table in tables:
        row = await (
            await driver.execute(
                "SELECT reltuples::bigint, pg_total_relation_size(oid) / 1048576 FROM pg_class WHERE relname = %s",
                [table],
            )
        ).fetchone()
        told.append(f"{table} {row[0]:,} rows {row[1]} MB" if row else table)
    report.remark(f"T8 T10 tables: {', '.join(told)}")


async def _recommendations(report: Report, world: World, driver: Driver, rounds: int) -> None:
    """The walk that finds candidates, all statements of a recommendation, and a walk that finds nothing."""
    chance = random.Random(1)
    masks = await recommending.masks(driver, HUES, ABILITIES)
    shelves: list[tuple[str, UUID | None]] = [(f"{size:,}", world.collection_of(size)) for size in SIZES]
    for name, collection in [*shelves, ("whole catalogue", None)]:
        times: dict[str, list[float]] = {"walk": [], "all": [], "none": []}
        for _ in range(WARM + rounds * REPETITIONS):
            start = chance.randrange(-(2**31), 2**31)
            await _recommend(driver, masks, collection, start, times)
        walk, all_, none = (middle(each[WARM:]) for each in times.values())
        report.remark(f"T8 {name}: walk {walk:.2f} ms, all statements {all_:.2f} ms, no match {none:.2f} ms")
        if collection is not None:
            report.add(
                Finding("T8", f"candidates out of {name}", walk, 1.0, unit="ms"),
                Finding("T8", f"no match in {name}", none, 5.0, unit="ms"),
            )
    values = _walk_values(masks, world.collection_of(SIZES[-1]))
    walk_text = recommending.WALK.format(
        columns=recommending.COLUMNS, shelf=recommending.SHELF, conditions=recommending.MATCHES
    )
    await _plan(report, driver, f"T8 walk of {SIZES[-1]:,}", walk_text, values)


async def _recommend(
    driver: Driver, masks: tuple[int, int], collection: UUID | None, start: int, times: dict[str, list[float]]
) -> None:
    """The statements of one recommendation, timed, and a walk that finds nothing."""
    with timed(driver) as walk:
        found = await recommending.candidates(driver, Terms(*masks, 8, True, []), collection, start)
    best = [each.work_id for each in ranked(found, Wish(*masks, 8), start)]
    with timed(driver) as rest:
        await recommending.masks(driver, HUES, ABILITIES)
        await recommending.authors(driver, best)
        await recommending.books(driver, best[:BOOKS], collection)
    with timed(driver) as none:
        await recommending.candidates(driver, Terms(*masks, NOBODYS_AGE, True, []), collection, start)
    times["walk"].append(sum(walk))
    times["all"].append(sum(walk) + sum(rest))
    times["none"].append(sum(none))


@contextmanager
def timed(driver: Driver) -> Iterator[list[float]]:
    """The milliseconds of CPU that the server's process takes meanwhile, planning and sending included.

    The kernel counts them, so that the neighbours of a busy machine do not. Everything is in memory: on a quiet
    machine it is the time that passes.
    """
    process, spent = driver.info.backend_pid, list[float]()
    before = cpu_seconds_of(process)
    yield spent
    spent.append((cpu_seconds_of(process) - before) * 1000)


def _walk_values(masks: tuple[int, int], collection: UUID) -> dict[str, Any]:
    return {
        "collection": collection, "start": 0, "sample": recommending.SAMPLE, "hues": masks[0],
        "abilities": masks[1], "age": 8, "good": True, "excluded": "{}",
    }  # fmt: skip


async def _searches(report: Report, driver: Driver) -> None:
    chance = random.Random(2)
    found = await driver.execute(
        """SELECT w.match_title, (SELECT a.search_name FROM author_works aw JOIN authors a ON a.id = aw.author_id
                                   WHERE aw.work_id = w.id LIMIT 1)
             FROM works w WHERE w.match_title LIKE '%% %%' ORDER BY w.id LIMIT 20000"""
    )
    books = await found.fetchall()
    common = await (
        await driver.execute(
            """SELECT word FROM ts_stat('SELECT document FROM work_search') ORDER BY ndoc DESC LIMIT 60"""
        )
    ).fetchall()
    sample = chance.sample(books, QUERIES)
    kinds: dict[str, list[str]] = {
        "title": [title for title, _ in sample],
        "author and title": [f"{author} {title.split()[0]}" for title, author in sample],
        "word being typed": [f"{title.split()[0]} {title.split()[1][:3]}" for title, _ in sample],
        "first three letters": [title[:3].strip() for title, _ in sample],
        "first letter": [title[:1] for title, _ in sample],
        "common word": [word for (word,) in common] * 3,
    }
    everything: list[float] = []
    for name, texts in kinds.items():
        times = [await _search_time(driver, text) for text in texts[:WARM] + texts][WARM:]
        everything += times
        report.remark(f"T10 {name}: {_summary(times)}")
    report.add(
        Finding("T10", "search, median", middle(everything), 2.0, unit="ms"),
        Finding("T10", "search, 95 of 100", quantiles(everything, n=20)[-1], 8.0, unit="ms"),
    )
    slips = [misspelt(chance, title) for title, _ in sample]
    times = [await _search_time(driver, text) for text in slips[:WARM] + slips][WARM:]
    report.remark(f"T10 misspelt title: {_summary(times)}")
    report.add(Finding("T10", "misspelt title, median", middle(times), 5.0, unit="ms"))
    await _plan_of_search(report, driver, common[0][0])


async def _search_time(driver: Driver, text: str) -> float:
    """Milliseconds that the database takes to find the first 20."""
    with timed(driver) as spent:
        found = await service.find(driver, Query.read(text), EVERYWHERE)
        await searching.shown(driver, [id_ for _, id_ in found.keys[:20]], None)
    return sum(spent)


def misspelt(chance: random.Random, text: str) -> str:
    """The text with one slip or two: a letter left out, put in, changed, or exchanged with the next."""
    letters = list(text)
    for _ in range(chance.choice((1, 2))):
        at = chance.randrange(len(letters) - 1)
        other = chance.choice("abcdefghijklmnopqrstuvwxyz")
        slip = chance.randrange(4)
        if slip == 0:
            del letters[at]
        elif slip == 1:
            letters.insert(at, other)
        elif slip == 2:
            letters[at] = other
        else:
            letters[at], letters[at + 1] = letters[at + 1], letters[at]
    return "".join(letters)


async def _plan_of_search(report: Report, driver: Driver, word: str) -> None:
    query = Query.read(word)
    statement, values = searching.ranking(query, EVERYWHERE, searching.MATCHING.format(more="s.hot"))
    await _plan(report, driver, f"T10 search of the commonest word, {word!r}", statement, values)


async def _plan(report: Report, driver: Driver, what: str, statement: str, values: Any) -> None:
    rows = await (
        await driver.execute(f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS) {statement}".encode(), values)
    ).fetchall()
    report.remark("\n    ".join([f"{what}:", *(line for (line,) in rows)]))


def _summary(times: list[float]) -> str:
    return f"median {middle(times):.2f} ms, 95 of 100 below {quantiles(times, n=20)[-1]:.2f} ms"
