"""Runs migrations on DATABASE_URL, with bounds on locks and statements so that a migration never stops the service."""

import os
from typing import Any, Literal

from sqlalchemy import NullPool, create_engine, make_url, text

from alembic import context
from app.core.types import IsbnColumn
from app.tables import metadata

LOCK_TIMEOUT = "4s"
STATEMENT_TIMEOUT = "5s"
"""A migration that needs longer says so itself, with the reason in a comment."""


def render_item(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """How a type of our own is written in a migration: as the column that the database has."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, IsbnColumn) else False


def run() -> None:
    url = make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+psycopg")
    engine = create_engine(url, poolclass=NullPool)  # nothing stays open, also where a migration fails
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_item=render_item,
            compare_type=True,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.execute(text(f"SET statement_timeout = '{STATEMENT_TIMEOUT}'"))
            context.run_migrations()


run()
