"""What providers are told, and what they are not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.adapters.egress import register
from app.adapters.mailers import mailer_of
from app.adapters.sendgrid import SendGrid, SendGridRefused
from app.adapters.slack import Slack, SlackRefused, message_of, slack_of
from app.adapters.smtp import MailFiles, Smtp, composed
from app.core.config import Settings
from app.core.environment import InsecureConfiguration, load_settings
from app.core.outside import Response
from app.events.models import Event, EventLevel
from app.messages.alerts import alert_about
from app.messages.schemas import Alert, Letter
from tests.tasks.doing import Tasks
from tests.world import World


@dataclass
class Elsewhere:
    """A host that keeps what it is asked, and gives one answer."""

    status: int = 202
    body: bytes = b""
    asked: list[dict[str, Any]] = field(default_factory=list)

    async def request(
        self, method: str, url: str, *, purpose: str, headers: Mapping[str, str] | None = None, content: bytes = b""
    ) -> Response:
        known = register()[purpose]
        assert known.hosts != "public"
        assert url.removeprefix("https://").partition("/")[0] in known.hosts
        self.asked.append({"url": url, "headers": dict(headers or {}), "said": json.loads(content)})
        return Response(self.status, {}, self.body)


def letter(**changes: Any) -> Letter:
    values: dict[str, Any] = {
        "id": uuid4(),
        "sender": "hello@huey.example",
        "sender_name": "Huey Books",
        "to": "nana@family.example",
        "subject": "News",
        "text": "Hello\n",
        "html": "<p>Hello</p>\n",
        "unsubscribe": "https://api.example/v1/email/unsubscribe/abc",
    }
    return Letter(**(values | changes))


async def test_sendgrid_is_told_the_letter_and_to_follow_nobody() -> None:
    there, one = Elsewhere(), letter()
    await SendGrid(there, SecretStr("SG.key")).send(one)
    (asked,) = there.asked
    assert asked["url"] == "https://api.sendgrid.com/v3/mail/send"
    assert asked["headers"]["Authorization"] == "Bearer SG.key"
    said = asked["said"]
    assert said["personalizations"] == [{"to": [{"email": one.to}], "custom_args": {"message_id": str(one.id)}}]
    assert said["headers"] == {
        "Message-ID": f"<{one.id}@huey.example>",
        "List-Unsubscribe": "<https://api.example/v1/email/unsubscribe/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert [part["type"] for part in said["content"]] == ["text/plain", "text/html"]
    assert all(not each["enable"] for each in said["tracking_settings"].values())


async def test_template_of_sendgrids_is_filled_with_the_data() -> None:
    there = Elsewhere()
    template = f"d-{'0' * 32}"
    await SendGrid(there, SecretStr("SG.key")).send(letter(vendor_template=template, data={"name": "Sam"}))
    said = there.asked[0]["said"]
    assert said["template_id"] == template
    assert said["personalizations"][0]["dynamic_template_data"] == {"name": "Sam"}
    assert "content" not in said


@pytest.mark.parametrize("status", [200, 400, 401, 413, 429, 500])
async def test_sendgrid_that_does_not_accept_is_asked_again_and_its_words_are_not_kept(status: int) -> None:
    there = Elsewhere(status, b"nana@family.example is wrong")
    with pytest.raises(SendGridRefused) as refusal:
        await SendGrid(there, SecretStr("SG.key")).send(letter())
    assert "nana" not in str(refusal.value)


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


def test_who_sends_is_who_is_set_up(settings: Settings) -> None:
    there = Elsewhere()

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


async def test_slack_that_says_no_is_asked_again() -> None:
    alert = Alert("#api-alerts", "Title", {})
    token = SecretStr("xoxb-1")
    for there in (Elsewhere(500), Elsewhere(200, b'{"ok":false,"error":"channel_not_found"}')):
        with pytest.raises(SlackRefused):
            await Slack(there, "https://slack.com/api/chat.postMessage", token).tell(alert)
    there = Elsewhere(200, b'{"ok":true}')
    await Slack(there, "https://slack.com/api/chat.postMessage", token).tell(alert)
    assert there.asked[0]["headers"]["Authorization"] == "Bearer xoxb-1"
    hook = Elsewhere(200, b"ok")
    await Slack(hook, "https://hooks.slack.com/services/T0/B0/xyz", None).tell(alert)
    assert "Authorization" not in hook.asked[0]["headers"]


def test_alert_holds_ids_and_numbers_and_nobodys_words() -> None:
    info = {"name": "Kim K", "count": 3, "done": True, "id": str(uuid4()), "words": ["Kim"], "description": "Kim read"}
    event = Event(id=uuid4(), title="User created", level=EventLevel.NORMAL, user_id=uuid4(), info=info)
    event.description = "Kim K"
    event.timestamp = datetime.now(UTC)
    alert = alert_about(event, "#api-alerts")
    assert "Kim" not in str(alert)
    assert alert.fields["count"] == "3"
    assert alert.fields["user_id"] == str(event.user_id)


async def test_admin_has_staff_told_of_an_event(world: World, internal: FastAPI, tasks: Tasks) -> None:
    there = Elsewhere(200, b'{"ok":true}')
    internal.state.alerter = Slack(there, "https://slack.com/api/chat.postMessage", SecretStr("xoxb-1"))
    body = {"title": "Nightly job is late", "level": "warning", "description": "Kim K", "info": {"who": "Kim", "n": 2}}
    try:
        answer = await (await world.admin()).post("/events", json={**body, "slack_channel": "#api-alerts"})
        assert answer.status_code == 200
        assert await tasks.do("send-alert") == [204]
    finally:
        internal.state.alerter = None
    (asked,) = there.asked
    assert asked["said"]["channel"] == "#api-alerts"
    assert "Nightly job is late" in str(asked["said"])
    assert "Kim" not in str(asked["said"])


async def test_new_account_is_told_to_staff_by_its_id_alone(world: World, internal: FastAPI, tasks: Tasks) -> None:
    there = Elsewhere(200, b"ok")
    internal.state.alerter = Slack(there, "https://hooks.slack.com/services/T0/B0/xyz", None)
    group = await world.class_group(await world.school())
    child = {"type": "student", "first_name": "Zebedee", "last_name_initial": "Q"}
    ids = {"school_id": str(group.school_id), "class_group_id": str(group.id)}
    try:
        made = await (await world.admin()).post("/user", json={**child, **ids})
        assert made.status_code == 200
        assert await tasks.do("send-alert") == [204]
    finally:
        internal.state.alerter = None
    (asked,) = there.asked
    assert made.json()["id"] in str(asked["said"])
    assert "Zebedee" not in str(asked["said"])
    assert made.json()["username"] not in str(asked["said"])


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
