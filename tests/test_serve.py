import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psycopg
import pytest

from app.core.local import cluster, create_database

PATIENCE = 90.0
KEYS = {"public_url", "internal_url", "docs_url", "database_url", "tokens", "api_keys", "classes"}


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="serve-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def environment(**own: str) -> dict[str, str]:
    kept = {name: text for name, text in os.environ.items() if not name.startswith("WRIVETED_")}
    kept.pop("DATABASE_URL", None)
    return kept | own


@contextmanager
def serving(data_dir: Path, *options: str, **own: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "app.cli", "serve", "--no-seed", "--data-dir", str(data_dir)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--internal-port", "0", *options],
        env=environment(**own),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def facts_of(process: subprocess.Popen[str], data_dir: Path) -> dict[str, Any]:
    """What ``dev.json`` says, once it is there."""
    path = data_dir / "dev.json"
    assert eventually(lambda: path.exists() or process.poll() is not None)
    assert process.poll() is None, process.communicate()[0]
    return dict(json.loads(path.read_text()))


def answers(url: str) -> bool:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def children(pid: int) -> dict[int, str]:
    """The command lines of a process's children by their ids, zombies left out."""
    listed = subprocess.run(["ps", "-wweo", "pid=,ppid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 3) for line in listed.stdout.splitlines()]
    return {int(row[0]): row[3] for row in rows if int(row[1]) == pid and not row[2].startswith("Z")}


def gone(pid: int) -> bool:
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return not found.stdout.strip() or found.stdout.startswith("Z")


def test_developer_starts_everything_and_stops_it_with_one_signal(data_dir: Path) -> None:
    with serving(data_dir) as process:
        facts = facts_of(process, data_dir)
        started = children(process.pid)
        assert set(facts) == KEYS
        assert facts["docs_url"] == f"{facts['public_url']}/v1/docs"
        assert answers(facts["public_url"])
        assert answers(facts["internal_url"])
        assert len(started) == 4
        for private in ("dev.json", "token.key"):
            assert (data_dir / private).stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGINT)
        output = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 0, output
        assert facts["docs_url"] in output
        assert all(gone(pid) for pid in started)
        assert not (data_dir / "dev.json").exists()


def test_second_start_keeps_rows_and_keys(data_dir: Path) -> None:
    with serving(data_dir) as process:
        with psycopg.connect(facts_of(process, data_dir)["database_url"]) as connection:
            connection.execute("CREATE TABLE kept_over_a_restart ()")
        keys = [(data_dir / name).read_text() for name in ("token.key", "data.key")]
    with serving(data_dir) as process:
        with psycopg.connect(facts_of(process, data_dir)["database_url"]) as connection:
            found = connection.execute("SELECT to_regclass('kept_over_a_restart') IS NOT NULL").fetchone()
        assert found == (True,)
        assert [(data_dir / name).read_text() for name in ("token.key", "data.key")] == keys
    assert keys[0] != keys[1]


def test_killed_command_leaves_no_process(data_dir: Path) -> None:
    with serving(data_dir) as process:
        facts_of(process, data_dir)
        started = children(process.pid)
        assert len(started) == 4
        process.kill()
        assert eventually(lambda: all(gone(pid) for pid in started))


@pytest.mark.parametrize(("which", "named"), [("run internal", "internal API"), ("bin/postgres", "PostgreSQL")])
def test_death_of_a_part_ends_the_whole_with_a_reason(data_dir: Path, which: str, named: str) -> None:
    with serving(data_dir) as process:
        facts_of(process, data_dir)
        started = children(process.pid)
        [victim] = [pid for pid, command in started.items() if which in command]
        os.kill(victim, signal.SIGKILL)
        output = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == 1
        assert f"{named} ended: signal SIGKILL" in output
        assert all(gone(pid) for pid in started)


def test_taken_port_is_named_before_anything_starts(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with serving(data_dir, "--internal-port", port) as process:
            output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1
    assert f"port {port}" in output
    assert list(data_dir.iterdir()) == []


def test_production_is_refused(data_dir: Path) -> None:
    with serving(data_dir, WRIVETED_ENVIRONMENT="production") as process:
        output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1
    assert "WRIVETED_ENVIRONMENT" in output


def test_given_database_is_used_and_none_started(data_dir: Path) -> None:
    with cluster(data_dir, throwaway=True) as url:
        given = create_database(url, "given")
        with serving(data_dir, DATABASE_URL=given) as process:
            assert facts_of(process, data_dir)["database_url"] == given
            assert len(children(process.pid)) == 3
    assert not (data_dir / "postgres").exists()


def test_given_database_that_does_not_answer_is_reported(data_dir: Path) -> None:
    url = f"postgresql://somebody:hidden-word@/nothing?host={data_dir}"
    with serving(data_dir, DATABASE_URL=url) as process:
        output = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1
    assert "DATABASE_URL" in output
    assert "hidden-word" not in output


def test_api_ends_with_zero_when_it_is_told_to_stop(data_dir: Path) -> None:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    own = environment(
        DATABASE_URL=f"postgresql://nobody@/nothing?host={data_dir}",
        WRIVETED_ENVIRONMENT="test",
        WRIVETED_PUBLIC_URL=url,
        WRIVETED_TOKEN_ISSUER=url,
        WRIVETED_TOKEN_AUDIENCE=url,
        WRIVETED_TOKEN_KEYS="k3Jx9Qf2LmZ8vTqY5sWb7RcN4pHd6GaU",
        WRIVETED_DATA_KEYS="w8Zr2NfKq6TxVb4YhLm9Cd3GsPj7EuAa",
    )
    command = [sys.executable, "-m", "app.cli", "run", "internal", "--fd", str(listener.fileno())]
    process = subprocess.Popen(command, env=own, pass_fds=(listener.fileno(),))
    listener.close()
    try:
        assert eventually(lambda: answers(url) or process.poll() is not None)
        process.terminate()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
