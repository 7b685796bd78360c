"""Every refusal of what somebody may not do leaves one row, although the request itself was undone."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.audit.models import Outcome
from app.audit.refusals import record_refusal
from app.core.db import Database
from app.core.errors import QuotaExceeded, Unauthenticated
from app.core.http import refusals
from app.core.refusals import Refused
from app.core.scopes import Scope
from app.main import create_public_app
from tests.audit.rows import actor_of, rows
from tests.conftest import settings_for
from tests.core.apps import NOWHERE, call, doors, make_app
from tests.schools.test_school_changes import path_of
from tests.world import HOUR, Client, World


async def test_missing_permission_leaves_one_row_that_names_everything(world: World) -> None:
    school, other = await world.school(), await world.school()
    lms = await world.lms(other)
    answer = await lms.get(path_of(school))
    assert (answer.status_code, answer.json()["permission"], answer.json()["resource"]) == (403, "read", "School")
    (row,) = await rows(world, actor=actor_of(lms, "service_account"))
    assert (row.action, row.outcome) == ("access.denied", Outcome.REFUSED)
    assert row.subject == f"school:{school.wriveted_identifier}"
    assert row.school_id == school.wriveted_identifier
    assert row.request_id == answer.headers["x-request-id"]
    assert row.details == {
        "code": "permission_missing",
        "operation": "GET /v1/school/{wriveted_identifier}",
        "path": {"wriveted_identifier": str(school.wriveted_identifier)},
        "permission": "read",
        "resource": "School",
    }


async def test_forbidden_field_leaves_one_row_that_names_it_and_not_its_value(world: World) -> None:
    school = await world.school()
    lms = await world.lms(school)
    answer = await lms.patch(path_of(school), json={"name": "Kim's own school", "lms_type": "Oliver"})
    assert answer.json()["code"] == "field_forbidden"
    (row,) = await rows(world, actor=actor_of(lms, "service_account"))
    assert (row.subject, row.details["fields"]) == (f"school:{school.wriveted_identifier}", ["/name"])
    assert "Kim" not in json.dumps(row.details)


async def test_refusal_before_anything_is_found_concerns_the_account_itself(world: World) -> None:
    reader = await world.public_reader()
    answer = await reader.post("/edition", json={"isbn": "9780439023481"})
    assert (answer.status_code, "resource" in answer.json()) == (403, False)
    (row,) = await rows(world, actor=actor_of(reader))
    assert (row.subject, row.details["permission"]) == (actor_of(reader), "add")


async def test_refusal_to_create_names_the_kind_of_what_was_not_born(world: World) -> None:
    school = await world.school()
    reader = await world.public_reader()
    body = {"name": "Mine", "school_id": str(school.wriveted_identifier)}
    assert (await reader.post("/collection", json=body)).json()["resource"] == "Collection"
    (row,) = await rows(world, actor=actor_of(reader))
    assert (row.subject, row.school_id) == (actor_of(reader), school.wriveted_identifier)


async def test_what_was_refused_is_undone_and_its_row_stays(world: World) -> None:
    """The refusal comes after a statement of the request: the collection that would be the first of the school."""
    school = await world.school()
    educator = await world.educator(school)
    path = f"{path_of(school)}/collection"
    assert (await educator.post(path, json=[{"isbn": "9780439023481"}])).status_code == 403
    (row,) = await rows(world, actor=actor_of(educator))
    assert (row.details["permission"], row.details["resource"]) == ("create", "Collection")


async def test_each_of_many_refusals_at_once_leaves_its_row(world: World) -> None:
    school = await world.school()
    reader = await world.public_reader()
    answers = await asyncio.gather(*(reader.get(path_of(school)) for _ in range(30)))
    found = await rows(world, actor=actor_of(reader))
    assert sorted(row.request_id or "" for row in found) == sorted(each.headers["x-request-id"] for each in answers)


async def test_key_without_the_scope_leaves_one_row_that_names_it(world: World) -> None:
    school = await world.school()
    lms = await world.lms(school)
    key = await world.key(lms, Scope.EVENTS_READ)
    assert (await key.get(path_of(school))).json()["code"] == "scope_missing"
    (row,) = await rows(world, actor=actor_of(lms, "service_account"), action="access.denied")
    assert (row.details["code"], row.details["scope"]) == ("scope_missing", "schools:read")


async def test_impersonator_stands_on_the_row(world: World) -> None:
    admin, school = await world.admin(), await world.school()
    reader = await world.public_reader()
    token = world.tokens.issue("user-account", reader.id, HOUR, extra={"act": f"wriveted:user-account:{admin.id}"})
    acting = Client(world.http, reader.id, token)
    assert (await acting.get(path_of(school))).status_code == 403
    (row,) = await rows(world, actor=actor_of(reader))
    assert row.impersonator == actor_of(admin)


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.get("/collection/not-an-id"),
        lambda client: client.get(f"/school/{uuid4()}"),
        lambda client: client.get("/auth/me"),
        lambda client: client.get("/schools", params={"limit": 0}),
        lambda client: client.post("/events", json={"title": "x", "level": "normal", "colour": "red"}),
    ],
)
async def test_other_answers_leave_no_row(world: World, ask: Callable[[Client], Awaitable[httpx.Response]]) -> None:
    reader = await world.public_reader()
    assert (await ask(reader)).status_code != 403
    assert await rows(world, actor=actor_of(reader)) == []


async def test_a_token_that_is_refused_leaves_no_row(world: World) -> None:
    reader = await world.public_reader()
    assert (await Client(world.http, reader.id, "x.y.z").get("/auth/me")).status_code == 401
    assert await rows(world, actor=actor_of(reader)) == []


router = doors()


@router.get("/signs-in/{class_id}/{code}")
async def signs_in(class_id: str, code: str) -> int:
    subject, details = f"class_group:{class_id}", {"method": "class_code", "school_id": class_id}
    raise Unauthenticated("No.").on_record("sign_in.refused", subject=subject, **details)


@router.get("/over-quota")
async def over_quota() -> int:
    raise QuotaExceeded


def serving(database: Database) -> FastAPI:
    app = make_app(router, docs=False)

    async def record(refused: Refused) -> None:
        await record_refusal(database, refused)

    app.state.record_refusal = record
    return app


async def test_problem_that_asks_for_it_leaves_a_row_though_nobody_had_signed_in(world: World) -> None:
    school = uuid4()
    answer = await call(serving(world.database), "GET", f"/v1/signs-in/{school}/HG2K9")
    assert answer.status_code == 401
    (row,) = await rows(world, subject=f"class_group:{school}")
    assert (row.action, row.outcome, row.actor) == ("sign_in.refused", Outcome.REFUSED, None)
    assert row.school_id == school
    assert row.details["method"] == "class_code"
    assert row.details["path"] == {"class_id": str(school)}, "a code in a path is a secret"


async def test_quota_that_is_used_up_is_no_refusal_of_rights(world: World) -> None:
    answer = await call(serving(world.database), "GET", "/v1/over-quota")
    assert answer.json()["code"] == "quota_exceeded"
    assert await rows(world, request_id=answer.headers["x-request-id"]) == []


async def test_application_without_a_record_answers_all_the_same() -> None:
    assert (await call(make_app(router, docs=False), "GET", f"/v1/signs-in/{uuid4()}/x")).status_code == 401


async def test_record_that_cannot_be_written_is_logged_and_costs_the_answer_nothing(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    database = Database(settings_for(NOWHERE))
    answer = await call(serving(database), "GET", f"/v1/signs-in/{uuid4()}/x")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    (logged,) = [line for line in lines if line["event"] == "refusal.unrecorded"]
    assert (logged["code"], logged["request_id"]) == ("not_authenticated", answer.headers["x-request-id"])
    await database.dispose()


async def test_record_that_takes_too_long_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "PATIENCE_SECONDS", 0.2)
    app = serving(world.database)
    async with world.database.transaction() as transaction:
        await transaction.driver.execute("LOCK TABLE audit_log IN EXCLUSIVE MODE")
        answer = await asyncio.wait_for(call(app, "GET", f"/v1/signs-in/{uuid4()}/x"), 2)
    assert answer.status_code == 401
    assert await rows(world, request_id=answer.headers["x-request-id"]) == []
    again = await call(app, "GET", f"/v1/signs-in/{uuid4()}/x")
    assert len(await rows(world, request_id=again.headers["x-request-id"])) == 1, "its connection is whole"


def test_public_application_keeps_record() -> None:
    settings = settings_for(NOWHERE)
    assert callable(create_public_app(settings, database=Database(settings)).state.record_refusal)
