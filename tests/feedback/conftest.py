from collections.abc import Iterator

import httpx
import pytest
from fastapi import FastAPI

from app.core.config import Settings
from tests.messages.mail_server import MailServer, mail_server, mailer_to
from tests.tasks.conftest import internal, queue
from tests.tasks.doing import Tasks
from tests.world import World

__all__ = ["internal", "queue"]


@pytest.fixture
def mail(internal: FastAPI, settings: Settings) -> Iterator[MailServer]:
    """The mail server that the internal application sends to."""
    before = internal.state.mailer
    with mail_server() as server:
        internal.state.mailer = mailer_to(server, settings)
        yield server
    internal.state.mailer = before


@pytest.fixture
def tasks(world: World, queue: httpx.AsyncClient) -> Tasks:
    return Tasks(world, queue)
