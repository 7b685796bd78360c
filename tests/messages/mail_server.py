"""A real mail server on this machine, for as long as a test lasts."""

import email
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

from app.adapters.smtp import Smtp
from app.core.config import Settings


@dataclass
class MailServer:
    """Takes mail for everybody but `gone@…`, who is nobody, and `busy@…` as often as it is told to be."""

    port: int
    busy: int = 0
    received: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, _: Any, __: Any, envelope: Any, address: str, ___: Any) -> str:  # noqa: N802
        if address.startswith("gone"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("busy") and self.busy:
            self.busy -= 1
            return "451 4.3.0 later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: Any, __: Any, envelope: Any) -> str:  # noqa: N802
        message = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(message, EmailMessage)
        message["X-Envelope-To"] = ",".join(envelope.rcpt_tos)
        self.received.append(message)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        return [message for message in self.received if message["X-Envelope-To"] == address]


@contextmanager
def mail_server() -> Iterator[MailServer]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = MailServer(port)
    controller = Controller(server, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield server
    finally:
        controller.stop()


def mailer_to(server: MailServer, settings: Settings) -> Smtp:
    changed = {"mail_transport": "smtp", "smtp_host": "127.0.0.1", "smtp_port": server.port, "smtp_security": "none"}
    return Smtp(settings.model_copy(update=changed))


def body_of(message: EmailMessage, subtype: str = "plain") -> str:
    part = message.get_body((subtype,))
    assert part is not None
    text = part.get_content()
    assert isinstance(text, str)
    return text
