"""Who registers webhooks, and at which addresses."""

from typing import Any
from uuid import uuid4

import pytest

from app.audit.models import Outcome
from app.webhooks.service import MOST_AT_A_SCHOOL
from tests.adapters.forbidden import urls
from tests.api.operations import document
from tests.audit.rows import actor_of, rows
from tests.world import World

GOOD = "https://library.example.com/huey-books?tenant=7"


def body(school: Any, **changes: Any) -> dict[str, Any]:
    values = {"school_id": str(school.wriveted_identifier), "url": GOOD, "events": ["school.updated"]}
    return values | changes


async def test_address_that_no_webhook_may_have_is_refused(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    made = (await admin.post("/webhook", json=body(school))).json()
    refused = list(dict.fromkeys([*urls(), f"{GOOD}{'x' * 2_000}"]))
    for url in refused:
        answers = [
            await admin.post("/webhook", json=body(school, url=url)),
            await admin.patch(f"/webhook/{made['id']}", json={"url": url}),
        ]
        for answer in answers:
            assert answer.status_code == 422, (url, answer.text)
            assert {error["pointer"] for error in answer.json()["errors"]} == {"/url"}, url
    assert (await admin.get(f"/webhook/{made['id']}")).json()["url"] == GOOD
    assert len(refused) > 200


async def test_program_sees_and_changes_what_programs_registered_and_staff_all(world: World) -> None:
    school, other = await world.school(), await world.school()
    admin, lms, stranger = await world.school_admin(school), await world.lms(school), await world.lms(other)
    of_staff = (await admin.post("/webhook", json=body(school))).json()
    of_program = (await lms.post("/webhook", json=body(school))).json()
    assert (of_staff["service_account_id"], of_program["service_account_id"]) == (None, str(lms.id))
    for client, seen in ((admin, {of_staff["id"], of_program["id"]}), (lms, {of_program["id"]}), (stranger, set())):
        listed = (await client.get("/webhooks", params={"school_id": str(school.wriveted_identifier)})).json()["data"]
        assert {each["id"] for each in listed} == seen
        for id_ in (of_staff["id"], of_program["id"]):
            answer = await client.patch(f"/webhook/{id_}", json={"description": "Nightly"})
            assert answer.status_code == (200 if id_ in seen else 403)
    assert (await stranger.post("/webhook", json=body(school))).status_code == 403


async def test_caller_cannot_say_who_registers(world: World) -> None:
    school = await world.school()
    lms = await world.lms(school)
    answer = await lms.post("/webhook", json=body(school, service_account_id=None))
    assert answer.json()["code"] == "unknown_field"


@pytest.mark.parametrize("events", [[], ["user.created"], ["school.updated"] * 4, None])
async def test_events_are_those_that_there_are(world: World, events: Any) -> None:
    school = await world.school()
    answer = await (await world.school_admin(school)).post("/webhook", json=body(school, events=events))
    assert answer.status_code == 422


async def test_retried_registration_makes_one(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    key = {"Idempotency-Key": uuid4().hex}
    first = await admin.post("/webhook", json=body(school), headers=key)
    again = await admin.post("/webhook", json=body(school), headers=key)
    assert first.json() == again.json()
    assert len((await admin.get("/webhooks")).json()["data"]) == 1


async def test_a_school_has_so_many_webhooks_at_most(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    for _ in range(MOST_AT_A_SCHOOL):
        assert (await admin.post("/webhook", json=body(school))).status_code == 200
    answer = await admin.post("/webhook", json=body(school))
    assert (answer.status_code, answer.json()["code"]) == (403, "quota_exceeded")


async def test_null_clears_nothing_and_absent_keeps(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    made = (await admin.post("/webhook", json=body(school, description="Nightly"))).json()
    path = f"/webhook/{made['id']}"
    for name in ("url", "events", "description", "is_active"):
        answer = await admin.patch(path, json={name: None})
        assert answer.json()["errors"][0]["pointer"] == f"/{name}"
    changed = (await admin.patch(path, json={"description": ""})).json()
    assert (changed["description"], changed["url"], changed["is_active"]) == ("", GOOD, True)


async def test_rotation_without_overlap_leaves_one_secret(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    made = (await admin.post("/webhook", json=body(school))).json()
    path = f"/webhook/{made['id']}/rotate-secret"
    assert (await admin.post(path)).json()["previous_until"] is not None
    assert (await admin.post(path, json={"overlap_hours": 0})).json()["previous_until"] is None
    assert (await admin.post(path, json={"overlap_hours": 169})).status_code == 422


async def test_change_of_a_webhook_is_on_record_without_its_address_or_secret(world: World) -> None:
    school = await world.school()
    admin, lms = await world.school_admin(school), await world.lms(school)
    made = (await lms.post("/webhook", json=body(school))).json()
    path = f"/webhook/{made['id']}"
    for changes in ({"description": "Nightly"}, {"description": "Nightly"}, {"is_active": False, "url": f"{GOOD}&a=b"}):
        assert (await admin.patch(path, json=changes)).status_code == 200
    rotated = (await admin.post(f"{path}/rotate-secret", json={"overlap_hours": 2})).json()
    assert (await admin.delete(path)).status_code == 204
    found = await rows(world, subject=f"webhook:{made['id']}")
    assert [(row.action, row.actor, row.details) for row in found] == [
        ("webhook.created", actor_of(lms, "service_account"), {"events": ["school.updated"]}),
        ("webhook.updated", actor_of(admin), {"fields": ["description"]}),
        ("webhook.updated", actor_of(admin), {"fields": ["is_active", "url"]}),
        ("webhook.rotated", actor_of(admin), {"overlap_hours": 2.0}),
        ("webhook.deleted", actor_of(admin), {}),
    ]
    assert {row.school_id for row in found} == {school.wriveted_identifier}
    assert all(row.outcome is Outcome.DONE and row.request_id for row in found)
    said = str([row.details for row in found])
    assert not any(told in said for told in ("library.example.com", made["secret"], rotated["secret"]))


async def test_change_of_a_webhook_that_is_refused_leaves_no_row_of_a_deed(world: World) -> None:
    school = await world.school()
    admin, other = await world.school_admin(school), await world.school_admin(await world.school())
    made = (await admin.post("/webhook", json=body(school))).json()
    path, key = f"/webhook/{made['id']}", {"Idempotency-Key": uuid4().hex}
    assert (await admin.patch(path, json={"url": "https://127.0.0.1/"})).status_code == 422
    assert (await admin.patch(path, json={"url": GOOD, "events": None})).status_code == 422
    assert (await admin.post("/webhook", json=body(school, url="http://a.example/"))).status_code == 422
    for refused in (other.patch(path, json={"url": GOOD}), other.post(f"{path}/rotate-secret"), other.delete(path)):
        assert (await refused).status_code == 403
    again = [await admin.post("/webhook", json=body(school), headers=key) for _ in range(2)]
    assert again[0].json() == again[1].json()
    for id_ in (made["id"], again[0].json()["id"]):
        done = await rows(world, subject=f"webhook:{id_}", outcome=Outcome.DONE)
        assert [row.action for row in done] == ["webhook.created"]
    assert len(await rows(world, actor=actor_of(admin), outcome=Outcome.DONE)) == 2
    assert len(await rows(world, subject=f"webhook:{made['id']}", actor=actor_of(other))) == 3


def test_document_describes_what_receivers_are_sent() -> None:
    described = document()["webhooks"]
    assert described.keys() == {"collection.updated", "edition.labelled", "school.updated"}
    for name, item in described.items():
        content = item["post"]["requestBody"]["content"]["application/json"]["schema"]
        schema = document()["components"]["schemas"][content["$ref"].rpartition("/")[2]]
        assert schema["properties"]["type"]["const"] == name
        assert set(schema["required"]) == {"type", "timestamp", "data"}
