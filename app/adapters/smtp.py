"""E-mail by SMTP, as RFC 5322 writes it; and, for development, as files."""

import asyncio
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from app.core.config import Settings
from app.messages.schemas import Letter, Undeliverable

TIMEOUT = 20.0
NO_SUCH_MAILBOX = frozenset({550, 551, 553, 556})
"""What a mail server says of an address that will never be good (RFC 5321, 4.2.3; RFC 7504)."""


def message_id(letter: Letter) -> str:
    """The same each time that a letter is tried, so that a second copy can be told."""
    return f"<{letter.id}@{letter.sender.rpartition('@')[2]}>"


def unsubscribe_headers(letter: Letter) -> dict[str, str]:
    """RFC 8058: one POST, without a question, a login or a cookie."""
    if letter.unsubscribe is None:
        return {}
    return {"List-Unsubscribe": f"<{letter.unsubscribe}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


def composed(letter: Letter) -> EmailMessage:
    """The message. Whatever would make two headers of one is refused by the policy (``ValueError``)."""
    message = EmailMessage(SMTP)
    message["Message-ID"] = message_id(letter)
    message["Date"] = format_datetime(datetime.now(UTC))
    message["From"] = Address(letter.sender_name, addr_spec=letter.sender)
    message["To"] = Address(addr_spec=letter.to)
    message["Subject"] = letter.subject
    message["Auto-Submitted"] = "auto-generated"
    for name, value in unsubscribe_headers(letter).items():
        message[name] = value
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message


class Smtp:
    """A mail server that we have an account at, or that lets us in."""

    name = "smtp"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def send(self, letter: Letter) -> None:
        import aiosmtplib

        settings, password = self._settings, self._settings.smtp_password
        try:
            await aiosmtplib.send(
                composed(letter),
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_username,
                password=None if password is None else password.get_secret_value(),
                use_tls=settings.smtp_security == "tls",
                start_tls=settings.smtp_security == "starttls",
                timeout=TIMEOUT,
            )
        except aiosmtplib.SMTPRecipientsRefused as refusal:
            codes = {each.code for each in refusal.recipients}
            raise Undeliverable if codes <= NO_SUCH_MAILBOX else refusal from None


class MailFiles:
    """E-mail that stays on this machine, to be opened by whoever develops."""

    name = "files"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter) -> None:
        await asyncio.to_thread(self._keep, letter.id.hex, composed(letter).as_bytes())

    def _keep(self, name: str, message: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._folder / f"{name}.eml").write_bytes(message)
