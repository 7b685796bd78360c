"""E-mail from the door to a mail server, and all that keeps one from being sent."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select, text

from app.accounts.models import Educator, Student
from app.collections.stale import notice_stale_syncs
from app.core.outbox import TaskState
from app.core.sealing import Vault
from app.events.models import Event, EventLevel
from app.messages.addresses import token_of
from app.messages.models import Category, EmailOutcome, SentEmail, Suppression
from app.messages.service import Draft, write
from tests.messages.mail_server import MailServer, body_of
from tests.tasks.doing import Tasks
from tests.world import World

DUE = text("UPDATE tasks SET due_at = now() WHERE id = :id")
FORGET_ADDRESS = text("UPDATE users SET email = NULL WHERE id = :id")


def address(name: str = "sam") -> str:
    return f"{name}-{uuid4().hex}@school.example"


def said(*recipients: str, **changes: Any) -> dict[str, Any]:
    return {
        "from_email": "sue@localhost.example",
        "from_name": "Sue of Huey Books",
        "to_emails": list(recipients),
        "subject": "Your library is connected",
        "template_data": {"text": "Hello,\n\n1 < 2 & it works."},
        **changes,
    }


async def outcomes(world: World, tasks: Tasks) -> list[EmailOutcome]:
    ids = [row.id for row in await tasks.rows("send-email")]
    async with world.session() as session:
        found = await session.execute(select(SentEmail.id, SentEmail.outcome).where(SentEmail.id.in_(ids)))
        known = {row.id: row.outcome for row in found}
    return [known[id_] for id_ in ids if id_ in known]


async def sent(world: World, tasks: Tasks, *recipients: str, **changes: Any) -> list[EmailOutcome]:
    """What becomes of an administrator's e-mail."""
    tasks.since = await _now(world)
    answer = await (await world.admin()).post("/sendgrid/email", json=said(*recipients, **changes))
    assert answer.status_code == 202, answer.text
    assert set(await tasks.do("send-email")) == {204}
    return await outcomes(world, tasks)


async def _now(world: World) -> Any:
    async with world.session() as session:
        return await session.scalar(select(func.now()))


