"""The load generator: a few keep-alive connections that ask as fast as they are answered. Runs as a process of its own.

``python -m bench.load '{"port": …, "requests": ["GET …"], …}'`` prints what it did as one JSON object. It ends after
``most`` answers or ``seconds``, or when it is told to by SIGTERM.
"""

import asyncio
import json
import signal
import sys
import time
from statistics import median
from typing import Any

import uvloop

HEAD_ENDS = b"\r\n\r\n"
LENGTH = b"content-length:"


class Plan:
    """What is to be asked, and what came of it."""

    def __init__(
        self,
        port: int,
        requests: list[str],
        connections: int = 16,
        seconds: float = 1.0,
        most: int = 100_000,
        pause: float = 0.0,
    ) -> None:
        self.port, self.connections, self.seconds, self.most, self.pause = port, connections, seconds, most, pause
        self.requests = [request.encode() for request in requests]
        self.asked = self.refused = 0
        self.times: list[float] = []
        self.ended = asyncio.Event()

    def next(self) -> bytes:
        self.asked += 1
        return self.requests[self.asked % len(self.requests)]

    def note(self, seconds: float, *, good: bool) -> None:
        self.times.append(seconds)
        self.refused += not good
        if len(self.times) >= self.most:
            self.ended.set()


class Connection(asyncio.Protocol):
    """Asks, waits for the whole answer, asks again."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.received = bytearray()
        self.missing = -1
        self.asked_at = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        if not self.plan.ended.is_set():
            self.asked_at = time.perf_counter()
            self.transport.write(self.plan.next())

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self.missing < 0 and not self.read_head():
            return
        if len(self.received) < self.missing:
            return
        good = self.received.startswith(b"HTTP/1.1 200")
        self.plan.note(time.perf_counter() - self.asked_at, good=good)
        self.received.clear()
        self.missing = -1
        if self.plan.pause:
            asyncio.get_running_loop().call_later(self.plan.pause, self.ask)
        else:
            self.ask()

    def read_head(self) -> bool:
        """Learn how long the answer is; false while its head is not complete."""
        end = self.received.find(HEAD_ENDS)
        if end < 0:
            return False
        head = self.received[:end].lower()
        self.missing = end + len(HEAD_ENDS) + int(head.split(LENGTH)[1].split(b"\r")[0])
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.plan.ended.set()


async def run(plan: Plan) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, plan.ended.set)
    started = time.perf_counter()
    for _ in range(plan.connections):
        await loop.create_connection(lambda: Connection(plan), "127.0.0.1", plan.port)
    try:
        await asyncio.wait_for(plan.ended.wait(), plan.seconds)
    except TimeoutError:
        plan.ended.set()
    seconds = time.perf_counter() - started
    return {
        "requests": len(plan.times),
        "seconds": seconds,
        "refused": plan.refused,
        "median_ms": median(plan.times) * 1000,
        "longest_ms": max(plan.times) * 1000,
    }


if __name__ == "__main__":
    print(json.dumps(uvloop.run(run(Plan(**json.loads(sys.argv[1]))))))
