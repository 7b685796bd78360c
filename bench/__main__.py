"""`scripts/bench`: builds a world, measures the targets side by side, and prints what came of it.

Targets and their bounds are those of docs/performance.md. The exit code is 0 whether they are met or not.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.config import Settings
from app.core.local import cluster, create_database
from bench import bulk, delivery, doors, lists, looking, reviewing, starting, upkeep
from bench.bulk import Workbench
from bench.report import Report
from bench.servers import settings_on
from bench.world import World, build

TARGETS = tuple(f"T{number}" for number in range(1, 18))
WINDOW = 1.5  # seconds for each round of a request or statement
SERVER = {"shared_buffers": "512MB", "max_wal_size": "4GB", "autovacuum": "off"}
"""A large enough cache, and no housekeeping in the middle of a measurement; every commit still reaches the disk."""


def main() -> None:
    options = _options()
    wanted = frozenset(options.only)
    report = Report()
    try:
        if "T12" in wanted:
            with _told("embedded PostgreSQL"):
                starting.measure_postgres(report, options.rounds)
        if "T13" in wanted:
            with _told("imports"):
                starting.measure_import(report, options.rounds)
        if wanted - {"T12", "T13"}:
            with _world(options.scale) as (world, settings):
                asyncio.run(_measure(report, world, settings, wanted, options.rounds))
    finally:
        print("", report.table(), "", *report.remarks, sep="\n")


async def _measure(report: Report, world: World, settings: Settings, wanted: frozenset[str], rounds: int) -> None:
    bench = Workbench(settings, world)
    if wanted & {"T1", "T2", "T3", "T4"}:
        with _told("requests"):
            await doors.measure(report, world, settings, rounds, WINDOW)
    if "T5" in wanted:
        with _told("bulk changes"):
            await bulk.measure_changes(report, bench, rounds)
    if "T6" in wanted:
        with _told("repeated syncs"):
            bulk.measure_repetition(report, bench, rounds)
    if "T7" in wanted:
        with _told("neighbours of a bulk change"):
            bulk.measure_neighbours(report, bench, rounds)
    if wanted & {"T8", "T10"}:
        with _told("recommendations and searches"):
            await looking.measure(report, world, settings, wanted, rounds)
    if "T8" in wanted:
        with _told("upkeep of what they look at"):
            upkeep.measure(report, bench, rounds)
    if "T9" in wanted:
        with _told("pages"):
            await lists.measure_pages(report, world, settings, rounds)
    if "T17" in wanted:
        with _told("review queue"):
            await reviewing.measure(report, settings, rounds)
    if wanted & {"T14", "T15", "T16"}:
        with _told("tasks"):
            await delivery.measure(report, settings, rounds)
    if "T11" in wanted:
        with _told("access in statements"):
            lists.measure_access(report, world, settings, rounds, WINDOW)


@contextmanager
def _world(scale: float) -> Iterator[tuple[World, Settings]]:
    """A server and a database of our own, that are gone afterwards."""
    with starting.data_folder() as folder, cluster(folder, settings=SERVER) as url:
        settings = settings_on(create_database(url, "bench"))
        with _told(f"world at scale {scale:g}"):
            starting.migrate(settings.dsn)
            world = build(settings, scale)
        sizes = world.sizes
        print(
            f"  {sizes.works:,} works, {sizes.editions:,} editions, {len(sizes.holdings):,} schools, "
            f"{sum(sizes.holdings):,} holdings, {sizes.labelsets:,} labelsets"
        )
        yield world, settings


@contextmanager
def _told(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"{what} …", flush=True)
    yield
    print(f"{what}: {time.monotonic() - started:.0f} s", flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--scale", type=float, default=0.1, help="size of the world; 1 is the real one's (0.1)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of which the median counts (3)")
    parser.add_argument("--only", type=_targets, default=TARGETS, help=f"of {','.join(TARGETS)}")
    return parser.parse_args()


def _targets(text: str) -> tuple[str, ...]:
    chosen = tuple(text.upper().split(","))
    unknown = set(chosen) - set(TARGETS)
    if unknown:
        raise argparse.ArgumentTypeError(f"no such target: {', '.join(sorted(unknown))}")
    return chosen


if __name__ == "__main__":
    main()