async def test_admin_writes_to_two_and_each_gets_an_email_of_its_own(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    first, second = address(), address()
    assert await sent(world, tasks, first, second, first) == [EmailOutcome.SENT] * 2
    (message,), (_,) = mail.to(first), mail.to(second)
    ids = {f"<{row.id}@localhost.example>" for row in await tasks.rows("send-email")}
    assert {each["Message-ID"] for each in mail.received} == ids
    assert message["To"] == first
    assert message["From"] == "Sue of Huey Books <sue@localhost.example>"
    assert message["Subject"] == "Your library is connected"
    assert "1 < 2 & it works." in body_of(message)
    assert "1 &lt; 2 &amp; it works." in body_of(message, "html")
    async with world.session() as session:
        query = select(Event).where(Event.title == "Email sent", Event.timestamp >= tasks.since)
        events = (await session.scalars(query)).all()
    assert {f"<{event.info['message_id']}@localhost.example>" for event in events} == ids
    assert first not in str([event.info for event in events])


async def test_task_of_an_email_tells_neither_address_nor_text(world: World, mail: MailServer, tasks: Tasks) -> None:
    recipient = address()
    await sent(world, tasks, recipient)
    (row,) = await tasks.rows("send-email")
    assert row.state is TaskState.DONE
    assert row.payload.keys() == {"template", "user_id", "sealed"}
    assert recipient not in json.dumps(row.payload)
    assert "it works" not in json.dumps(row.payload)


async def test_queue_that_asks_again_causes_no_second_email(world: World, mail: MailServer, tasks: Tasks) -> None:
    recipient = address()
    await sent(world, tasks, recipient)
    assert await tasks.knock("send-email", [row.id for row in await tasks.rows("send-email")] * 2) == [204, 204]
    assert len(mail.to(recipient)) == 1


async def test_mail_server_that_is_busy_is_asked_again_under_the_same_id(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    recipient = address("busy")
    mail.busy = 1
    await (await world.admin()).post("/sendgrid/email", json=said(recipient))
    assert await tasks.do("send-email") == [503]
    (row,) = await tasks.rows("send-email")
    assert (row.state, row.failure) == (TaskState.PENDING, "SMTPRecipientsRefused")
    assert recipient not in f"{row.failure} {row.failure_detail}"
    async with world.session() as session:
        await session.execute(DUE, {"id": row.id})
    assert await tasks.do("send-email") == [204]
    (message,) = mail.to(recipient)
    assert message["Message-ID"] == f"<{row.id}@localhost.example>"


async def test_mailbox_that_is_not_there_is_not_written_to_again(world: World, mail: MailServer, tasks: Tasks) -> None:
    recipient = address("gone")
    assert await sent(world, tasks, recipient) == [EmailOutcome.REFUSED]
    assert await sent(world, tasks, recipient.upper()) == [EmailOutcome.SUPPRESSED]
    admin = await world.admin()
    (found,) = (await admin.get("/email/suppressions", params={"email": recipient})).json()["data"]
    assert (found["reason"], found["category"]) == ("bounced", None)


async def test_suppressed_address_gets_nothing_until_it_is_lifted(world: World, mail: MailServer, tasks: Tasks) -> None:
    recipient, admin = address(), await world.admin()
    made = await admin.post("/email/suppression", json={"email": recipient})
    again = await admin.post("/email/suppression", json={"email": recipient})
    assert (made.status_code, again.json()) == (200, made.json())
    assert await sent(world, tasks, recipient) == [EmailOutcome.SUPPRESSED]
    assert (await admin.delete(f"/email/suppression/{made.json()['id']}")).status_code == 204
    assert await sent(world, tasks, recipient) == [EmailOutcome.SENT]
    assert len(mail.to(recipient)) == 1


async def test_address_is_not_kept_by_the_list_of_who_gets_nothing(world: World) -> None:
    recipient, admin = address(), await world.admin()
    await admin.post("/email/suppression", json={"email": recipient, "category": "news"})
    async with world.session() as session:
        rows = (await session.execute(select(Suppression.__table__))).all()
    assert recipient not in str(rows)
    assert recipient.encode() not in b"".join(row.mark for row in rows)


async def test_recipient_unsubscribes_with_one_post_from_this_kind_alone(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    sam = await world.person(Educator(name="Sam", school_id=(await world.school()).wriveted_identifier))
    recipient = (await sam.get("/auth/me")).json()["user"]["email"]
    await sent(world, tasks, recipient)
    (message,) = mail.to(recipient)
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(message["List-Unsubscribe"]).strip("<>")
    assert recipient not in link
    assert link in body_of(message)
    path = urlsplit(link).path
    page = await world.http.get(path)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert await sent(world, tasks, recipient) == [EmailOutcome.SENT], "looking at the page changes nothing"
    for _ in range(2):
        answer = await world.http.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
    assert await sent(world, tasks, recipient) == [EmailOutcome.SUPPRESSED]
    async with world.session() as session:
        await write(session, Draft("email_changed", {}, to=recipient), account=None)
    await tasks.do("send-email")
    assert (await outcomes(world, tasks))[-1] is EmailOutcome.SENT
    assert mail.to(recipient)[-1]["List-Unsubscribe"] is None, "nobody unsubscribes from what is about the account"


async def test_link_that_is_not_ours_unsubscribes_nobody(world: World) -> None:
    vault = Vault.of(world.database.settings)
    good = token_of(vault, address(), Category.NEWS)
    turned = good[:-1] + ("A" if good[-1] != "A" else "B")
    other_kind = token_of(vault, address(), Category.READING)[:44] + good[44:]
    for token in (turned, other_kind, good[:-4], good + "AAAA", "x" * 66, "a", "%00", "ä", good.upper()):
        for method in ("GET", "POST"):
            answer = await world.http.request(method, f"/v1/email/unsubscribe/{token}")
            assert answer.status_code in (404, 422), token
    async with world.session() as session:
        assert await session.scalar(select(func.count()).where(Suppression.category == Category.READING)) == 0


async def test_address_of_a_pupil_is_never_written_to(world: World, mail: MailServer, tasks: Tasks) -> None:
    group = await world.class_group(await world.school())
    recipient = address("kim")
    pupil = Student(name="Kim K", username=uuid4().hex, school_id=group.school_id, class_group_id=group.id)
    kim = await world.person(pupil, email=recipient.upper())
    assert await sent(world, tasks, recipient) == [EmailOutcome.WITHHELD]
    async with world.session() as session:
        await write(session, Draft("email_changed", {}, user_id=kim.id), account=None)
    await tasks.do("send-email")
    assert await outcomes(world, tasks) == [EmailOutcome.WITHHELD] * 2
    assert mail.received == []


@pytest.mark.parametrize("stored", [None, "", "no address", "a@b.example\nBcc: c@d.example", f"{'x' * 250}@b.example"])
async def test_person_without_one_good_address_is_written_to_by_nobody(
    world: World, mail: MailServer, tasks: Tasks, stored: str | None
) -> None:
    sam = await world.person(Educator(name="Sam", school_id=(await world.school()).wriveted_identifier), email=stored)
    async with world.session() as session:
        await write(session, Draft("email_changed", {}, user_id=sam.id), account=None)
    assert await tasks.do("send-email") == [204]
    assert await outcomes(world, tasks) == [EmailOutcome.NO_ADDRESS]
    assert mail.received == []
    async with world.session() as session:
        await session.execute(FORGET_ADDRESS, {"id": sam.id})


async def test_person_who_was_deactivated_meanwhile_is_not_written_to(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    sam = await world.school_admin(await world.school(), is_active=False)
    async with world.session() as session:
        await write(session, Draft("email_changed", {}, user_id=sam.id), account=None)
    await tasks.do("send-email")
    assert await outcomes(world, tasks) == [EmailOutcome.NO_ADDRESS]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"from_email": "sue@evil.example"}, "/from_email"),
        ({"from_name": "Sue\r\nBcc: a@b.example"}, "/from_name"),
        ({"subject": "Hello\nBcc: a@b.example"}, "/subject"),
        ({"subject": None}, "/subject"),
        ({"to_emails": ["a@b.example\nBcc: c@d.example"]}, "/to_emails/0"),
        ({"to_emails": ["Sam <sam@school.example>, a@b.example"]}, "/to_emails/0"),
        ({"to_emails": [f"{'x' * 250}@b.example"]}, "/to_emails/0"),
        ({"to_emails": []}, "/to_emails"),
        ({"to_emails": [f"a{n}@b.example" for n in range(51)]}, "/to_emails"),
        ({"template_data": {}}, "/template_data/text"),
        ({"template_data": {"text": "a", "name": "b"}}, "/template_data/name"),
        ({"template_id": f"d-{'0' * 32}"}, "/template_id"),
        ({"template_id": "../message"}, "/template_id"),
        ({"cc": ["a@b.example"]}, "/cc"),
    ],
)
async def test_email_that_is_not_as_documented_is_refused(
    world: World, tasks: Tasks, changes: dict[str, Any], pointer: str
) -> None:
    answer = await (await world.admin()).post("/sendgrid/email", json=said("sam@school.example", **changes))
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert await tasks.rows("send-email") == []


