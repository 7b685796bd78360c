"""From a change to a receiver on a real socket: signed, retried, noted, switched off."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from standardwebhooks.webhooks import WebhookVerificationError

from app.accounts.models import ServiceAccount, ServiceAccountType
from app.core.outbox import TaskState
from app.core.sealing import Vault
from app.schools.models import School
from app.webhooks.models import Webhook
from app.webhooks.sending import MOST_FAILURES, SCHEDULE
from tests.audit.rows import rows
from tests.books.catalogue import new_isbn
from tests.messages.mail_server import MailServer
from tests.tasks.doing import Tasks
from tests.webhooks.receiver import Receiver
from tests.world import Client, World

ALL = ["collection.updated", "edition.labelled", "school.updated"]
KIND = "deliver-webhook"
DUE = text("UPDATE tasks SET due_at = now() WHERE kind = 'deliver-webhook' AND state = 'pending'")
DISCARDED = text("UPDATE tasks SET state = 'discarded' WHERE kind = 'deliver-webhook'")


async def registered(client: Client, school: School, url: str, events: list[str] = ALL) -> dict[str, Any]:
    body = {"school_id": str(school.wriveted_identifier), "url": url, "events": events}
    answer = await client.post("/webhook", json=body)
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def rename(client: Client, school: School) -> None:
    answer = await client.patch(f"/school/{school.wriveted_identifier}", json={"lms_type": uuid4().hex})
    assert answer.status_code == 200, answer.text


async def deliveries(client: Client, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    answer = await client.get(f"/webhook/{webhook['id']}/deliveries")
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def set_webhook(world: World, webhook: dict[str, Any], **columns: Any) -> None:
    async with world.session() as session:
        found = await session.get_one(Webhook, UUID(webhook["id"]))
        for name, value in columns.items():
            setattr(found, name, value)


async def test_change_of_a_school_is_told_in_ids_signed_as_the_standard_says(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school("Secret Garden School")
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    await rename(admin, school)
    assert await tasks.do(KIND) == [204]
    (received,) = receiver.received
    told = received.verified(webhook["secret"])
    assert told["type"] == "school.updated"
    assert told["data"] == {"school_id": str(school.wriveted_identifier)}
    assert b"Secret Garden" not in received.body
    (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("delivered", 1, 204)
    assert received.headers["webhook-id"] == delivery["id"]
    assert datetime.fromisoformat(told["timestamp"]) == datetime.fromisoformat(delivery["created_at"])


async def test_any_changed_byte_another_secret_and_an_old_time_fail_verification(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    await rename(admin, school)
    await tasks.do(KIND)
    (received,) = receiver.received
    body = received.body
    for place in range(len(body)):
        received.body = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        with pytest.raises((WebhookVerificationError, UnicodeDecodeError)):
            received.verified(webhook["secret"])
    received.body = body
    other = await registered(admin, school, receiver.url)
    with pytest.raises(WebhookVerificationError):
        received.verified(other["secret"])
    moment = int(received.headers["webhook-timestamp"])
    for off in (-301, 301):
        received.headers["webhook-timestamp"] = str(moment + off)
        with pytest.raises(WebhookVerificationError):
            received.verified(webhook["secret"])


async def test_while_a_rotation_overlaps_both_secrets_verify(near: World, receiver: Receiver, tasks: Tasks) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    rotated = (await admin.post(f"/webhook/{webhook['id']}/rotate-secret", json={"overlap_hours": 1})).json()
    assert rotated["secret"] != webhook["secret"]
    await rename(admin, school)
    await tasks.do(KIND)
    for secret in (webhook["secret"], rotated["secret"]):
        assert receiver.received[0].verified(secret)
    await set_webhook(near, webhook, previous_until=datetime.now(UTC) - timedelta(seconds=1))
    await rename(admin, school)
    await tasks.do(KIND)
    assert receiver.received[1].verified(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        receiver.received[1].verified(webhook["secret"])


async def test_secret_is_sealed_and_shown_once(near: World, receiver: Receiver) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    assert webhook["secret"].startswith("whsec_")
    for path in (f"/webhook/{webhook['id']}", f"/webhooks?school_id={school.wriveted_identifier}"):
        assert "whsec_" not in (await admin.get(path)).text
    async with near.session() as session:
        found = await session.get_one(Webhook, UUID(webhook["id"]))
    vault, place = Vault.of(near.database.settings), f"webhooks.secret:{webhook['id']}"
    assert webhook["secret"].encode() not in found.secret_sealed
    assert vault.open(found.secret_sealed, place).decode() == webhook["secret"]


async def test_collection_that_changes_is_told_once_and_one_that_does_not_is_not(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    collection, lms = await near.collection(school), await near.lms(school)
    webhook = await registered(lms, school, receiver.url)
    rows = [{"isbn": new_isbn(), "copies_total": 1}, {"isbn": new_isbn(), "copies_total": 2}]
    path = f"/collection/{collection.id}"
    assert (await lms.put(f"{path}/items", json=rows)).status_code == 200
    assert (await lms.put(f"{path}/items", json=rows)).status_code == 200, "the same once more changes nothing"
    assert (await lms.put(f"{path}/items?dry_run=true&max_removal_percent=100", json=rows[:1])).status_code == 200
    assert (
        await lms.patch(path, json={"name": "Library", "items": [{**rows[0], "copies_total": 9}]})
    ).status_code == 200
    assert (await lms.patch(path, json={"name": "Our library"})).status_code == 200
    await tasks.do(KIND)
    told = [received.verified(webhook["secret"]) for received in receiver.received]
    expected = {"school_id": str(school.wriveted_identifier), "collection_id": str(collection.id)}
    assert [(each["type"], each["data"]) for each in told] == [("collection.updated", expected)] * 3


async def test_labels_are_told_to_schools_that_hold_the_book_and_to_no_other(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    holding, without, staff = await near.school(), await near.school(), await near.admin()
    isbn, other = new_isbn(), new_isbn()
    title = f"Matilda {uuid4()}"
    answer = await staff.post("/work", json={"title": title, "authors": [], "editions": [isbn, other]})
    assert answer.status_code == 200, answer.text
    secrets = {}
    for school, books in ((holding, [isbn]), (without, [new_isbn()])):
        lms, collection = await near.lms(school), await near.collection(school)
        await lms.put(f"/collection/{collection.id}/items", json=[{"isbn": each} for each in books])
        webhook = await registered(lms, school, receiver.url, ["edition.labelled"])
        secrets[school.wriveted_identifier] = webhook["secret"]
    patch = [{"isbn": isbn, "patch_data": {"min_age": 5, "max_age": 9, "age_origin": "HUMAN"}}]
    for _ in range(2):
        assert (await staff.patch("/labelsets", json=patch)).json()["patched"] == 1
    await tasks.do(KIND)
    (received,) = receiver.received
    told = received.verified(secrets[holding.wriveted_identifier])
    assert told["data"] == {"school_id": str(holding.wriveted_identifier), "isbns": [isbn]}


async def test_program_that_serves_the_school_no_more_is_told_nothing(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    active, unlinked, vendor = await near.lms(school), await near.lms(school), await near.service("lms", vendor=True)
    for each in (active, unlinked, vendor):
        await registered(each, school, f"{receiver.url}/{each.id}")
    async with near.session() as session:
        await session.execute(
            text("DELETE FROM service_account_schools WHERE service_account_id = :id"), {"id": unlinked.id}
        )
        gone = ServiceAccount(name="gone", type=ServiceAccountType.LMS, is_vendor=True, is_active=False)
        session.add(gone)
        await session.flush()
        session.add(
            Webhook(
                school_id=school.wriveted_identifier,
                service_account_id=gone.id,
                url=receiver.url,
                events=ALL,
                secret_sealed=b"",
            )
        )
    await rename(admin, school)
    await tasks.do(KIND)
    assert {received.path for received in receiver.received} == {f"/hook/{active.id}", f"/hook/{vendor.id}"}


async def test_change_that_is_undone_tells_nobody(near: World, receiver: Receiver, tasks: Tasks) -> None:
    school = await near.school()
    collection, lms = await near.collection(school), await near.lms(school)
    await registered(lms, school, receiver.url)
    rows = [{"isbn": new_isbn()}, {"isbn": "no isbn"}]
    answer = await lms.put(f"/collection/{collection.id}/items?atomic=true", json=rows)
    assert answer.status_code == 422
    assert await tasks.rows(KIND) == []


async def test_failure_is_tried_again_on_schedule_under_the_same_id(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    await rename(admin, school)
    receiver.status = 500
    for attempt, pause in enumerate(SCHEDULE, 1):
        assert await tasks.do(KIND) == [204]
        *_, following = await tasks.rows(KIND, TaskState.PENDING)
        assert following.payload["attempt"] == attempt + 1
        assert pause <= following.due_at - following.created_at <= pause * 1.3
        async with near.session() as session:
            await session.execute(DUE)
    assert await tasks.do(KIND) == [204]
    assert await tasks.rows(KIND, TaskState.PENDING) == []
    (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["attempts"], delivery["last_status"]) == ("failed", 10, 500)
    assert {received.headers["webhook-id"] for received in receiver.received} == {delivery["id"]}
    receiver.status = 200
    answer = await admin.post(f"/webhook/{webhook['id']}/delivery/{delivery['id']}/replay")
    assert answer.json()["state"] == "pending"
    again = await admin.post(f"/webhook/{webhook['id']}/delivery/{delivery['id']}/replay")
    assert again.status_code == 409
    assert await tasks.do(KIND) == [204]
    (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["attempts"]) == ("delivered", 11)
    assert (await admin.get(f"/webhook/{webhook['id']}")).json()["failures"] == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 502, 503])
async def test_answer_other_than_success_is_a_failure_and_no_redirect_is_followed(
    near: World, receiver: Receiver, tasks: Tasks, status: int
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    receiver.status = status
    await rename(admin, school)
    await tasks.do(KIND)
    (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["last_status"], delivery["attempts"]) == ("pending", status, 1)
    assert [received.path for received in receiver.received] == ["/hook"]
    soonest = timedelta(minutes=5 if status in (429, 502) else 0)
    assert datetime.fromisoformat(delivery["next_attempt_at"]) - datetime.now(UTC) > soonest
    async with near.session() as session:
        await session.execute(DISCARDED)


async def test_receiver_that_is_away_is_noted_by_the_kind_of_fault(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, "http://127.0.0.1:1/hook")
    await rename(admin, school)
    await tasks.do(KIND)
    (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["last_status"]) == ("pending", None)
    assert delivery["last_failure"]
    async with near.session() as session:
        await session.execute(DISCARDED)


@pytest.mark.parametrize(
    ("status", "failures", "days", "is_off"),
    [(410, 0, 0, True), (500, MOST_FAILURES, 6, True), (500, MOST_FAILURES, 4, False), (500, 1, 6, False)],
)
async def test_webhook_that_fails_for_long_is_switched_off_and_the_school_told(
    near: World, receiver: Receiver, mail: MailServer, tasks: Tasks, status: int, failures: int, days: int, is_off: bool
) -> None:
    school, recipient = await near.school(), f"{uuid4().hex}@school.example"
    lms, admin = await near.lms(school), await near.school_admin(school)
    async with near.session() as session:
        await session.execute(
            text("UPDATE users SET email = :email WHERE id = :id"), {"email": recipient, "id": admin.id}
        )
    webhook = await registered(lms, school, receiver.url)
    since = datetime.now(UTC) - timedelta(days=days)
    await set_webhook(near, webhook, failures=failures, failing_since=since if failures else None)
    receiver.status = status
    await rename(admin, school)
    await tasks.do(KIND)
    found = (await admin.get(f"/webhook/{webhook['id']}")).json()
    assert found["is_active"] is not is_off
    (delivery,) = await deliveries(lms, webhook)
    assert delivery["state"] == ("failed" if is_off else "pending")
    off = await rows(near, subject=f"webhook:{webhook['id']}", action="webhook.switched_off")
    noted = [(None, school.wriveted_identifier, {"gone": status == 410, "failures": failures + 1})]
    assert [(row.actor, row.school_id, row.details) for row in off] == (noted if is_off else [])
    await tasks.do("send-email")
    assert len(mail.to(recipient)) == is_off
    if is_off:
        assert "127.0.0.1" in mail.to(recipient)[0]["Subject"]
        await rename(admin, school)
        assert len(await deliveries(lms, webhook)) == 1, "nothing is told to one that is off"
        replay = await lms.post(f"/webhook/{webhook['id']}/delivery/{delivery['id']}/replay")
        assert replay.status_code == 409
        on = (await lms.patch(f"/webhook/{webhook['id']}", json={"is_active": True})).json()
        assert (on["is_active"], on["failures"], on["switched_off_reason"]) == (True, 0, None)
    async with near.session() as session:
        await session.execute(DISCARDED)


async def test_delivery_that_is_under_way_when_its_webhook_goes_off_fails_without_a_call(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    await rename(admin, school)
    await admin.patch(f"/webhook/{webhook['id']}", json={"is_active": False})
    assert await tasks.do(KIND) == [204]
    assert receiver.received == []
    (delivery,) = await deliveries(admin, webhook)
    assert (delivery["state"], delivery["last_failure"], delivery["attempts"]) == ("failed", "SwitchedOff", 0)


async def test_webhook_that_is_deleted_takes_what_is_under_way_along(
    near: World, receiver: Receiver, tasks: Tasks
) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    await rename(admin, school)
    assert (await admin.delete(f"/webhook/{webhook['id']}")).status_code == 204
    assert await tasks.do(KIND) == [204]
    assert receiver.received == []


async def test_log_goes_back_thirty_days(near: World, receiver: Receiver, tasks: Tasks) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    webhook = await registered(admin, school, receiver.url)
    for _ in range(2):
        await rename(admin, school)
        await tasks.do(KIND)
    newest, oldest = await deliveries(admin, webhook)
    async with near.session() as session:
        aged = "UPDATE webhook_deliveries SET created_at = now() - interval '31 days' WHERE id = :id"
        await session.execute(text(aged), {"id": oldest["id"]})
    await rename(admin, school)
    await tasks.do(KIND)
    assert [each["id"] for each in await deliveries(admin, webhook)][1:] == [newest["id"]]


async def test_school_without_webhooks_costs_one_statement(near: World) -> None:
    school = await near.school()
    admin = await near.school_admin(school)
    path = f"/school/{school.wriveted_identifier}"
    unchanged = await near.count_statements(admin.patch(path, json={"lms_type": "none"}))
    changed = await near.count_statements(admin.patch(path, json={"lms_type": "Oliver"}))
    await registered(admin, school, "https://library.example.com/", ["collection.updated"])
    other = await near.count_statements(admin.patch(path, json={"lms_type": "Infiniti"}))
    assert other == changed
    assert changed - unchanged <= 3, "the row, the event, and whom to tell"
