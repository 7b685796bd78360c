"""Deleting people, acting as somebody else, and who supports whom."""

from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select, text

from app.audit.models import AuditRow
from app.collections.models import Collection, CollectionItem
from app.events.models import Event
from app.sign_in.models import Identity, SignInSession
from tests.people.cast import KINDS, audited, cast, events_of, faults, somebody_of, stored
from tests.world import Client, World

NOW = text("now()")


@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_deleted_is_deactivated_and_stays(world: World, kind: str) -> None:
    here, admin = await cast(world, kind), await world.admin()
    assert (await admin.delete(f"/user/{here.somebody.id}")).status_code == 204
    assert (await here.somebody.get("/auth/me")).status_code == 401
    assert (await admin.get(f"/user/{here.somebody.id}")).json()["is_active"] is False
    assert (await admin.delete(f"/user/{here.somebody.id}")).status_code == 204
    assert [event.title for event in await events_of(world, here.somebody.id)] == ["User account deleted"]
    assert await audited(world, here.somebody.id) == [("user.deactivated", {})]


@pytest.mark.parametrize("kind", KINDS)
async def test_who_is_purged_is_gone_with_all_that_was_theirs_and_events_stay(world: World, kind: str) -> None:
    school, admin = await world.school(), await world.admin()
    group = await world.class_group(school)
    person = await somebody_of(world, kind, school, group)
    reader = await world.student(group)
    path = f"/user/{reader.id}/supporter/{person.id}"
    if kind == "Supporter":
        assert (await admin.put(path, json={"supporter_nickname": "Nana"})).status_code == 200
    if kind == "Parent":
        await admin.patch(f"/user/{reader.id}", json={"parent_id": str(person.id)})
    if kind in ("Student", "PublicReader"):
        await world.parent(person)
        await world.supporter(person)
    await person.post("/events", json={"title": "Huey: Book reviewed", "level": "normal"})
    (event,) = await events_of(world, person.id)
    async with world.session() as session:
        shelf = Collection(name="My shelf", user_id=person.id, item_count=1)
        session.add_all([shelf, Identity(issuer="google", subject=uuid4().hex, user_id=person.id)])
        session.add(SignInSession(user_id=person.id, method="firebase", authenticated_at=NOW, expires_at=NOW))
        await session.flush()
        session.add(CollectionItem(collection_id=shelf.id, sort_title="a", copies_total=1, copies_available=1))
    answer = await admin.delete(f"/user/{person.id}?purge=true")
    assert answer.status_code == 204, answer.text
    assert await stored(world, person.id) is None
    assert (await admin.get(f"/user/{person.id}")).status_code == 404
    async with world.session() as session:
        assert (await session.get_one(Event, event.id)).user_id is None
        assert (await session.scalars(select(Collection).where(Collection.user_id == person.id))).all() == []
    seen = (await admin.get(f"/user/{reader.id}")).json()
    assert seen["parent"] is None
    kinds = [details for action, details in await audited(world, person.id) if action == "user.deleted"]
    assert kinds == [{"type": KINDS[kind]}]


@pytest.mark.parametrize("purge", ["true", "false"])
async def test_deleting_is_for_administrators_and_not_for_the_own_account(world: World, purge: str) -> None:
    here = await cast(world, "Student")
    for relation, writer in here.writers.items():
        if relation not in ("admin", "backend"):
            answer = await writer.client.delete(f"/user/{here.somebody.id}?purge={purge}")
            assert (answer.status_code, answer.json()["permission"]) == (403, "delete"), relation
    admin = await world.admin()
    assert (await admin.delete(f"/user/{admin.id}?purge={purge}")).status_code == 409
    assert (await admin.delete(f"/user/{uuid4()}?purge={purge}")).status_code == 404
    backend = here.writers["backend"].client
    assert (await backend.delete(f"/user/{here.somebody.id}?purge={purge}")).status_code == 204


