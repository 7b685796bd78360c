"""What the projections of app/search/models.py cost a bulk sync: the same change with their triggers and without."""

import psycopg
from psycopg import sql

from bench.bodies import Mixture
from bench.bulk import LARGE, MEDIUM, Workbench, patched, product
from bench.report import Finding, Report, middle

TRIGGERS = ("shelves_gain_holdings_insert", "shelves_follow_holdings_update", "shelves_lose_holdings_delete")
MOST = 1.5


def measure(report: Report, bench: Workbench, rounds: int) -> None:
    """Mixed changes of 10,000 and 100,000 rows over HTTP, by turns with the triggers and without them."""
    with product(bench) as (_, sender):
        for size in (MEDIUM, LARGE):
            spent: dict[bool, list[float]] = {True: [], False: []}
            for _ in range(rounds):
                for kept in (True, False):
                    mixture = Mixture(size, next(bench.blocks))
                    collection = bench.collection(mixture.held)
                    _switch(bench, on=kept)
                    bench.settle()
                    spent[kept].append(patched(sender, collection, mixture))
                    _switch(bench, on=True)
                    bench.clear()
            ratio = middle(kept / bare for kept, bare in zip(spent[True], spent[False], strict=True))
            report.add(Finding("T8", f"PATCH of {size:,} with projections, of without", ratio, MOST))
            kept, bare = middle(spent[True]) * 1000, middle(spent[False]) * 1000
            report.remark(f"T8 PATCH of {size:,}: {kept:.0f} ms with projections, {bare:.0f} ms without")


def _switch(bench: Workbench, *, on: bool) -> None:
    with psycopg.connect(bench.settings.dsn) as connection:
        for name in TRIGGERS:
            statement = sql.SQL("ALTER TABLE collection_items {} TRIGGER {}")
            connection.execute(statement.format(sql.SQL("ENABLE" if on else "DISABLE"), sql.Identifier(name)))
