"""What the projections of app/search/models.py cost a bulk sync: the same change with their triggers and without."""

import psycopg
from psycopg import sql

from bench.bodies import Mixture
from bench.bulk import LARGE, MEDIUM, Workbench, patched, product
from bench.report import Finding, Report, middle
from bench.servers import Server, cpu_seconds_of

TRIGGERS = ("shelves_gain_holdings_insert", "shelves_follow_holdings_update", "shelves_lose_holdings_delete")
MOST = 1.5


def measure(report: Report, bench: Workbench, rounds: int) -> None:
    """Mixed changes of 10,000 and 100,000 rows over HTTP, by turns with the triggers and without them: the time that
    passes, and the CPU that the application and its server processes take, which busy neighbours do not change."""
    with product(bench) as (server, sender):
        for size in (MEDIUM, LARGE):
            spent: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
            for _ in range(rounds):
                for kept in (True, False):
                    mixture = Mixture(size, next(bench.blocks))
                    collection = bench.collection(mixture.held)
                    _switch(bench, on=kept)
                    bench.settle()
                    before = _cpu_seconds(bench, server)
                    passed = patched(sender, collection, mixture)
                    spent[kept].append((passed, _cpu_seconds(bench, server) - before))
                    _switch(bench, on=True)
                    bench.clear()
            for place, what in enumerate(("time", "CPU")):
                ratio = middle(a[place] / b[place] for a, b in zip(spent[True], spent[False], strict=True))
                report.add(Finding("T8", f"PATCH of {size:,} with projections, {what} of without", ratio, MOST))
                with_them, without = (middle(each[place] for each in spent[kept]) * 1000 for kept in (True, False))
                report.remark(
                    f"T8 PATCH of {size:,}, {what}: {with_them:.0f} ms with projections, {without:.0f} without"
                )


def _cpu_seconds(bench: Workbench, server: Server) -> float:
    """What the application and the processes of its connections have used so far."""
    with psycopg.connect(bench.settings.dsn) as connection:
        backends = connection.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'wriveted'").fetchall()
    return server.cpu_seconds + sum(cpu_seconds_of(pid) for (pid,) in backends)


def _switch(bench: Workbench, *, on: bool) -> None:
    with psycopg.connect(bench.settings.dsn) as connection:
        for name in TRIGGERS:
            statement = sql.SQL("ALTER TABLE collection_items {} TRIGGER {}")
            connection.execute(statement.format(sql.SQL("ENABLE" if on else "DISABLE"), sql.Identifier(name)))
