"""What Prometheus is told, through its own library: requests by route template, and gauges that the database answers.

Every label is a template, a kind or a status: none names an account, a school or a child.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from app.core.db import Database
from app.tasks.measures import Measure

HERE = "127.0.0.1"
METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"})
"""Those that are told apart: a caller who invents methods makes no series of numbers with each."""
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Metrics:
    """Counts the requests of this process, and shows that beside what these measures find."""

    def __init__(self, database: Database, measures: Sequence[Measure] = ()) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self._database, self._measures = database, measures
        self._registry = CollectorRegistry()
        by_route = ("method", "route")
        self._requests = Counter(
            "wriveted_requests", "Requests that were answered.", (*by_route, "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "wriveted_request_seconds", "How long they took.", by_route, registry=self._registry, buckets=BUCKETS
        )
        self._gauges = [
            [Gauge(name, says, each.labels, registry=self._registry) for name, says in each.gauges.items()]
            for each in measures
        ]

    def observe(self, method: str, route: str, status: int, seconds: float) -> None:
        method = method if method in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    async def exposition(self) -> tuple[bytes, str]:
        """All of it in Prometheus's text format, and the name of that."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        rows = [await self._rows(each) for each in self._measures]
        for gauges, measure, found in zip(self._gauges, self._measures, rows, strict=True):
            for place, gauge in enumerate(gauges, len(measure.labels)):
                gauge.clear()
                for row in found:
                    gauge.labels(*row[: len(measure.labels)]).set(float(row[place]))
        return generate_latest(self._registry), CONTENT_TYPE_LATEST

    @asynccontextmanager
    async def shown_here(self, port: int) -> AsyncIterator[None]:
        """Show what this process counts on a port of this machine's loopback, beside whatever it serves to others.

        The database is not asked: measures are not part of it. Raises ``OSError`` where the port is taken.
        """
        from prometheus_client import start_http_server

        server, thread = await asyncio.to_thread(start_http_server, port, HERE, self._registry)
        try:
            yield
        finally:
            await asyncio.to_thread(server.shutdown)
            server.server_close()
            thread.join()

    async def _rows(self, measure: Measure) -> list[tuple[Any, ...]]:
        async with self._database.transaction(reading=True) as transaction:
            return await (await transaction.driver.execute(measure.statement.encode())).fetchall()
