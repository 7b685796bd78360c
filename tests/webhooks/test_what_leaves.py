"""Rows P4 and P5 for what happens after the answer: of a child, nothing is told to others, to queues or to logs."""

from typing import Any
from uuid import uuid4

import pytest

from app.core.outbox import KINDS, TaskState
from app.events.titles import BOOK_REVIEWED
from tests.books.catalogue import new_isbn
from tests.feedback.test_supporting import reads, words
from tests.messages.mail_server import MailServer
from tests.tasks.doing import Tasks
from tests.webhooks.receiver import Receiver
from tests.webhooks.test_delivering import registered
from tests.world import HOUR, Client, World

CANARY = "zanzibarine"
"""In each of the child's names, in what they search for and say, and in the book that they read."""
OWN = sorted(kind for kind, schema in KINDS.items() if schema.__module__.startswith("app."))


async def all_done(tasks: Tasks) -> set[str]:
    """Have everything done, and what it causes in turn; the kinds that there were."""
    done = set()
    while pending := [kind for kind in OWN if await tasks.rows(kind, TaskState.PENDING)]:
        for kind in pending:
            assert set(await tasks.do(kind)) == {204}, kind
            done.add(kind)
    return done


async def test_nothing_of_a_child_is_told_to_anybody(
    near: World,
    receiver: Receiver,
    mail: MailServer,
    tasks: Tasks,
    capfd: pytest.CaptureFixture[str],
) -> None:
    school = await near.school()
    names: dict[str, Any] = {"name": f"{CANARY} Z", "first_name": CANARY, "username": f"{CANARY}{uuid4().hex[:8]}"}
    child = await near.student(await near.class_group(school), **names)
    parent, staff, isbn = await near.parent(child), await near.admin(), new_isbn()
    webhook = await registered(await near.school_admin(school), school, receiver.url)
    collection = await near.collection(school)
    await staff.post("/work", json={"title": f"The {CANARY}", "authors": [], "editions": [isbn]})
    lms = await near.lms(school)
    added = await lms.post(f"/collection/{collection.id}/item", json={"edition_isbn": isbn, "info": {"title": CANARY}})
    address = f"nana-{uuid4().hex}@family.example"
    linked = await parent.post(f"/user/{child.id}/supporters", json={"email": address, "supporter_nickname": "Nana"})
    nana_id = linked.json()["supporter"]["id"]
    nana = Client(near.http, nana_id, near.tokens.issue("user-account", nana_id, HOUR))

    event = await reads(child, added.json()["id"], finished=True, descriptor=CANARY)
    said = {"reviews": [{"isbn": isbn, "liked": True, "comment": CANARY}]}
    body = {"title": BOOK_REVIEWED, "level": "normal", "description": CANARY, "info": said, "user_id": str(child.id)}
    assert (await child.post("/events", json=body)).status_code == 200
    assert (await child.get("/search", params={"query": CANARY})).status_code == 200
    assert (await child.get("/search", params={"query": CANARY, "limit": CANARY})).status_code == 422
    await all_done(tasks)
    assert (await nana.post(f"/feedback/{event}", json=words(event, comment=f"Dear {CANARY}!"))).status_code == 200
    labels = {"labelset": {"min_age": 6, "max_age": 9, "recommend_status": "GOOD"}}
    (found,) = (await child.get("/search", params={"query": isbn})).json()["books"]
    assert (await staff.patch(f"/work/{found['id']}", json=labels)).status_code == 200
    await all_done(tasks)

    assert CANARY in (await nana.get(f"/feedback/{event}")).text, "there was something to tell"
    assert {received.verified(webhook["secret"])["type"] for received in receiver.received} >= {"collection.updated"}
    assert not [each for each in receiver.received if CANARY.encode() in each.body or CANARY in str(each.headers)]
    assert {message["Subject"] for message in mail.to(address)} >= {"You are invited to cheer a reader on"}
    assert len(mail.to(address)) >= 2, "an invitation and a notice"
    assert not [message for message in mail.received if CANARY in message.as_string() + str(message.get_body())]
    rows = [row for kind in OWN for row in await tasks.rows(kind)]
    assert {row.kind for row in rows} >= {"process-event", "tell-supporters", "send-email", "deliver-webhook"}
    assert not [row for row in rows if CANARY in str(row.payload) + str(row.failure_detail)]
    metrics = await tasks.queue.get("/metrics")
    assert CANARY not in metrics.text
    logged = capfd.readouterr()
    assert '"event":"request"' in logged.out + logged.err
    assert CANARY not in logged.out + logged.err