async def test_an_admin_acts_as_somebody_and_both_stand_on_what_is_done(world: World) -> None:
    admin, student = await world.admin(), await world.student(await world.class_group(await world.school()))
    answer = await admin.post(f"/user/{student.id}/auth-token", json={"hours": 2, "reason": "Ticket 4711"})
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"access_token", "token_type"}
    claims = world.tokens.read(answer.json()["access_token"])
    assert (claims.id, (claims.expires_at - claims.issued_at).total_seconds()) == (student.id, 7200)
    acting = Client(world.http, student.id, answer.json()["access_token"])
    assert (await acting.patch(f"/user/{student.id}", json={"newsletter": True})).status_code == 200
    minted, updated = await events_of(world, student.id)
    assert (minted.title, minted.info["actor"], minted.info["reason"]) == (
        "Token minted",
        f"user:{admin.id}",
        "Ticket 4711",
    )
    assert updated.title == "User updated"
    assert str(admin.id) in updated.info["impersonator"]
    minting = select(AuditRow.actor).where(AuditRow.action == "token.minted", AuditRow.subject == f"user:{student.id}")
    async with world.session() as session:
        assert (await session.scalars(minting)).all() == [f"user:{admin.id}"]


@pytest.mark.parametrize("body", [None, {}])
async def test_a_token_is_good_for_an_hour_unless_asked_otherwise(world: World, body: Any) -> None:
    admin, reader = await world.admin(), await world.public_reader()
    answer = await admin.post(f"/user/{reader.id}/auth-token", **({} if body is None else {"json": body}))
    claims = world.tokens.read(answer.json()["access_token"])
    assert (claims.expires_at - claims.issued_at).total_seconds() == 3600


@pytest.mark.parametrize("hours", [0, -1, 25, 1.5, "2", True])
async def test_a_token_for_longer_than_a_day_or_for_no_time_is_refused(world: World, hours: Any) -> None:
    admin, reader = await world.admin(), await world.public_reader()
    answer = await admin.post(f"/user/{reader.id}/auth-token", json={"hours": hours})
    assert answer.status_code == 422
    assert [place for place, _ in faults(answer)] == ["/hours"]


@pytest.mark.parametrize("kind", KINDS)
async def test_nobody_but_an_administrator_gets_a_token_for_somebody(world: World, kind: str) -> None:
    here = await cast(world, kind)
    for relation, writer in here.writers.items():
        answer = await writer.client.post(f"/user/{here.somebody.id}/auth-token")
        granted = relation in ("admin", "backend") or (kind, relation) == ("WrivetedAdmin", "self")
        assert answer.status_code == (200 if granted else 403), (relation, answer.text)


async def test_there_is_no_token_for_who_is_deactivated(world: World) -> None:
    admin, reader = await world.admin(), await world.public_reader(is_active=False)
    assert (await admin.post(f"/user/{reader.id}/auth-token")).status_code == 409


@pytest.mark.parametrize("kind", ["Student", "PublicReader"])
async def test_supporters_are_linked_by_the_parent_the_school_and_administrators(world: World, kind: str) -> None:
    here = await cast(world, kind)
    supporter = here.writers["supporter"].client
    path = f"/user/{here.somebody.id}/supporter/{supporter.id}"
    body = {"supporter_nickname": "Opa", "allow_email": False, "allow_phone": True, "is_active": False}
    for relation, writer in here.writers.items():
        granted = relation in ("admin", "backend", "parent") or (kind, relation) == ("Student", "school admin")
        put, listed = (
            await writer.client.put(path, json=body),
            await writer.client.get(f"/user/{here.somebody.id}/supporters"),
        )
        assert (put.status_code, listed.status_code) == ((200, 200) if granted else (403, 403)), relation
        if granted:
            who = {"id": str(supporter.id), "type": "supporter", "name": "Sue Supporter"}
            assert listed.json() == [put.json()] == [{"supporter": who, **body}]
        gone = await writer.client.delete(path)
        assert gone.status_code == (204 if granted else 403), relation


