"""`wriveted`, the command of staff, developers and the image: collects every domain's commands."""

import asyncio
import os
import signal
import socket
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.markdown import Markdown

from app import reference
from app.adapters.book_data import asking_providers
from app.adapters.local_deliverer import Deliverer
from app.core import migrations, roles
from app.core.db import APPEND_ONLY
from app.core.environment import settings
from app.core.log import configure
from app.core.postmaster import ClusterError
from app.demo import described, plant, plant_keys, planted_classes
from app.hydration.commands import hydration_commands
from app.labelling import commands as labelling
from app.serve import ServeError
from app.serve import serve as serve_everything
from app.service_accounts import commands as accounts
from app.tables import metadata
from app.tasks import commands as tasks

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
db = typer.Typer(no_args_is_help=True, help="The database's migrations.")
app.add_typer(db, name="db")
app.add_typer(accounts.app)
app.add_typer(hydration_commands(asking_providers))
app.add_typer(tasks.app, name="tasks")
app.add_typer(labelling.app, name="label")


class Door(StrEnum):
    """One of the two APIs."""

    public = "public"
    internal = "internal"


APPLICATIONS = {Door.public: "app.main:app", Door.internal: "app.internal_api:app"}


GIVES_WAY = 10
"""How much what is done after the answer gives way, on a machine that it shares, to those who wait for theirs."""


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Of the public API; 0 takes any.")] = 8000,
    internal_port: Annotated[int, typer.Option(help="Of the internal API; 0 takes any.")] = 8001,
    data_dir: Annotated[Path, typer.Option(help="Keeps database and keys.")] = migrations.ROOT / ".wriveted",
    seed: Annotated[bool, typer.Option("--seed/--no-seed", help="Plant the demonstration set.")] = True,
) -> None:
    """Set everything up on this machine and serve both APIs, for development."""
    try:
        serve_everything(port=port, internal_port=internal_port, data_dir=data_dir.resolve(), seed=seed)
    except (ServeError, ClusterError) as error:
        raise SystemExit(f"\nerror: {error}") from error


@app.command()
def run(
    door: Door,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="PORT", help="The port to listen on.")] = 8000,
    fd: Annotated[int | None, typer.Option(hidden=True, help="A bound socket to listen on instead.")] = None,
) -> None:
    """Run one API as the environment configures it; SIGTERM ends it once its requests are answered."""
    if door is Door.internal:
        os.nice(GIVES_WAY)
    config = uvicorn.Config(
        APPLICATIONS[door],
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=8,
    )
    for each in (signal.SIGINT, signal.SIGTERM):  # what uvicorn raises again when it has ended by it
        signal.signal(each, lambda *_: sys.exit(0))
    uvicorn.Server(config).run(None if fd is None else [socket.socket(fileno=fd)])


@app.command()
def deliver(
    internal_url: Annotated[str, typer.Option(help="Where the internal API is.")] = "http://127.0.0.1:8001",
) -> None:
    """Deliver tasks to the internal API, where there is no Cloud Tasks to do it: never in production."""
    if settings().environment == "production":
        raise SystemExit("error: Cloud Tasks delivers in production")
    configure(settings().log_level)
    os.nice(GIVES_WAY)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda *_: sys.exit(0))
    asyncio.run(Deliverer(settings(), internal_url).run())


@app.command()
def seed() -> None:
    """Plant the demonstration set in the database of DATABASE_URL, and print its tokens, API key and class code."""
    for role, token in asyncio.run(plant(settings())).items():
        print(f"{role}: {token}")
    for role, key in asyncio.run(plant_keys(settings())).items():
        print(f"API key of {role}: {key}")
    for name, group in asyncio.run(planted_classes(settings())).items():
        print(f"Pupils of class {name} sign in with {described(group)}")


@app.command()
def acl() -> None:
    """Print who may do what: every resource's rules, and what every door asks."""
    Console().print(Markdown(reference.access_page()))


@app.command("reference")
def write_reference(
    check: Annotated[bool, typer.Option("--check", help="Fail if a page is out of date, and write nothing.")] = False,
) -> None:
    """Write docs/access.md and docs/openapi.json from the code."""
    changed = reference.outdated() if check else reference.write()
    for page in changed:
        print(page.relative_to(migrations.ROOT))
    if check and changed:
        raise SystemExit("error: run `wriveted reference` and look at what changed")


@db.command()
def upgrade() -> None:
    """Run the migrations that the database lacks."""
    migrations.upgrade()


@db.command()
def check() -> None:
    """Fail unless there is one newest migration, the database is at it, and it makes what the tables say."""
    try:
        migrations.check()
    except migrations.MigrationError as error:
        raise SystemExit(f"error: {error}") from error


@db.command()
def grant(role: Annotated[str, typer.Argument(help="The role that the application connects as.")]) -> None:
    """Give the application's role its rights: all rows, but of the audit only to read and to add. Repeatable.

    To be run by the owner of the tables, after each `db upgrade`.
    """
    append_only = [table.name for table in metadata.tables.values() if APPEND_ONLY in table.info]
    try:
        roles.grant(os.environ["DATABASE_URL"], role, append_only)
    except roles.RoleError as error:
        raise SystemExit(f"error: {error}") from error


if __name__ == "__main__":
    app()
