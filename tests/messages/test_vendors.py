"""SendGrid and Slack over HTTP: what they are told, and what is made of each of their answers."""

import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import select, text

from app.adapters import egress as egress_module
from app.adapters.egress import Egress, Sent
from app.adapters.sendgrid import SendGrid, SendGridRefused
from app.adapters.slack import Slack, SlackRefused
from app.core.config import Settings
from app.core.outbox import TaskState
from app.core.outside import NoAnswer
from app.events.models import Event
from app.messages.models import EmailOutcome, SentEmail
from app.messages.schemas import Alert
from tests.messages.letters import letter
from tests.messages.twins import (
    HOOK,
    KEY,
    LIMITED,
    RATE_LIMITED,
    TOKEN,
    UNVERIFIED,
    Answer,
    Twin,
    sendgrid,
    slack,
    twin_of,
)
from tests.tasks.doing import Tasks
from tests.world import World

GARBAGE = Answer(200, b"\x00<html>nana@family.example", {"Content-Type": "application/json"})
BROKEN = Answer(500, b"nana@family.example")
ALERT = Alert("#api-alerts", "Nightly job is late", {"count": "3"})
BOTH = ("app", "hook")


@pytest_asyncio.fixture
async def egress(settings: Settings) -> AsyncIterator[Egress]:
    """The way out of a deployment that may speak to twins."""
    egress = Egress(settings.model_copy(update={"egress_loopback": True}))
    yield egress
    await egress.close()


@pytest_asyncio.fixture
async def there() -> AsyncIterator[Twin]:
    async with twin_of(sendgrid) as twin:
        yield twin


@pytest_asyncio.fixture
async def channel() -> AsyncIterator[Twin]:
    async with twin_of(slack) as twin:
        yield twin


@pytest.fixture
def mailer(egress: Egress, there: Twin) -> SendGrid:
    return SendGrid(egress, SecretStr(KEY), f"{there.base}/v3/mail/send")


@pytest.fixture
def alerter(egress: Egress, channel: Twin) -> Slack:
    return Slack(egress, f"{channel.base}/api/chat.postMessage", SecretStr(TOKEN))


@pytest.fixture
def hook(egress: Egress, channel: Twin) -> Slack:
    return Slack(egress, f"{channel.base}{HOOK}", None)


