"""Reading the audit: for admins alone, by who, whom, what and when."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from app.accounts.authenticate import authenticate
from app.audit.models import AuditRow, Outcome
from app.audit.service import note_view
from app.core.account import Account
from tests.audit.rows import actor_of, rows
from tests.world import HOUR, Client, World

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest_asyncio.fixture(loop_scope="session")
async def day(world: World) -> dict[str, Any]:
    """Four rows of one day, an hour apart, about one child."""
    child, teacher, stranger, school = uuid4(), uuid4(), uuid4(), uuid4()
    told = [
        ("user.viewed", Outcome.DONE, teacher, school),
        ("access.denied", Outcome.REFUSED, stranger, school),
        ("user.viewed", Outcome.DONE, stranger, None),
        ("user.deactivated", Outcome.DONE, teacher, school),
    ]
    async with world.session() as session:
        session.add_all(
            AuditRow(
                at=NOON + hour * HOUR,
                action=action,
                outcome=outcome,
                actor=f"user:{actor}",
                subject=f"user:{child}",
                school_id=at,
                details={"number": hour},
            )
            for hour, (action, outcome, actor, at) in enumerate(told)
        )
    return {"child": f"user:{child}", "teacher": f"user:{teacher}", "stranger": f"user:{stranger}", "school": school}


async def numbers(client: Client, **query: Any) -> list[int]:
    answer = await client.get("/audit", params=query)
    assert answer.status_code == 200, answer.text
    return [row["details"]["number"] for row in answer.json()["data"]]


async def test_admin_asks_who_saw_a_child_and_what_was_done_to_it(world: World, day: dict[str, Any]) -> None:
    admin = await world.admin()
    child = day["child"]
    assert await numbers(admin, subject=child) == [3, 2, 1, 0]
    assert await numbers(admin, subject=child, action="user.viewed") == [2, 0]
    assert await numbers(admin, actor=day["teacher"]) == [3, 0]
    assert await numbers(admin, subject=child, outcome="refused") == [1]
    assert await numbers(admin, school_id=str(day["school"])) == [3, 1, 0]


async def test_admin_asks_about_a_time(world: World, day: dict[str, Any]) -> None:
    admin = await world.admin()
    since, until = "2026-05-01T13:00:00Z", "2026-05-01T15:00:00Z"
    assert await numbers(admin, subject=day["child"], since=since) == [3, 2, 1]
    assert await numbers(admin, subject=day["child"], since=since, until=until) == [2, 1]
    assert await numbers(admin, subject=day["child"], until="2026-05-01T13:00:00") == [0]


async def test_row_is_shown_as_it_was_written(world: World, day: dict[str, Any]) -> None:
    admin = await world.admin()
    answer = (await admin.get("/audit", params={"subject": day["child"], "limit": 1})).json()
    assert answer["pagination"] == {"skip": 0, "limit": 1, "total": None, "page": 1}
    (row,) = answer["data"]
    assert isinstance(row.pop("id"), int)
    assert row == {
        "at": "2026-05-01T15:00:00Z",
        "action": "user.deactivated",
        "outcome": "done",
        "actor": day["teacher"],
        "impersonator": None,
        "subject": day["child"],
        "school_id": str(day["school"]),
        "request_id": None,
        "details": {"number": 3},
    }


@pytest.mark.parametrize(
    "query",
    [
        {"actor": "Kim"},
        {"actor": "user:Kim"},
        {"subject": "%"},
        {"action": "denied"},
        {"outcome": "maybe"},
        {"school_id": "7"},
        {"since": "1777636800"},
        {"until": "tomorrow"},
    ],
)
async def test_filter_that_can_match_nothing_is_refused(world: World, query: dict[str, str]) -> None:
    answer = await (await world.admin()).get("/audit", params=query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == f"/query/{next(iter(query))}"


async def test_nobody_but_an_admin_reads_the_audit_and_trying_is_on_record(world: World) -> None:
    school = await world.school()
    group = await world.class_group(school)
    student = await world.student(group)
    people = [
        student,
        await world.educator(school),
        await world.school_admin(school),
        await world.parent(student),
        await world.supporter(student),
        await world.public_reader(),
    ]
    for client in people:
        answer = await client.get("/audit", params={"actor": actor_of(client)})
        assert (answer.status_code, answer.json()["permission"]) == (403, "read")
        assert [row.details["operation"] for row in await rows(world, actor=actor_of(client))] == ["GET /v1/audit"]
    assert (await world.http.get("/v1/audit")).status_code == 401


async def seen_by(world: World, client: Client, child: UUID, **claims: Any) -> list[str]:
    """The actions that a look at a child leaves, of an account that was authenticated as in a request."""
    token = world.tokens.issue("user-account", client.id, HOUR, extra=claims) if claims else client.token
    async with world.database.transaction(reading=True) as transaction:
        account: Account = await authenticate(transaction, world.tokens.read(token))
        note_view(transaction.session, account, f"user:{child}")
    return [row.action for row in await rows(world, actor=actor_of(client), subject=f"user:{child}")]


async def test_look_at_a_child_is_on_record_unless_it_is_its_own_or_a_parents(world: World) -> None:
    school = await world.school()
    student = await world.student(await world.class_group(school))
    assert await seen_by(world, await world.educator(school), student.id) == ["user.viewed"]
    assert await seen_by(world, await world.admin(), student.id) == ["user.viewed"]
    assert await seen_by(world, await world.parent(), student.id) == ["user.viewed"]
    assert await seen_by(world, student, student.id) == []
    assert await seen_by(world, await world.parent(student), student.id) == []


async def test_look_with_a_minted_token_is_on_record_with_who_stands_behind_it(world: World) -> None:
    admin = await world.admin()
    student = await world.student(await world.class_group(await world.school()))
    minted = {"act": f"wriveted:user-account:{admin.id}"}
    assert await seen_by(world, student, student.id, **minted) == ["user.viewed"]
    (row,) = await rows(world, actor=actor_of(student))
    assert row.impersonator == actor_of(admin)


async def test_audit_of_a_long_time_is_paged_without_gaps(world: World) -> None:
    child = f"user:{uuid4()}"
    async with world.session() as session:
        session.add_all(
            AuditRow(
                at=NOON + timedelta(minutes=number // 3),
                action="user.viewed",
                outcome=Outcome.DONE,
                subject=child,
                details={"number": number},
            )
            for number in range(20)
        )
    admin = await world.admin()
    answer = await admin.get("/audit", params={"subject": child, "limit": 7})
    found = [row["details"]["number"] for row in answer.json()["data"]]
    while "next" in answer.links:
        answer = await admin.get(answer.links["next"]["url"].removeprefix("/v1"))
        found += [row["details"]["number"] for row in answer.json()["data"]]
    assert found == list(reversed(range(20)))
