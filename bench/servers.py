"""The processes that are measured: one uvicorn each, as in production, and what they cost."""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any, cast

import msgspec

from app.core.config import Settings
from app.core.environment import load_settings
from app.core.migrations import ROOT
from app.core.processes import ending, spawn, stop

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds until a server has to answer
KIB = 1024

_libc = ctypes.CDLL(None, use_errno=True)


class Load(msgspec.Struct):
    """What the load generator did: see bench.load."""

    requests: int
    seconds: float
    refused: int
    median_ms: float
    longest_ms: float

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


def cpu_seconds_of(process: int) -> float:
    """What a process has used so far, by the kernel's clock of it."""
    clock = ctypes.c_int()
    if _libc.clock_getcpuclockid(process, ctypes.byref(clock)):
        raise RuntimeError(f"process {process} has no clock")
    return time.clock_gettime(clock.value)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]

    @property
    def cpu_seconds(self) -> float:
        """What the server's process has used so far."""
        return cpu_seconds_of(self.process.pid)

    def memory(self, name: str) -> int:
        """Bytes: ``VmRSS``, or ``VmHWM``, the most since `forget_peak`."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split(f"{name}:")[1].split()[0]) * KIB

    def forget_peak(self) -> None:
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")


def environment(url: str) -> dict[str, str]:
    """The variables of a server on this database: as in production, but for limits that nobody measured reaches."""
    return {
        "DATABASE_URL": url,
        "WRIVETED_ENVIRONMENT": "test",
        "WRIVETED_PUBLIC_URL": "http://127.0.0.1",
        "WRIVETED_TOKEN_KEYS": "only-for-measurements-of-this-very-run",
        "WRIVETED_DATA_KEYS": "only-for-measurements-which-seal-nothing",
        "WRIVETED_TOKEN_ISSUER": "bench",
        "WRIVETED_TOKEN_AUDIENCE": "bench",
        "WRIVETED_RATE_LIMIT_ACCOUNT": "100000",
        "WRIVETED_RATE_LIMIT_PRIVILEGED": "1000000",
        "WRIVETED_RATE_LIMIT_ANONYMOUS": "10000",
        "WRIVETED_RATE_LIMIT_BULK": "1000",
    }


def settings_on(url: str) -> Settings:
    return load_settings(environment(url))


@contextmanager
def served(name: str, url: str, ready: bytes) -> Iterator[Server]:
    """The application of `bench.apps` by this name, on the database of this URL, once it answers ``ready`` with 200."""
    listener = socket.socket()
    listener.bind((HOST, 0))
    port = listener.getsockname()[1]
    command = [sys.executable, "-m", "bench.apps", name, str(listener.fileno())]
    process = spawn(
        command,
        last_signal=signal.SIGKILL,
        cwd=ROOT,
        env={"PATH": os.defpath, **environment(url)},
        pass_fds=(listener.fileno(),),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    listener.close()
    try:
        _await(process, port, ready)
        yield Server(port, process)
    finally:
        stop(process, signal.SIGTERM, patience=10)


def _await(process: subprocess.Popen[bytes], port: int, request: bytes) -> None:
    deadline = time.monotonic() + PATIENCE
    while not _listens(port):
        if process.poll() is not None:
            raise RuntimeError(f"a server that is to be measured ended: {ending(process)}")
        if time.monotonic() > deadline:
            raise TimeoutError("a server that is to be measured does not answer")
        time.sleep(0.05)
    if load(port, [request], connections=1, most=1).refused:
        raise RuntimeError(f"a server that is to be measured refuses {request!r}")


def _listens(port: int) -> bool:
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


def get(path: str, token: str | None = None) -> bytes:
    """A keep-alive request as it goes over the wire."""
    authorization = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nAccept: */*\r\n{authorization}\r\n".encode()


def load(port: int, requests: Sequence[bytes], **options: float) -> Load:
    """Ask a server these, in turn, over and over: options are those of `bench.load`."""
    with _generator(port, requests, options) as generator:
        said, _ = generator.communicate(timeout=PATIENCE)
    if generator.returncode:
        raise subprocess.CalledProcessError(generator.returncode, "bench.load", said)
    return msgspec.json.decode(said, type=Load)


@contextmanager
def polled(port: int, request: bytes) -> Iterator[list[Load]]:
    """Ask one request every few milliseconds for as long as the block lasts; the list then holds what came of it."""
    found: list[Load] = []
    with _generator(port, [request], {"connections": 1, "pause": 0.003, "seconds": PATIENCE}) as generator:
        time.sleep(0.5)  # until it has started
        yield found
        generator.terminate()
        found.append(msgspec.json.decode(generator.communicate(timeout=PATIENCE)[0], type=Load))


@contextmanager
def _generator(port: int, requests: Sequence[bytes], options: Mapping[str, float]) -> Iterator[subprocess.Popen[bytes]]:
    plan = {"port": port, "requests": [request.decode() for request in requests], **options}
    process = spawn(
        [sys.executable, "-m", "bench.load", json.dumps(plan)],
        last_signal=signal.SIGKILL,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            stop(process, signal.SIGKILL, patience=5)


@dataclass(slots=True)
class Sender:
    """A client that keeps its connection, for requests with a body."""

    port: int
    token: str

    def send(self, method: str, path: str, body: bytes) -> tuple[float, Any]:
        """Seconds from the first byte sent to the last byte received, and the answer; anything but 200 is an error."""
        connection = HTTPConnection(HOST, self.port, timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.connect()
        started = time.perf_counter()
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        content = response.read()
        seconds = time.perf_counter() - started
        connection.close()
        if response.status != 200:
            raise HTTPException(f"{method} {path}: {response.status} {content[:500]!r}")
        return seconds, cast(Any, msgspec.json.decode(content))
