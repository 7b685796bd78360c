"""`wriveted serve`: sets up what a fresh machine lacks, then serves both APIs until it is told to stop."""

import asyncio
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

import psycopg
import typer
from sqlalchemy.engine import make_url

from app.core.environment import settings
from app.core.local import create_database, server
from app.core.migrations import ROOT, upgrade
from app.core.postmaster import last_words
from app.core.processes import ending, spawn, stop
from app.demo import described, plant, plant_keys, planted_classes

HOST = "127.0.0.1"
PATIENCE = 60.0  # seconds until both APIs have to answer
GRACE = 10.0  # seconds for an API to end by itself, a little more than it gives its requests
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ServeError(Exception):
    """Why serving did not start, or why it ended by itself."""


def serve(*, port: int, internal_port: int, data_dir: Path, seed: bool) -> None:
    """Serve the public API on `port` and the internal one on `internal_port` until a signal says stop.

    `data_dir` keeps the keys, the database's cluster where DATABASE_URL is unset, and while both APIs
    answer ``dev.json``, which says where everything is.
    Raises `ServeError`, `ClusterError`, or `SystemExit` for an insecure configuration.
    """
    with _until_told_to_stop(), ExitStack() as stack:
        listeners = {
            "public": stack.enter_context(_listener(port)),
            "internal": stack.enter_context(_listener(internal_port)),
        }
        urls = {door: f"http://{HOST}:{each.getsockname()[1]}" for door, each in listeners.items()}
        data_dir.mkdir(parents=True, exist_ok=True)
        (data_dir / "dev.json").unlink(missing_ok=True)
        _complete_environment(data_dir, urls["public"])
        watched = stack.enter_context(_database(data_dir))
        with _step("Migrations"):
            upgrade()
        tokens: Mapping[str, str] = {}
        api_keys: Mapping[str, str] = {}
        classes: Mapping[str, Mapping[str, Any]] = {}
        if seed:
            with _step("Demonstration set"):
                tokens = asyncio.run(plant(settings()))
                api_keys = asyncio.run(plant_keys(settings()))
                classes = asyncio.run(planted_classes(settings()))
        with _step("Public and internal API"):
            watched |= stack.enter_context(_doors(listeners))
            _await_answers(urls, watched)
        watched |= stack.enter_context(_deliverer(urls["internal"]))
        stack.callback((data_dir / "dev.json").unlink, missing_ok=True)
        _announce(data_dir, urls, tokens, api_keys, classes)
        _watch(watched)


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    def interrupt(*_: object) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # once is enough
        raise KeyboardInterrupt

    for each in SIGNALS:
        signal.signal(each, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("\nStopped.")


@contextmanager
def _step(name: str) -> Iterator[None]:
    started = time.monotonic()
    typer.echo(f"{name} …")
    yield
    typer.echo(f"{name}: {time.monotonic() - started:.1f} s")


def _listener(port: int) -> socket.socket:
    """A socket that has the port but takes no connection yet."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
    except OSError as error:
        found.close()
        raise ServeError(f"port {port} cannot be had ({error.strerror}): choose another one") from error
    return found


def _complete_environment(data_dir: Path, public_url: str) -> None:
    """Set what a development environment needs and the caller's lacks, for ourselves and for both APIs."""
    if os.environ.get("WRIVETED_ENVIRONMENT") == "production":
        raise ServeError("WRIVETED_ENVIRONMENT is production, and this command plants a demonstration set")
    os.environ["WRIVETED_ENVIRONMENT"] = "development"
    defaults = {
        "WRIVETED_PUBLIC_URL": public_url,
        "WRIVETED_TOKEN_ISSUER": public_url,
        "WRIVETED_TOKEN_AUDIENCE": public_url,
        "WRIVETED_TOKEN_KEYS": _key(data_dir / "token.key"),
        "WRIVETED_DATA_KEYS": _key(data_dir / "data.key"),
    }
    os.environ.update({name: value for name, value in defaults.items() if not os.environ.get(name)})


def _key(path: Path) -> str:
    """A key of this data folder, made the first time, so that tokens and sealed data outlive a restart."""
    if not path.exists():
        _write_privately(path, secrets.token_urlsafe(48))
    return path.read_text()


def _write_privately(path: Path, text: str) -> None:
    """Write a whole file that only its owner may read."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.rename(path)


@contextmanager
def _database(data_dir: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Sets DATABASE_URL, unless the caller did, to a database on a server that is started for it."""
    if os.environ.get("DATABASE_URL"):
        with _step("Database of DATABASE_URL"):
            try:
                psycopg.connect(settings().dsn, connect_timeout=5).close()
            except psycopg.OperationalError as error:
                raise ServeError(f"the database of DATABASE_URL does not answer: {error}") from error
        yield {}
        return
    with ExitStack() as stack:
        with _step("PostgreSQL"):
            it = stack.enter_context(server(data_dir))
            os.environ["DATABASE_URL"] = create_database(it.url, "wriveted")
        try:
            yield {} if it.process is None else {"PostgreSQL": it.process}
        except ServeError as error:
            if it.process is not None and it.process.poll() is not None:
                raise ServeError(f"{error}\n{last_words(it.home)}") from error
            raise


@contextmanager
def _doors(listeners: Mapping[str, socket.socket]) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """A process for each API, on its socket."""
    processes: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for door, listener in listeners.items():
            command = [sys.executable, "-m", "app.cli", "run", door, "--fd", str(listener.fileno())]
            processes[f"{door} API"] = spawn(
                command,
                last_signal=signal.SIGKILL,
                cwd=ROOT,
                pass_fds=(listener.fileno(),),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            listener.close()
        yield processes
    finally:
        for process in processes.values():
            process.terminate()
        for process in processes.values():
            stop(process, signal.SIGTERM, patience=GRACE)


@contextmanager
def _deliverer(internal_url: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """The process that calls the internal API for each task."""
    command = [sys.executable, "-m", "app.cli", "deliver", "--internal-url", internal_url]
    process = spawn(command, last_signal=signal.SIGKILL, cwd=ROOT, stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        yield {"Deliverer": process}
    finally:
        stop(process, signal.SIGTERM, patience=GRACE)


def _await_answers(urls: Mapping[str, str], watched: Mapping[str, subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE
    for door, url in urls.items():
        while not _lives(url):
            _refuse_ended(watched)
            if time.monotonic() > deadline:
                raise ServeError(f"the {door} API does not answer {url}/livez within {PATIENCE:.0f} s")
            time.sleep(0.05)


def _lives(url: str) -> bool:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=2)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _announce(
    data_dir: Path,
    urls: Mapping[str, str],
    tokens: Mapping[str, str],
    api_keys: Mapping[str, str],
    classes: Mapping[str, Mapping[str, Any]],
) -> None:
    """Tell where everything is, on the terminal and in ``dev.json``."""
    database_url = os.environ["DATABASE_URL"]
    facts = {
        "public_url": urls["public"],
        "internal_url": urls["internal"],
        "docs_url": f"{urls['public']}/v1/docs",
        "database_url": database_url,
        "tokens": dict(tokens),
        "api_keys": dict(api_keys),
        "classes": dict(classes),
    }
    _write_privately(data_dir / "dev.json", json.dumps(facts, indent=2) + "\n")
    lines = [
        "",
        f"Documentation  {facts['docs_url']}",
        f"Public API     {facts['public_url']}",
        f"Internal API   {facts['internal_url']}",
        f"Database       {make_url(database_url).render_as_string(hide_password=True)}",
        *(f"\nToken of {role}:\n{token}" for role, token in tokens.items()),
        *(f"\nAPI key of {role}:\n{key}" for role, key in api_keys.items()),
        *(f"\nPupils of class {name} sign in with {described(each)}" for name, each in classes.items()),
        "",
        f"All of this stands in {data_dir / 'dev.json'}. Ctrl-C stops everything.",
    ]
    typer.echo("\n".join(lines))


def _watch(watched: Mapping[str, subprocess.Popen[bytes]]) -> None:
    while True:
        _refuse_ended(watched)
        time.sleep(0.2)


def _refuse_ended(watched: Mapping[str, subprocess.Popen[bytes]]) -> None:
    for name, process in watched.items():
        if process.poll() is not None:
            raise ServeError(f"{name} ended: {ending(process)}")
