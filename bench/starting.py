"""T12 and T13: how long the embedded PostgreSQL and the application take to start."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.core.local import cluster, create_database, drop_database, throwaway_server
from app.core.migrations import ROOT
from app.core.postmaster import answers, postmaster
from app.core.processes import spawn
from bench.report import Finding, Report, middle
from bench.servers import environment

VENDORS = ("google", "firebase_admin", "openai", "stripe", "slack_sdk", "slack", "sendgrid", "twilio")
OWNER = """
import sys, time
from pathlib import Path
from app.core.local import cluster
with cluster(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(60)
"""
LISTING = "import sys, app.main; print(*sys.modules)"


@contextmanager
def data_folder() -> Iterator[Path]:
    """A folder for a cluster, which goes with all that was made for it, wherever the server's user had to keep it."""
    with tempfile.TemporaryDirectory(prefix="wriveted-bench-") as folder:
        try:
            yield Path(folder)
        finally:
            shutil.rmtree((Path(folder) / "postgres").resolve(), ignore_errors=True)


def measure_postgres(report: Report, rounds: int) -> None:
    """T12: a new cluster, the same again, a copy of a test database, and an owner who is killed."""
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(rounds):
        with data_folder() as folder:
            for times in (cold, warm):
                started = time.perf_counter()
                with cluster(folder):
                    times.append(time.perf_counter() - started)
    report.add(
        Finding("T12", "embedded PostgreSQL, first start", middle(cold), 1.5, unit="s"),
        Finding("T12", "embedded PostgreSQL, later start", middle(warm), 0.2, unit="s"),
        Finding("T12", "copy of a test database", middle(_copies(rounds)), 0.1, unit="s"),
        Finding("T12", "server gone after its owner's kill -9", middle(_orphans(rounds)), 1.0, unit="s"),
    )


def _copies(rounds: int) -> list[float]:
    times = []
    with throwaway_server(Path(tempfile.gettempdir())) as server:
        template = create_database(server.url, "template_of_bench")
        migrate(template)
        for _ in range(rounds):
            started = time.perf_counter()
            create_database(server.url, "copy_of_bench", template="template_of_bench")
            times.append(time.perf_counter() - started)
            drop_database(server.url, "copy_of_bench")
    return times


def _orphans(rounds: int) -> list[float]:
    """Seconds from the kill until no server is left."""
    times = []
    for _ in range(rounds):
        with data_folder() as folder:
            command = [sys.executable, "-c", OWNER, str(folder)]
            with spawn(command, last_signal=signal.SIGKILL, cwd=ROOT, stdout=subprocess.PIPE) as owner:
                assert owner.stdout is not None
                url = owner.stdout.readline().decode().strip()
                data = (folder / "postgres").resolve() / "data"
                assert answers(url)
                owner.kill()
                started = time.perf_counter()
                while postmaster(data) is not None and time.perf_counter() - started < 10:
                    time.sleep(0.002)
                times.append(time.perf_counter() - started)
    return times


def migrate(url: str) -> None:
    """Build the tables of a database, as a release does."""
    command = [sys.executable, "-m", "app.cli", "db", "upgrade"]
    subprocess.run(
        command, cwd=ROOT, env={"PATH": os.defpath, **environment(url)}, check=True, stdin=subprocess.DEVNULL
    )


def measure_import(report: Report, rounds: int) -> None:
    """T13: what importing the application costs, and what it brings along."""
    costs: dict[str, list[float]] = {"app.main": [], "fastapi": []}
    for _ in range(rounds + 1):
        for module, found in costs.items():
            found.append(_cpu_of_import(module))
    ours, floor = middle(costs["app.main"][1:]), middle(costs["fastapi"][1:])  # the first filled the disk's cache
    listed = subprocess.run([sys.executable, "-c", LISTING], cwd=ROOT, capture_output=True, text=True, check=True)
    vendors = [name for name in listed.stdout.split() if name.partition(".")[0] in VENDORS]
    report.add(
        Finding("T13", "import of app.main, CPU of import fastapi", ours / floor, 3.0),
        Finding("T13", "vendors' modules in it", float(len(vendors)), 0.0),
    )
    report.remark(f"T13 CPU: app.main {ours * 1000:.0f} ms, fastapi {floor * 1000:.0f} ms {' '.join(vendors)}")


def _cpu_of_import(module: str) -> float:
    with _children_cpu() as spent:
        subprocess.run([sys.executable, "-c", f"import {module}"], cwd=ROOT, check=True)
    return spent[0]


@contextmanager
def _children_cpu() -> Iterator[list[float]]:
    before = os.times()
    spent: list[float] = []
    yield spent
    after = os.times()
    spent.append(after.children_user + after.children_system - before.children_user - before.children_system)
