"""T1 to T4: what a request costs the server's process, beside what it costs in a bare FastAPI application."""

import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, cast

from app.accounts.authenticate import authenticate
from app.collections import queries
from app.collections.requests import get_collection
from app.core.acl import may
from app.core.config import Settings
from app.core.db import Database, Driver, Transaction
from app.core.security import Tokens
from bench.pgbench import statements_per_second
from bench.report import Finding, Report, middle
from bench.servers import Server, get, load, served
from bench.world import ACCOUNTS, World

WARM_UP = 300
PAGE = 50
REPETITIONS = 300
DATABASE_CLIENTS = 8  # as many as the product's pool keeps


@dataclass(frozen=True, slots=True)
class Asked:
    """A server and what it is asked."""

    server: Server
    requests: Sequence[bytes]

    def cost(self, seconds: float) -> tuple[float, float]:
        """CPU seconds per request, and requests per second."""
        before = self.server.cpu_seconds
        found = load(self.server.port, self.requests, seconds=seconds)
        if found.refused:
            raise RuntimeError(f"{found.refused} of {found.requests} requests were refused: {self.requests[0]!r}")
        return (self.server.cpu_seconds - before) / found.requests, found.per_second


async def measure(report: Report, world: World, settings: Settings, rounds: int, seconds: float) -> None:
    """All four targets, in rounds that visit every server by turns."""
    with ExitStack() as stack:

        def start(name: str, requests: Sequence[bytes]) -> Asked:
            return Asked(stack.enter_context(served(name, settings.dsn, requests[0])), requests)

        hello = start("hello", [get("/hello")])
        bare = start("stack", [get("/hello")])
        guarded = start("guarded", [get("/hello", token) for token in world.tokens])
        collection = start("product", _product_requests(world, ""))
        page = Asked(collection.server, _product_requests(world, f"/items?limit={PAGE}"))
        asked = {"hello": hello, "stack": bare, "guarded": guarded, "collection": collection, "page": page}
        for each in asked.values():
            load(each.server.port, each.requests, most=WARM_UP)
        costs: dict[str, list[tuple[float, float]]] = {name: [] for name in asked}
        floors: list[float] = []
        for _ in range(rounds):
            for name, each in asked.items():
                costs[name].append(each.cost(seconds))
            floors.append(statements_per_second(settings, await _page_statements(world), seconds, DATABASE_CLIENTS))
    cpu = {name: middle(each for each, _ in found) for name, found in costs.items()}
    rate = {name: middle(each for _, each in found) for name, found in costs.items()}
    _judge(report, cpu, rate, middle(floors))
    await _break_down(report, world, settings, cpu)


def _judge(report: Report, cpu: dict[str, float], rate: dict[str, float], floor: float) -> None:
    report.add(
        Finding("T1", "whole stack, CPU of hello", cpu["stack"] / cpu["hello"], 1.10),
        Finding("T2", "auth + ACL without database, of hello", cpu["hello"] / cpu["guarded"], 0.70, "least"),
        Finding("T3", "GET collection, of hello", cpu["hello"] / cpu["collection"], 0.33, "least"),
        Finding("T3", "the same, to the bound with SQLAlchemy", cpu["hello"] / cpu["collection"], 0.20, "least"),
        Finding("T4", f"page of {PAGE}, CPU of hello", cpu["page"] / cpu["hello"], 5.0),
        Finding("T4", f"page of {PAGE}, rate of its SELECT in pgbench", rate["page"] / floor, 0.40, "least"),
    )
    each = ", ".join(f"{name} {cost * 1e6:.0f}" for name, cost in cpu.items())
    report.remark(f"T1-T4 CPU us per request: {each}")
    each = ", ".join(f"{name} {found:.0f}" for name, found in rate.items())
    report.remark(f"T1-T4 requests per second: {each}; pgbench of the page's SELECT: {floor:.0f}")


def _product_requests(world: World, suffix: str) -> list[bytes]:
    return [
        get(f"/v1/collection/{collection}{suffix}", world.tokens[account])
        for account in range(ACCOUNTS)
        for collection in world.readable(account)
    ]


class _Recorder:
    """A connection that notes what it is asked and finds nothing."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, Sequence[Any]]] = []

    async def execute(self, statement: bytes, parameters: Sequence[Any]) -> "_Recorder":
        self.asked.append((statement, parameters))
        return self

    async def fetchall(self) -> list[Any]:
        return []


async def _page_statements(world: World) -> list[tuple[bytes, Sequence[Any]]]:
    """What `queries.shelf` asks for the first page of some of the collections that are asked over HTTP."""
    recorder = _Recorder()
    for account in range(ACCOUNTS):
        collection = world.readable(account)[0]
        await queries.shelf(cast(Driver, recorder), collection, query=None, after=None, skip=0, limit=PAGE)
    return recorder.asked


async def _break_down(report: Report, world: World, settings: Settings, cpu: dict[str, float]) -> None:
    """Where the CPU of T3 goes: each step by itself, in this process."""
    database = Database(settings)
    signer = Tokens.of(settings)
    claims = [signer.read(token) for token in world.tokens]
    collections = [world.readable(account)[0] for account in range(ACCOUNTS)]

    async def in_transactions(step: Callable[[Transaction, int], Awaitable[Any]]) -> float:
        started = time.process_time()
        for account in islice(cycle(range(ACCOUNTS)), REPETITIONS):
            async with database.transaction(reading=True) as transaction:
                await step(transaction, account)
        return (time.process_time() - started) / REPETITIONS

    async def nothing(_: Transaction, account: int) -> None:
        signer.read(world.tokens[account])

    async def ask_account(transaction: Transaction, account: int) -> None:
        await authenticate(transaction, claims[account])

    async def ask_collection(transaction: Transaction, account: int) -> Any:
        return await get_collection(collections[account], transaction)

    async with database.transaction(reading=True) as transaction:
        found = await ask_collection(transaction, 0)
        caller = await authenticate(transaction, claims[0])
    for step in (nothing, ask_account, ask_collection):
        await in_transactions(step)
    connection, account, resource = [await in_transactions(step) for step in (nothing, ask_account, ask_collection)]
    started = time.process_time()
    for _ in range(REPETITIONS):
        may(found, "read", caller.principals)
    acl = (time.process_time() - started) / REPETITIONS
    steps = {
        "token and connection": connection,
        "account statement": account - connection,
        "collection statement": resource - connection,
        "ACL": acl,
    }
    rest = cpu["collection"] - sum(steps.values())
    told = ", ".join(f"{name} {cost * 1e6:.0f}" for name, cost in (steps | {"rest": rest}).items())
    report.remark(f"T3 CPU us by step: {told} (of which hello {cpu['hello'] * 1e6:.0f})")
    await database.dispose()
