"""A PostgreSQL that a test ends and starts again."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from app.core import local, migrations

QUICK = {"fsync": "off"}


class Postgres:
    """A server of the test's own, that ends and starts again as the test says."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self.start()

    def start(self) -> None:
        self._server = self._stack.enter_context(local.server(self._folder, QUICK))
        self.url = self._server.url

    def stop(self) -> None:
        self._stack.close()

    def kill(self) -> None:
        """``kill -9``: what was committed has to be there all the same."""
        assert self._server.process is not None
        self._server.process.kill()
        self._server.process.wait(10)
        self._stack.close()


@contextmanager
def restartable() -> Iterator[Postgres]:
    """One with the product's tables, and nobody else's."""
    folder = Path(tempfile.mkdtemp(prefix="away-"))
    folder.chmod(0o755)
    server = Postgres(folder)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("DATABASE_URL", server.url)
            migrations.upgrade()
        yield server
    finally:
        server.stop()
        home = (folder / "postgres").resolve()
        shutil.rmtree(folder)
        shutil.rmtree(home, ignore_errors=True)
