"""Who sends e-mail on these settings."""

from pathlib import Path

from app.adapters.sendgrid import SendGrid
from app.adapters.smtp import MailFiles, Smtp
from app.core.config import Settings
from app.core.outside import Outside
from app.messages.schemas import Mailer

FOLDER = Path(__file__).parents[2] / ".wriveted" / "mail"


def mailer_of(settings: Settings, outside: Outside) -> Mailer | None:
    """None where nothing is set up. In development e-mail is kept in files then, for whoever develops to open."""
    if settings.mail_transport == "smtp":
        return Smtp(settings)
    if settings.mail_transport == "sendgrid" and settings.sendgrid_api_key is not None:
        return SendGrid(outside, settings.sendgrid_api_key)
    if settings.mail_transport == "files" or (settings.environment == "development" and not settings.mail_transport):
        return MailFiles(FOLDER)
    return None
