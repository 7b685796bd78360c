"""T5 to T7: bulk changes over HTTP, beside psql that does the same to an equal collection."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import UUID, uuid4

import psycopg

from app.core.config import Settings
from app.core.security import Tokens
from bench import isbns
from bench.bodies import Mixture, whole
from bench.dissection import dissect
from bench.floor import seconds_of
from bench.report import Finding, Report, middle
from bench.servers import Sender, Server, get, polled, served
from bench.world import World, refresh, served_by

LARGE, MEDIUM = 100_000, 10_000
GROWTH = (1, 10, 100, 1_000, 10_000, 100_000)
CONTENT = """
SELECT count(*) FILTER (WHERE withdrawn_at IS NULL), count(*), sum(copies_total), sum(copies_available), count(info)
  FROM collection_items WHERE collection_id = %s
"""


@dataclass(slots=True)
class Workbench:
    """Where collections are made for one measurement, and removed after it."""

    settings: Settings
    world: World
    made: list[UUID] = field(default_factory=list)
    blocks: Iterator[int] = field(default_factory=count)

    @property
    def account(self) -> UUID:
        """Who makes the changes."""
        return Tokens.of(self.settings).read(self.world.tokens[0]).id

    def collection(self, held: Sequence[int] = ()) -> UUID:
        """A new collection with these holdings, of a school that the first account serves by now."""
        school, collection = uuid4(), uuid4()
        with psycopg.connect(self.settings.dsn) as connection:
            connection.execute(
                """INSERT INTO schools (wriveted_identifier, country_code, official_identifier, state, name,
                                        search_name, bookbot_type, lms_type, info)
                   SELECT %s, country_code, %s, state, name, search_name, bookbot_type, lms_type, info
                     FROM schools WHERE wriveted_identifier = %s""",
                (school, str(school), self.world.schools[-1]),
            )
            connection.execute(
                """INSERT INTO service_account_schools (service_account_id, school_id)
                   SELECT service_account_id, %s FROM service_account_schools WHERE school_id = %s""",
                (school, served_by(0, self.world.schools)[0]),
            )
            connection.execute(
                "INSERT INTO collections (id, name, school_id, item_count) VALUES (%s, 'Measured', %s, %s)",
                (collection, school, len(held)),
            )
            connection.execute(
                """INSERT INTO collection_items (collection_id, edition_isbn, sort_title, copies_total,
                                                 copies_available)
                   SELECT %s, isbn, sort_title, 1, 1 FROM editions WHERE isbn = ANY(%s::bigint[]) ORDER BY isbn""",
                (collection, list(held)),
            )
        self.made.append(school)
        return collection

    def content(self, collection: UUID) -> object:
        with psycopg.connect(self.settings.dsn) as connection:
            return connection.execute(CONTENT, (collection,)).fetchone()

    def settle(self) -> None:
        """Put the tables to rest before something is measured."""
        refresh(self.settings, "collection_items", "editions")

    def clear(self) -> None:
        """Remove what was made."""
        with psycopg.connect(self.settings.dsn) as connection:
            connection.execute("DELETE FROM schools WHERE wriveted_identifier = ANY(%s)", (self.made,))
            connection.execute("DELETE FROM editions WHERE isbn BETWEEN %s AND %s", isbns.all_unknown())
        self.made.clear()
        self.settle()


@contextmanager
def product(bench: Workbench) -> Iterator[tuple[Server, Sender]]:
    """A fresh process of the product, and a client of the first account."""
    token = bench.world.tokens[0]
    ready = get(f"/v1/collection/{bench.world.readable(0)[0]}", token)
    with served("product", bench.settings.dsn, ready) as server:
        sender = Sender(server.port, token)
        small = Mixture(10, next(bench.blocks))
        patched(sender, bench.collection(small.held), small)  # whatever is only done once
        yield server, sender


def patched(sender: Sender, collection: UUID, mixture: Mixture) -> float:
    """Seconds of a change, which has to be applied as it is meant."""
    seconds, answer = sender.send("PATCH", f"/v1/collection/{collection}", mixture.body())
    if answer["summary"]["received"] != mixture.size or answer["summary"]["rejected"]:
        raise RuntimeError(f"a change was not applied as meant: {answer['summary']}")
    return seconds


async def measure_changes(report: Report, bench: Workbench, rounds: int) -> None:
    """T5: mixed changes of 10,000 and 100,000 rows beside psql, of growing size, and where their time goes."""
    with product(bench) as (_, sender):
        for size, bound in ((MEDIUM, 1.2), (LARGE, 1.3)):
            pairs = [_beside_psql(bench, sender, size) for _ in range(rounds)]
            report.add(Finding("T5", f"PATCH of {size:,} mixed, of psql", middle(a / b for a, b in pairs), bound))
            ours, floor = (middle(each) * 1000 for each in zip(*pairs, strict=True))
            report.remark(f"T5 PATCH of {size:,}: {ours:.0f} ms, psql {floor:.0f} ms")
        growth = []
        for size in GROWTH:
            mixtures = [Mixture(size, next(bench.blocks)) for _ in range(5 if size < MEDIUM else 1)]
            prepared = [(bench.collection(mixture.held), mixture) for mixture in mixtures]
            bench.settle()
            growth.append(f"{size:,}: {middle(patched(sender, *each) for each in prepared) * 1000:.1f} ms")
        report.remark(f"T5 PATCH by rows, over HTTP: {', '.join(growth)}")
        bench.clear()
    for size in (1, MEDIUM, LARGE):
        spent = await _dissected(bench, size)
        told = ", ".join(f"{name} {seconds * 1000:.2f}" for name, seconds in spent.items())
        report.remark(f"T5 PATCH of {size:,}, ms by step: {told}")
        if size == 1:
            report.add(Finding("T5", "PATCH of 1, time in the database", spent["database"] * 1000, 5.0, unit="ms"))


def _beside_psql(bench: Workbench, sender: Sender, size: int) -> tuple[float, float]:
    """Seconds of a change over HTTP, and of psql with the same change of an equal collection."""
    ours, floor = Mixture(size, next(bench.blocks)), Mixture(size, next(bench.blocks))
    changed, copy = bench.collection(ours.held), bench.collection(floor.held)
    bench.settle()
    our_seconds = patched(sender, changed, ours)
    bench.settle()  # or psql would find pages that the log holds already since the last checkpoint
    floor_seconds = seconds_of(bench.settings, copy, floor)
    if bench.content(changed) != bench.content(copy):
        raise RuntimeError("the product and psql did not make the same collection")
    bench.clear()
    return our_seconds, floor_seconds


async def _dissected(bench: Workbench, size: int) -> dict[str, float]:
    mixture = Mixture(size, next(bench.blocks))
    collection = bench.collection(mixture.held)
    bench.settle()
    spent = await dissect(bench.settings, bench.account, collection, mixture.body())
    bench.clear()
    return spent


def measure_repetition(report: Report, bench: Workbench, rounds: int) -> None:
    """T6: the same 100,000 books again, beside their first load."""
    body = whole(LARGE)
    first: list[float] = []
    again: list[float] = []
    with product(bench) as (_, sender):
        for _ in range(rounds):
            path = f"/v1/collection/{bench.collection()}/items"
            bench.settle()
            first.append(sender.send("PUT", path, body)[0])
            bench.settle()
            again.append(sender.send("PUT", path, body)[0])
            bench.clear()
    ratio = middle(second / load for second, load in zip(again, first, strict=True))
    report.add(Finding("T6", f"the same {LARGE:,} again, of their first load", ratio, 0.20))
    report.remark(f"T6 first load {middle(first) * 1000:.0f} ms, again {middle(again) * 1000:.0f} ms")


def measure_neighbours(report: Report, bench: Workbench, rounds: int) -> None:
    """T7: what a change of 100,000 rows does to other requests, and to the memory of a fresh process."""
    stalls: list[float] = []
    idle: list[float] = []
    growth: list[float] = []
    poll = get(f"/v1/collection/{bench.world.readable(1)[0]}", bench.world.tokens[1])
    for _ in range(rounds):
        mixture = Mixture(LARGE, next(bench.blocks))
        collection, body = bench.collection(mixture.held), mixture.body()
        bench.settle()
        with product(bench) as (server, sender):
            with polled(server.port, poll) as quiet:
                time.sleep(1)
            server.forget_peak()
            before = server.memory("VmRSS")
            with polled(server.port, poll) as busy:
                sender.send("PATCH", f"/v1/collection/{collection}", body)
            growth.append((server.memory("VmHWM") - before) / len(body))
        idle.append(quiet[0].longest_ms)
        stalls.append(busy[0].longest_ms)
        bench.clear()
    report.add(
        Finding("T7", f"longest GET during a PATCH of {LARGE:,}", middle(stalls), 50.0, unit="ms"),
        Finding("T7", "growth of memory, of the body's size", middle(growth), 10.0),
    )
    quiet_ms = ", ".join(f"{each:.0f}" for each in idle)
    busy_ms = ", ".join(f"{each:.0f}" for each in stalls)
    report.remark(f"T7 longest GET by round, ms: {busy_ms}; in a second without a PATCH: {quiet_ms}")
