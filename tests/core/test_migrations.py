import secrets
from collections.abc import Callable

import pytest

from app.core import migrations
from app.core.local import create_database, drop_database


def test_migrations_make_the_tables(make_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", make_database())
    migrations.check()


def test_database_without_migrations_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"never_migrated_{secrets.token_hex(4)}"
    monkeypatch.setenv("DATABASE_URL", create_database(server, name))
    try:
        with pytest.raises(migrations.MigrationError, match="not up to date"):
            migrations.check()
    finally:
        drop_database(server, name)