async def test_without_a_way_to_send_the_task_waits_and_the_log_says_so(
    world: World, internal: FastAPI, tasks: Tasks, capfd: pytest.CaptureFixture[str]
) -> None:
    assert internal.state.mailer is None
    recipient = address()
    await (await world.admin()).post("/sendgrid/email", json=said(recipient))
    assert await tasks.do("send-email") == [503]
    (row,) = await tasks.rows("send-email")
    assert (row.state, row.failure) == (TaskState.PENDING, "unavailable")
    told = capfd.readouterr()
    assert '"event":"email.no_transport"' in told.out + told.err
    assert recipient not in told.out + told.err


async def test_who_changes_the_address_of_a_teacher_has_the_old_one_told(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    admin, before = await world.admin(), address()
    sam = await world.person(Educator(name="Sam", school_id=(await world.school()).wriveted_identifier), email=before)
    answer = await admin.patch(f"/user/{sam.id}", json={"email": address()})
    assert answer.status_code == 200, answer.text
    assert await tasks.do("send-email") == [204]
    (message,) = mail.to(before)
    assert message["Subject"] == "The e-mail address of your Huey Books account was changed"


async def test_admins_of_a_school_that_stopped_to_sync_are_told_once(
    world: World, mail: MailServer, tasks: Tasks
) -> None:
    school, recipient = await world.school("Secret Garden School"), address()
    await world.collection(school)
    lms, sam = await world.lms(school), await world.school_admin(school)
    await world.educator(school)
    async with world.session() as session:
        await session.execute(
            text("UPDATE users SET email = :email WHERE id = :id"), {"email": recipient, "id": sam.id}
        )
        last = Event(title="Collection Update", level=EventLevel.NORMAL, info={}, service_account_id=lms.id)
        last.school_id, last.timestamp = school.wriveted_identifier, datetime.now(UTC) - timedelta(days=9)
        session.add(last)
    for _ in range(2):
        await notice_stale_syncs(world.database)
    await tasks.do("send-email")
    (message,) = mail.to(recipient)
    assert message["Subject"] == "Your library's books have not been updated for 9 days"
    assert "Secret Garden School" in body_of(message)
    assert message["List-Unsubscribe"]
