"""The public API as a process of its own, started as production starts it, for tests that kill, fill or fool it."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from signal import SIGKILL
from typing import Any

import httpx
from pydantic import SecretStr

from app.core.config import VARIABLES, Settings
from app.core.migrations import ROOT
from app.core.processes import spawn

PATIENCE = 60.0
KILLED = 10.0


@dataclass(frozen=True)
class Serving:
    """A running API; its process id is that of the server itself, which has no children."""

    url: str
    process: subprocess.Popen[bytes]

    def kill(self) -> None:
        """End it at once and without a last word: ``kill -9``."""
        self.process.kill()
        self.process.wait(KILLED)

    def await_answer(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._lives():
            assert self.process.poll() is None, f"the API ended with {self.process.returncode}"
            assert time.monotonic() < deadline, "the API does not answer"
            time.sleep(0.05)

    def _lives(self) -> bool:
        try:
            return httpx.get(f"{self.url}/livez", timeout=2).status_code == 200
        except httpx.TransportError:
            return False


@contextmanager
def serving(settings: Settings) -> Iterator[Serving]:
    """The public API on a free port of this machine, once it answers. To be called from the main thread."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = spawn(
            [sys.executable, "-m", "app.cli", "run", "public", "--fd", str(listener.fileno())],
            last_signal=SIGKILL,
            cwd=ROOT,
            env=environment(settings),
            pass_fds=(listener.fileno(),),
            stdin=subprocess.DEVNULL,
        )
        it = Serving(f"http://127.0.0.1:{listener.getsockname()[1]}", process)
    try:
        it.await_answer()
        yield it
    finally:
        it.kill()


def environment(settings: Settings) -> dict[str, str]:
    """The environment that makes a process read these settings."""
    own = {VARIABLES[name]: _spelled(getattr(settings, name)) for name in settings.model_fields_set}
    return {name: value for name, value in os.environ.items() if name not in VARIABLES.values()} | own


def _spelled(value: Any) -> str:
    if isinstance(value, tuple):
        return ",".join(map(_spelled, value))
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
