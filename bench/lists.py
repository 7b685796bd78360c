"""T9 and T11: what paging deep and the access rules' WHERE cost the database."""

import time
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import Select, func, select
from sqlalchemy.engine import Dialect

from app.accounts.models import ServiceAccountType
from app.accounts.principals import of_service_account
from app.collections import queries
from app.collections.models import Collection, CollectionItem
from app.core.acl_sql import allowed
from app.core.config import Settings
from app.core.db import Database, Driver
from app.schools.models import School
from app.schools.queries import SIMPLE
from bench.pgbench import statements_per_second
from bench.report import Finding, Report, middle
from bench.world import World, served_by

Statement: TypeAlias = Select[*tuple[Any, ...]]

PAGE = 50
SIZES = (340, 3_000, 10_000, 50_000)
REPETITIONS = 60
CLIENTS = 4


async def measure_pages(report: Report, world: World, settings: Settings, rounds: int) -> None:
    """T9: the first page of a collection and the last one."""
    database = Database(settings)
    async with database.transaction(reading=True) as transaction:
        for size in SIZES:
            collection = world.collection_of(size)
            rows = await queries.shelf(
                transaction.driver, collection, query=None, after=None, skip=max(0, size * 4 // 5 - PAGE), limit=size
            )
            before_last = rows[-PAGE - 1]
            keys = {"first": None, "last": (before_last[6], before_last[0])}
            times: dict[str, list[float]] = {name: [] for name in keys}
            for _ in range(rounds * REPETITIONS):
                for name, after in keys.items():
                    times[name].append(await _seconds(transaction.driver, collection, after))
            first, last = middle(times["first"]), middle(times["last"])
            report.add(
                Finding("T9", f"last page of {size:,}, of the first", last / first, 2.0),
                Finding("T9", f"first page of {size:,}", first * 1000, 1.0, unit="ms"),
            )
    await database.dispose()


async def _seconds(driver: Driver, collection: Any, after: tuple[str, int] | None) -> float:
    started = time.perf_counter()
    await queries.shelf(driver, collection, query=None, after=after, skip=0, limit=PAGE)
    return time.perf_counter() - started


def measure_access(report: Report, world: World, settings: Settings, rounds: int, seconds: float) -> None:
    """T11: statements with the clause that the access rules compile to, beside the same without it."""
    dialect = Database(settings).engine.dialect
    for name, (plain, filtered) in _pairs(world).items():
        rates: dict[str, list[float]] = {"plain": [], "filtered": []}
        for _ in range(rounds):
            for kind, statements in (("plain", plain), ("filtered", filtered)):
                asked = [_as_text(statement, dialect) for statement in statements]
                rates[kind].append(statements_per_second(settings, asked, seconds, CLIENTS))
        ratio = middle(rates["filtered"]) / middle(rates["plain"])
        report.add(Finding("T11", f"{name}, with the access rules", ratio, 0.85, "least"))


def _pairs(world: World) -> dict[str, tuple[Sequence[Statement], Sequence[Statement]]]:
    """Statements that answer alike with and without the clause, because the caller may read all that they find."""
    mine = list(served_by(0, world.schools))
    principals = of_service_account(ServiceAccountType.LMS, mine)
    everywhere = of_service_account(ServiceAccountType.LMS, world.schools)
    collections = served_by(0, world.collections)
    shown = select(Collection.id, Collection.name, Collection.item_count)
    one: list[Statement] = [shown.where(Collection.id == collection) for collection in collections]
    holding = select(CollectionItem.id, CollectionItem.sort_title).where(CollectionItem.withdrawn_at.is_(None))
    ordered = holding.order_by(CollectionItem.sort_title, CollectionItem.id).limit(PAGE)
    shelves: list[Statement] = [ordered.where(CollectionItem.collection_id == each) for each in collections]
    named = School.wriveted_identifier, School.name
    own: Statement = select(*named).where(School.wriveted_identifier.in_(mine)).order_by(School.name)
    words = func.to_tsvector(SIMPLE, School.search_name).op("@@")(func.to_tsquery(SIMPLE, "public & ka:*"))
    found: Statement = select(*named).where(words).limit(PAGE)
    return {
        "one collection": (one, [each.where(allowed(Collection, "read", principals)) for each in one]),
        "page of holdings": (shelves, [each.where(allowed(CollectionItem, "read", principals)) for each in shelves]),
        "own schools": ([own], [own.where(allowed(School, "read", principals))]),
        "search of schools": ([found], [found.where(allowed(School, "read", everywhere))]),
    }


def _as_text(statement: Statement, dialect: Dialect) -> tuple[bytes, dict[str, Any]]:
    compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    return str(compiled).encode(), dict(compiled.params)
