"""Brings a database to the newest migration, and compares the migrations with the tables."""

from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from alembic import command

ROOT = Path(__file__).resolve().parents[2]


class MigrationError(Exception):
    """The migrations and the tables, or the database, disagree; the text says where."""


def upgrade() -> None:
    """Run what the database of DATABASE_URL lacks."""
    command.upgrade(alembic_config(), "head")


def check() -> None:
    """Raise `MigrationError` unless one migration is the newest, has run, and leads to the metadata's tables."""
    config = alembic_config()
    heads = ScriptDirectory.from_config(config).get_heads()
    if len(heads) != 1:
        raise MigrationError(f"there has to be one newest migration, not {len(heads)}: {', '.join(heads)}")
    try:
        command.check(config)
    except CommandError as error:
        raise MigrationError(str(error)) from error


def alembic_config() -> Config:
    config = Config(ROOT / "alembic.ini")
    config.set_main_option("script_location", str(ROOT / "alembic").replace("%", "%%"))
    return config
