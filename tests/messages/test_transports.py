"""How letters and alerts are written, and who carries them: all that is decided before anybody is asked."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.adapters.egress import register
from app.adapters.mailers import mailer_of
from app.adapters.sendgrid import SendGrid
from app.adapters.slack import message_of, slack_of
from app.adapters.smtp import MailFiles, Smtp, composed
from app.core.config import Settings
from app.core.environment import InsecureConfiguration, load_settings
from app.events.models import Event, EventLevel
from app.messages.alerts import alert_about
from app.messages.schemas import Alert
from tests.messages.letters import letter
from tests.tasks.doing import Tasks
from tests.world import World


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "a\nBcc: b@c.example"},
        {"to": "a@b.example\nBcc: c@d.example"},
        {"sender_name": "Sue\r\nBcc: a@b.example"},
        {"unsubscribe": "https://a.example/>\r\nBcc: a@b.example"},
    ],
)
def test_header_within_a_header_is_refused_by_the_message_itself(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"newline|CR or LF|linefeed|header|addr|Address"):
        composed(letter(**changes)).as_bytes()


def test_message_is_text_and_html_and_says_that_a_program_wrote_it() -> None:
    message = composed(letter(subject="Größe 📚", sender_name="Süe, of “Huey”"))
    assert message.get_content_type() == "multipart/alternative"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.as_bytes().isascii()


async def test_in_development_email_is_kept_in_a_file(tmp_path: Path) -> None:
    one = letter()
    await MailFiles(tmp_path).send(one)
    kept = (tmp_path / f"{one.id.hex}.eml").read_text()
    assert "nana@family.example" in kept


def test_who_sends_is_who_is_set_up(settings: Settings, internal: FastAPI) -> None:
    there = internal.state.egress

    def chosen(**changes: Any) -> Any:
        return mailer_of(settings.model_copy(update=changes), there)

    assert chosen() is None
    assert isinstance(chosen(environment="development"), MailFiles)
    assert isinstance(chosen(mail_transport="files"), MailFiles)
    assert isinstance(chosen(mail_transport="smtp", smtp_host="mail.example.com"), Smtp)
    assert isinstance(chosen(mail_transport="sendgrid", sendgrid_api_key=SecretStr("SG.k")), SendGrid)
    assert chosen(environment="production") is None
    assert slack_of(settings, there) is None


def test_alert_is_told_in_ten_fields_of_text_alone() -> None:
    fields = {f"<{n}>": "*<!channel>* & `rm`" for n in range(12)}
    message = message_of(Alert("#api-alerts", "<https://evil.example|Click>", fields))
    title, told = message["blocks"]
    assert len(told["fields"]) == 10
    text = json.dumps([title, told["fields"]], ensure_ascii=False)
    assert "<" not in text
    assert "&lt;!channel&gt;" in text
    assert all(each["text"].startswith("*&lt;") for each in told["fields"])
    assert "*&lt;!channel" not in text.replace("\u200b*", "")


def test_alert_holds_ids_and_numbers_and_nobodys_words() -> None:
    info = {"name": "Kim K", "count": 3, "done": True, "id": str(uuid4()), "words": ["Kim"], "description": "Kim read"}
    event = Event(id=uuid4(), title="User created", level=EventLevel.NORMAL, user_id=uuid4(), info=info)
    event.description = "Kim K"
    event.timestamp = datetime.now(UTC)
    alert = alert_about(event, "#api-alerts")
    assert "Kim" not in str(alert)
    assert alert.fields["count"] == "3"
    assert alert.fields["user_id"] == str(event.user_id)


async def test_where_nobody_is_to_be_told_the_log_says_that_it_happened(
    world: World, tasks: Tasks, capfd: pytest.CaptureFixture[str]
) -> None:
    body = {"title": "A canary", "level": "error", "slack_channel": "#memberships"}
    assert (await (await world.admin()).post("/events", json=body)).status_code == 200
    assert await tasks.do("send-alert") == [204]
    told = capfd.readouterr()
    assert '"event":"alert.no_transport"' in told.out + told.err


def environment(**changes: str) -> dict[str, str]:
    production = {
        "DATABASE_URL": "postgresql://app:q7Zt2xK9@db.huey.org/wriveted?sslmode=verify-full",
        "WRIVETED_PUBLIC_URL": "https://api.huey.org",
        "WRIVETED_TOKEN_KEYS": "k3Jx9Qf2LmZ8vTqY5sWb7RcN4pHd6GaU",
        "WRIVETED_DATA_KEYS": "w8Zr2NfKq6TxVb4YhLm9Cd3GsPj7EuAa",
        "WRIVETED_TOKEN_ISSUER": "https://api.huey.org",
        "WRIVETED_TOKEN_AUDIENCE": "https://api.huey.org",
        "WRIVETED_FIREBASE_PROJECT_ID": "huey-books-prod",
        "WRIVETED_EGRESS_CONTACT": "ops@huey.org",
    }
    return production | {f"WRIVETED_{name.upper()}": value for name, value in changes.items()}


SMTP = {"mail_transport": "smtp", "smtp_host": "mail.huey.org", "mail_sender": "hello@huey.org"}
SENDGRID = {"mail_transport": "sendgrid", "sendgrid_api_key": "SG.abc", "mail_sender": "hello@huey.org"}
APP = {"app_url": "https://app.huey.org"}
HOOK = "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX"


@pytest.mark.parametrize(
    "changes", [{}, SMTP | APP, SENDGRID | APP, {"slack_bot_token": "x"}, {"slack_webhook_url": HOOK}]
)
def test_production_starts_with_a_whole_configuration(changes: dict[str, str]) -> None:
    assert load_settings(environment(**changes)).environment == "production"


@pytest.mark.parametrize(
    ("changes", "setting"),
    [
        (SMTP, "SMTP_HOST"),
        (SENDGRID, "SMTP_HOST"),
        ({"mail_transport": "smtp"} | APP, "SMTP_HOST"),
        ({"mail_transport": "files"} | APP, "SMTP_HOST"),
        ({"smtp_host": "mail.huey.org"}, "SMTP_HOST"),
        (SMTP | APP | {"smtp_security": "none"}, "SMTP_SECURITY"),
        (SMTP | APP | {"smtp_username": "huey"}, "SMTP_PASSWORD"),
        (SMTP | APP | {"smtp_password": "p4ssphrase"}, "SMTP_PASSWORD"),
        (SMTP | APP | {"mail_sender": "hello@localhost"}, "MAIL_SENDER"),
        (SMTP | APP | {"mail_sender": "Huey <hello@huey.org>"}, "MAIL_SENDER"),
        (SMTP | APP | {"mail_sender_name": "Huey\nBcc: a@b.example"}, "MAIL_SENDER_NAME"),
        ({"mail_transport": "sendgrid"} | APP, "SENDGRID_API_KEY"),
        ({"sendgrid_api_key": "SG.abc"}, "SENDGRID_API_KEY"),
        (SMTP | {"app_url": "http://localhost"}, "APP_URL"),
        ({"slack_webhook_url": "https://evil.example/services/T/B/XXXXXXXXXXXXXXXXXXXX"}, "SLACK_WEBHOOK_URL"),
        ({"slack_webhook_url": HOOK, "slack_bot_token": "xoxb-1"}, "SLACK_WEBHOOK_URL"),
    ],
)
def test_production_refuses_half_a_configuration(changes: dict[str, str], setting: str) -> None:
    with pytest.raises(InsecureConfiguration) as refusal:
        load_settings(environment(**changes))
    assert any(problem.startswith(f"WRIVETED_{setting}:") for problem in refusal.value.problems), refusal.value
    for secret in ("SG.abc", "p4ssphrase", "xoxb-1"):
        assert secret not in str(refusal.value)


def test_egress_knows_whom_these_speak_to() -> None:
    assert register()["sendgrid"].hosts == ("api.sendgrid.com",)
    assert set(register()["slack"].hosts) == {"slack.com", "hooks.slack.com"}
    assert register()["webhook"].hosts == "public"