async def test_sendgrid_is_told_the_letter_and_to_follow_nobody(mailer: SendGrid, there: Twin) -> None:
    one = letter()
    await mailer.send(one)
    (said,) = there.taken
    assert said["personalizations"] == [{"to": [{"email": one.to}], "custom_args": {"message_id": str(one.id)}}]
    assert said["headers"] == {
        "Message-ID": f"<{one.id}@huey.example>",
        "List-Unsubscribe": "<https://api.example/v1/email/unsubscribe/abc>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert [part["value"] for part in said["content"]] == [one.text, one.html]
    assert said["tracking_settings"].keys() == {"click_tracking", "open_tracking", "subscription_tracking"}
    assert all(not each["enable"] for each in said["tracking_settings"].values())


async def test_template_of_sendgrids_is_filled_with_the_data(mailer: SendGrid, there: Twin) -> None:
    template = f"d-{'0' * 32}"
    await mailer.send(letter(vendor_template=template, data={"name": "Sam"}, subject="", text="", html=""))
    (said,) = there.taken
    assert said["template_id"] == template
    assert said["personalizations"][0]["dynamic_template_data"] == {"name": "Sam"}
    assert not {"content", "subject"} & said.keys()


@pytest.mark.parametrize(
    "changes",
    [{"subject": ""}, {"text": ""}, {"to": "nana"}, {"sender": "huey"}, {"vendor_template": "message", "data": {}}],
)
async def test_letter_that_sendgrid_faults_is_refused_and_its_words_are_not_kept(
    mailer: SendGrid, there: Twin, changes: dict[str, Any]
) -> None:
    with pytest.raises(SendGridRefused, match=r"^status 400$"):
        await mailer.send(letter(**changes))
    assert there.taken == []


@pytest.mark.parametrize(
    "answer", [LIMITED, UNVERIFIED, BROKEN, GARBAGE, Answer(200, b""), Answer(413, b"{}"), Answer(302, b"")]
)
async def test_sendgrid_that_does_not_accept_is_asked_once_and_its_words_are_not_kept(
    mailer: SendGrid, there: Twin, answer: Answer
) -> None:
    there.instead = [answer]
    with pytest.raises(SendGridRefused) as refusal:
        await mailer.send(letter())
    assert str(refusal.value) == f"status {answer.status}"
    assert len(there.asked) == 1
    await mailer.send(letter())
    assert len(there.taken) == 1


async def test_sendgrid_that_does_not_know_the_key_takes_nothing(egress: Egress, there: Twin) -> None:
    with pytest.raises(SendGridRefused, match=r"^status 401$"):
        await SendGrid(egress, SecretStr("SG.other"), f"{there.base}/v3/mail/send").send(letter())
    assert there.taken == []


async def test_sendgrid_that_hangs_up_or_is_slow_may_have_taken_the_letter(
    mailer: SendGrid, there: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, there.cut = letter(), True
    with pytest.raises(NoAnswer):
        await mailer.send(one)
    there.cut, there.pause = False, 1.0
    monkeypatch.setattr(egress_module, "TOTAL_SECONDS", 0.2)
    with pytest.raises(NoAnswer, match="timeout"):
        await mailer.send(one)
    there.pause = 0.0
    await mailer.send(one)
    assert {said["headers"]["Message-ID"] for said in there.taken} == {f"<{one.id}@huey.example>"}


async def test_slack_is_told_in_the_channel_as_our_app(alerter: Slack, channel: Twin) -> None:
    await alerter.tell(ALERT)
    (said,) = channel.taken
    assert (said["channel"], said["text"], said["unfurl_links"]) == ("#api-alerts", "Nightly job is late", False)
    assert said["blocks"][1]["fields"] == [{"type": "mrkdwn", "text": "*count*\n3"}]


async def test_webhook_of_slack_is_told_without_a_token_and_has_its_own_channel(hook: Slack, channel: Twin) -> None:
    await hook.tell(ALERT)
    (said,), (asked,) = channel.taken, channel.asked
    assert "channel" not in said
    assert "authorization" not in asked.headers


@pytest.mark.parametrize("fields", [0, 12])
@pytest.mark.parametrize("by", BOTH)
async def test_slack_takes_the_longest_alert_that_we_make(
    alerter: Slack, hook: Slack, channel: Twin, by: str, fields: int
) -> None:
    told = {f"{n}{'<' * 300}": "*&" * 3_000 for n in range(fields)}
    await {"app": alerter, "hook": hook}[by].tell(Alert("#api-alerts", "&" * 9_000, told))
    assert len(channel.taken) == 1


@pytest.mark.parametrize(
    ("to", "token", "word"),
    [("#nowhere", TOKEN, "channel_not_found"), ("#api-alerts", "xoxb-other", "invalid_auth")],
)
async def test_slack_that_says_no_with_200_is_refused_by_its_word(
    egress: Egress, channel: Twin, to: str, token: str, word: str
) -> None:
    slack = Slack(egress, f"{channel.base}/api/chat.postMessage", SecretStr(token))
    with pytest.raises(SlackRefused, match=f"^{word}$"):
        await slack.tell(Alert(to, "Title", {}))
    assert channel.taken == []


async def test_webhook_of_slack_that_was_taken_back_is_refused_by_its_status(egress: Egress, channel: Twin) -> None:
    with pytest.raises(SlackRefused, match=r"^status 404$"):
        await Slack(egress, f"{channel.base}/services/T0/B0/gone", None).tell(ALERT)


UNREADABLE = [
    Answer(200, body) for body in (b"", b"[]", b"null", b'{"ok":"yes"}', b'{"error":7}', b'{"ok":false}', b"no_service")
]


@pytest.mark.parametrize("answer", [RATE_LIMITED, BROKEN, GARBAGE, Answer(302, b""), *UNREADABLE])
@pytest.mark.parametrize("by", BOTH)
async def test_slack_that_is_busy_broken_or_unintelligible_is_asked_once_and_later_again(
    alerter: Slack, hook: Slack, channel: Twin, by: str, answer: Answer
) -> None:
    one = {"app": alerter, "hook": hook}[by]
    channel.instead = [answer]
    with pytest.raises(SlackRefused) as refusal:
        await one.tell(ALERT)
    assert "nana" not in str(refusal.value)
    assert len(channel.asked) == 1
    await one.tell(ALERT)
    assert len(channel.taken) == 1


async def test_slack_that_hangs_up_or_is_slow_has_not_answered(
    alerter: Slack, channel: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel.cut = True
    with pytest.raises(NoAnswer):
        await alerter.tell(ALERT)
    channel.cut, channel.pause = False, 1.0
    monkeypatch.setattr(egress_module, "TOTAL_SECONDS", 0.2)
    with pytest.raises(NoAnswer, match="timeout"):
        await alerter.tell(ALERT)


async def test_without_a_twin_the_real_sendgrid_is_asked(settings: Settings) -> None:
    told: list[Sent] = []

    async def nowhere(_: str) -> list[str]:
        return []

    egress = Egress(settings, resolve=nowhere, recorder=told.append)
    with pytest.raises(NoAnswer, match="no_address"):
        await SendGrid(egress, SecretStr(KEY)).send(letter())
    await egress.close()
    assert [each.url for each in told] == ["https://api.sendgrid.com/v3/mail/send"]


async def test_email_of_an_admin_goes_from_the_door_to_sendgrid_however_it_is_that_day(
    world: World, internal: FastAPI, tasks: Tasks, mailer: SendGrid, there: Twin
) -> None:
    recipient = f"sam-{uuid4().hex}@school.example"
    given = {"from_email": "sue@localhost.example", "to_emails": [recipient], "subject": "News"}
    internal.state.mailer = mailer
    try:
        answer = await (await world.admin()).post("/sendgrid/email", json=given | {"template_data": {"text": "Hello"}})
        assert answer.status_code == 202
        (row,) = await tasks.rows("send-email")
        there.instead = [LIMITED, BROKEN]
        for failure in ("SendGridRefused", "SendGridRefused", "NoAnswer"):
            there.cut = failure == "NoAnswer"
            assert await tasks.do("send-email") == [503]
            (row,) = await tasks.rows("send-email")
            assert (row.state, row.failure) == (TaskState.PENDING, failure)
            assert recipient not in str(row.failure_detail)
            async with world.session() as session:
                await session.execute(text("UPDATE tasks SET due_at = now() WHERE id = :id"), {"id": row.id})
        there.cut = False
        assert await tasks.do("send-email") == [204]
        assert await tasks.knock("send-email", [row.id]) == [204]
    finally:
        internal.state.mailer = None
    assert len(there.asked) == 4
    lost, last = there.taken
    assert lost == last, "the one whose answer was lost has the same Message-ID"
    assert last["personalizations"][0]["to"] == [{"email": recipient}]
    assert last["headers"]["Message-ID"] == f"<{row.id}@localhost.example>"
    async with world.session() as session:
        sent = await session.get(SentEmail, row.id)
        query = select(Event).where(Event.title == "SendGrid email sent", Event.timestamp >= tasks.since)
        events = list(await session.scalars(query))
    assert sent is not None
    assert (sent.outcome, sent.transport) == (EmailOutcome.SENT, "sendgrid")
    assert [event.info["message_id"] for event in events] == [str(row.id)]


async def test_admin_has_staff_told_of_an_event(
    world: World, internal: FastAPI, tasks: Tasks, alerter: Slack, channel: Twin
) -> None:
    body = {"title": "Nightly job is late", "level": "warning", "description": "Kim K", "info": {"who": "Kim", "n": 2}}
    internal.state.alerter = alerter
    channel.instead = [RATE_LIMITED]
    try:
        answer = await (await world.admin()).post("/events", json={**body, "slack_channel": "#api-alerts"})
        assert answer.status_code == 200
        assert await tasks.do("send-alert") == [503]
        (row,) = await tasks.rows("send-alert")
        async with world.session() as session:
            await session.execute(text("UPDATE tasks SET due_at = now() WHERE id = :id"), {"id": row.id})
        assert await tasks.do("send-alert") == [204]
    finally:
        internal.state.alerter = None
    (said,) = channel.taken
    assert said["channel"] == "#api-alerts"
    assert "Nightly job is late" in json.dumps(said)
    assert "Kim" not in json.dumps(said)


async def test_new_account_is_told_to_staff_by_its_id_alone(
    world: World, internal: FastAPI, tasks: Tasks, hook: Slack, channel: Twin
) -> None:
    internal.state.alerter = hook
    group = await world.class_group(await world.school())
    child = {"type": "student", "first_name": "Zebedee", "last_name_initial": "Q"}
    ids = {"school_id": str(group.school_id), "class_group_id": str(group.id)}
    try:
        made = await (await world.admin()).post("/user", json={**child, **ids})
        assert made.status_code == 200
        assert await tasks.do("send-alert") == [204]
    finally:
        internal.state.alerter = None
    (said,) = channel.taken
    assert made.json()["id"] in json.dumps(said)
    assert "Zebedee" not in json.dumps(said)
    assert made.json()["username"] not in json.dumps(said)
