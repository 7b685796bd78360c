"""Workers as processes of their own that share one socket, to be killed and started again."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import httpx

from app.core.config import Settings
from app.core.migrations import ROOT
from tests.reliability.serving import environment

DYING_WITH_US = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGKILL)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Set by the child, for gRPC in this process does not survive the fork that a ``preexec_fn`` needs."""
INTERNAL = ("-m", "app.cli", "run", "internal", "--fd")


@dataclass
class Workers:
    """Processes that take what comes at one address. Whatever ends is started again."""

    settings: Settings
    number: int
    command: Sequence[str]
    listener: socket.socket
    kills: int = 0
    ended: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def keep(self) -> None:
        """Start what is missing."""
        alive = [each for each in self.processes if each.poll() is None]
        self.ended += len(self.processes) - len(alive)
        self.processes = [*alive, *(self._start() for _ in range(self.number - len(alive)))]

    def kill_one(self) -> None:
        """``kill -9`` of the oldest, amid whatever it does."""
        self.processes[0].kill()
        self.kills += 1

    def stop(self) -> None:
        for each in self.processes:
            each.kill()
            each.wait(10)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", DYING_WITH_US, sys.executable, *self.command, str(self.listener.fileno())],
            cwd=ROOT,
            env=environment(self.settings),
            pass_fds=(self.listener.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )


@asynccontextmanager
async def workers(settings: Settings, number: int = 2, *, command: Sequence[str] = INTERNAL) -> AsyncIterator[Workers]:
    """So many workers, once one of them answers; kept running until the block is left."""
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        found = Workers(settings, number, command, listener)
        found.keep()

        async def keeping() -> None:
            while True:
                await asyncio.sleep(0.1)
                found.keep()

        keeper = asyncio.create_task(keeping())
        try:
            await answering(found.url)
            yield found
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)
            found.stop()


async def answering(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client, asyncio.timeout(60):
        while True:
            with suppress(httpx.TransportError):
                if (await client.get(f"{url}/livez", timeout=2)).status_code == 200:
                    return
            await asyncio.sleep(0.1)