async def test_a_link_counts_from_when_it_is_made_until_it_is_ended(world: World) -> None:
    reader = await world.public_reader()
    parent, supporter = await world.parent(reader), await world.supporter()
    path = f"/user/{reader.id}/supporter/{supporter.id}"
    for body, status in (
        (None, 403),
        ({"supporter_nickname": "Nana"}, 200),
        ({"supporter_nickname": "Nana", "is_active": False}, 403),
        ({"supporter_nickname": "Nana", "is_active": True}, 200),
    ):
        if body is not None:
            assert (await parent.put(path, json=body)).status_code == 200
        assert (await supporter.get(f"/user/{reader.id}")).status_code == status
    assert (await parent.delete(path)).status_code == 204
    assert (await supporter.get(f"/user/{reader.id}")).status_code == 403
    assert (await parent.delete(path)).status_code == 404
    titles = [event.title for event in await events_of(world, reader.id)]
    assert titles == ["Supporter linked"] * 3 + ["Supporter unlinked"]
    assert [details["linked"] for _, details in await audited(world, supporter.id)] == [True, True, True, False]


async def test_only_readers_are_supported_and_only_by_supporters(world: World) -> None:
    admin, reader, supporter = await world.admin(), await world.public_reader(), await world.supporter()
    body = {"supporter_nickname": "Nana"}
    for who, whom in ((reader, reader), (supporter, supporter), (supporter, admin)):
        assert (await admin.put(f"/user/{whom.id}/supporter/{who.id}", json=body)).status_code == 404
    assert (await admin.put(f"/user/{reader.id}/supporter/{uuid4()}", json=body)).status_code == 404
    answer = await admin.put(f"/user/{reader.id}/supporter/{supporter.id}", json={})
    assert faults(answer) == [("/supporter_nickname", "missing")]


async def test_an_admin_binds_a_reader_to_a_school_as_its_admin(world: World) -> None:
    school, reader, admin = await world.school(), await world.public_reader(), await world.admin()
    path = f"/school/{school.wriveted_identifier}/admin"
    bound = await admin.patch(path, json={"user_id": str(reader.id)})
    assert bound.status_code == 200, bound.text
    assert (bound.json()["id"], bound.json()["type"]) == (str(reader.id), "school_admin")
    shown = (await admin.get(f"/school/{school.wriveted_identifier}")).json()
    assert [each["id"] for each in shown["admins"]] == [str(reader.id)]


async def test_nobody_binds_themselves_to_a_school(world: World) -> None:
    school, other = await world.school(), await world.school()
    for caller in (await world.school_admin(school), await world.educator(school), await world.lms(school)):
        for target in (school, other):
            answer = await caller.patch(f"/school/{target.wriveted_identifier}/admin", json={"user_id": str(caller.id)})
            assert answer.status_code == 403, answer.text


async def test_binding_names_who_does_not_exist(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    answer = await admin.patch(f"/school/{school.wriveted_identifier}/admin", json={"user_id": str(uuid4())})
    assert answer.status_code == 422
    assert [each["pointer"] for each in answer.json()["errors"]] == ["/user_id"]


async def test_who_looked_at_a_child_stays_on_record(world: World) -> None:
    school = await world.school()
    child = await world.student(await world.class_group(school))
    parent, teacher, admin = await world.parent(child), await world.educator(school), await world.admin()
    for each in (child, parent, teacher):
        assert (await each.get(f"/user/{child.id}")).status_code == 200
    found = (await admin.get(f"/audit?subject=user:{child.id}&action=user.viewed")).json()["data"]
    assert [each["actor"] for each in found] == [f"user:{teacher.id}"]


async def test_a_frontend_is_told_what_it_may_do_with_each_person(world: World) -> None:
    school = await world.school()
    child, teacher = await world.student(await world.class_group(school)), await world.educator(school)
    one = (await teacher.get(f"/user/{child.id}?include=permissions")).json()
    assert one["permissions"] == ["create", "read", "update"]
    listed = (await teacher.get(f"/users?include=permissions&school_id={school.wriveted_identifier}")).json()["data"]
    assert {each["id"]: each["permissions"] for each in listed} == {
        str(child.id): ["create", "read", "update"],
        str(teacher.id): ["read", "read-contact", "update"],
    }
    assert "permissions" not in (await teacher.get(f"/user/{child.id}")).json()
