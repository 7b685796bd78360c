"""Staff look after tasks: over HTTP, and at a terminal."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner, Result

from app.audit.models import AuditRow
from app.core.config import Settings
from app.core.outbox import TaskRow, TaskState
from app.core.work import MOST_ATTEMPTS
from app.tasks import commands
from app.tasks.jobs import SCHEDULE
from tests.world import Client, World

Run = Callable[..., Awaitable[Result]]


async def tasks(world: World, kind: str, *states: TaskState, **columns: Any) -> list[UUID]:
    rows = [
        TaskRow(id=uuid4(), kind=kind, payload={"event_id": str(uuid4())}, state=state, **columns) for state in states
    ]
    async with world.session() as session:
        session.add_all(rows)
    return [row.id for row in rows]


async def state_of(world: World, id_: UUID) -> TaskState:
    async with world.session() as session:
        return (await session.scalars(select(TaskRow.state).where(TaskRow.id == id_))).one()


def kind_of_its_own() -> str:
    return f"kind-{uuid4().hex[:12]}"


@pytest.fixture
async def admin(world: World) -> Client:
    return await world.admin()


async def test_staff_find_tasks_by_state_kind_and_failure(world: World, admin: Client) -> None:
    kind = kind_of_its_own()
    await tasks(world, kind, TaskState.DONE, TaskState.PENDING)
    (wanted,) = await tasks(world, kind, TaskState.SET_ASIDE, failure="TimeoutError", attempts=8)
    await tasks(world, kind, TaskState.SET_ASIDE, failure="ValueError")
    found = await admin.get("/tasks", params={"kind": kind, "state": "set_aside", "failure": "TimeoutError"})
    assert [row["id"] for row in found.json()["data"]] == [str(wanted)]
    assert (found.json()["data"][0]["attempts"], "payload" in found.json()["data"][0]) == (8, False)
    whole = (await admin.get(f"/task/{wanted}")).json()
    assert set(whole["payload"]) == {"event_id"}
    assert (await admin.get(f"/task/{uuid4()}")).status_code == 404


async def test_failures_are_grouped(world: World, admin: Client) -> None:
    kind = kind_of_its_own()
    await tasks(world, kind, *[TaskState.SET_ASIDE] * 3, failure="TimeoutError")
    await tasks(world, kind, TaskState.SET_ASIDE, failure="ValueError")
    await tasks(world, kind, TaskState.DONE, TaskState.PENDING)
    groups = [each for each in (await admin.get("/task-groups")).json()["data"] if each["kind"] == kind]
    assert [(each["state"], each["failure"], each["number"]) for each in groups] == [
        ("set_aside", "TimeoutError", 3),
        ("set_aside", "ValueError", 1),
        ("pending", None, 1),
    ]


async def test_replayed_task_is_done(world: World, admin: Client, queue: httpx.AsyncClient) -> None:
    (id_,) = await tasks(world, "process-event", TaskState.SET_ASIDE, failure="ValueError", attempts=MOST_ATTEMPTS)
    assert (await queue.post("/v1/tasks/process-event", json={"id": str(id_)})).status_code == 204
    assert await state_of(world, id_) is TaskState.SET_ASIDE, "nobody has asked for it"
    assert (await admin.post("/tasks/replay", json={"ids": [str(id_)]})).json() == {"number": 1}
    async with world.session() as session:
        row = await session.get(TaskRow, id_)
        assert row is not None
        assert (row.attempts, row.offers, row.ended_at) == (0, 1, None)
    assert (await queue.post("/v1/tasks/process-event", json={"id": str(id_)})).status_code == 204
    assert await state_of(world, id_) is TaskState.DONE


async def test_a_kind_and_failure_is_replayed_together(world: World, admin: Client) -> None:
    kind = kind_of_its_own()
    late = await tasks(world, kind, *[TaskState.SET_ASIDE] * 3, failure="TimeoutError")
    (other,) = await tasks(world, kind, TaskState.SET_ASIDE, failure="ValueError")
    (done,) = await tasks(world, kind, TaskState.DONE, failure="TimeoutError")
    assert (await admin.post("/tasks/replay", json={"kind": kind, "failure": "TimeoutError"})).json() == {"number": 3}
    assert {await state_of(world, each) for each in late} == {TaskState.PENDING}
    assert (await state_of(world, other), await state_of(world, done)) == (TaskState.SET_ASIDE, TaskState.DONE)
    async with world.session() as session:
        query = select(AuditRow).where(AuditRow.actor == f"user:{admin.id}", AuditRow.action == "task.replayed")
        (row,) = await session.scalars(query)
        assert row.details == {"kind": kind, "failure": "TimeoutError", "number": 3}


async def test_discarded_task_is_not_done_any_more(world: World, admin: Client, queue: httpx.AsyncClient) -> None:
    waiting, aside, done = await tasks(world, "process-event", TaskState.PENDING, TaskState.SET_ASIDE, TaskState.DONE)
    ids = [str(each) for each in (waiting, aside, done)]
    assert (await admin.post("/tasks/discard", json={"ids": ids})).json() == {"number": 2}
    assert (await queue.post("/v1/tasks/process-event", json={"id": str(waiting)})).status_code == 204
    assert [await state_of(world, each) for each in (waiting, aside, done)] == [
        TaskState.DISCARDED,
        TaskState.DISCARDED,
        TaskState.DONE,
    ]


async def test_task_in_a_workers_hand_is_left_to_it(world: World, admin: Client) -> None:
    (id_,) = await tasks(world, kind_of_its_own(), TaskState.PENDING)
    async with world.session() as session:
        claim = "UPDATE tasks SET claim = gen_random_uuid(), claimed_until = now() + interval '1 min' WHERE id = :id"
        await session.execute(text(claim), {"id": id_})
    assert (await admin.post("/tasks/discard", json={"ids": [str(id_)]})).json() == {"number": 0}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": [str(uuid4())], "kind": "process-event"},
        {"failure": "TimeoutError"},
        {"ids": [str(uuid4())], "failure": "TimeoutError"},
        {"kind": "'; DROP TABLE tasks"},
        {"ids": [str(uuid4())] * 1001},
        {"all": True},
    ],
)
async def test_who_does_not_say_which_changes_none(admin: Client, body: dict[str, Any]) -> None:
    for deed in ("replay", "discard"):
        assert (await admin.post(f"/tasks/{deed}", json=body)).status_code == 422


async def test_others_than_staff_see_and_change_nothing(world: World) -> None:
    school = await world.school()
    (id_,) = await tasks(world, kind_of_its_own(), TaskState.SET_ASIDE)
    for who in (await world.school_admin(school), await world.service("lms", school), await world.public_reader()):
        for path in ("/tasks", f"/task/{id_}", "/task-groups", "/jobs"):
            assert (await who.get(path)).status_code == 403
        for deed in ("replay", "discard"):
            answer = await who.post(f"/tasks/{deed}", json={"ids": [str(id_)]})
            assert (answer.status_code, answer.json()["permission"]) == (403, deed)
    assert await state_of(world, id_) is TaskState.SET_ASIDE


async def test_staff_see_jobs_and_whether_they_are_late(admin: Client) -> None:
    jobs = (await admin.get("/jobs")).json()["data"]
    assert [each["name"] for each in jobs] == [job.name for job in SCHEDULE]
    assert all(each["late"] for each in jobs if each["last_done_at"] is None)


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command, beside the event loop of the tests."""
    monkeypatch.setattr(commands, "settings", lambda: settings)

    async def run(*arguments: object) -> Result:
        return await asyncio.to_thread(lambda: CliRunner().invoke(commands.app, [str(each) for each in arguments]))

    return run


async def test_terminal_does_the_same(world: World, run: Run) -> None:
    kind = kind_of_its_own()
    first, second = await tasks(world, kind, TaskState.SET_ASIDE, TaskState.SET_ASIDE, failure="ValueError")
    listed = await run("list", "--kind", kind, "--state", "set_aside")
    assert {json.loads(line)["id"] for line in listed.stdout.splitlines()} == {str(first), str(second)}
    assert json.loads((await run("show", first)).stdout)["failure"] == "ValueError"
    assert json.loads((await run("replay", first)).stdout) == {"number": 1}
    assert json.loads((await run("discard", "--kind", kind, "--failure", "ValueError")).stdout) == {"number": 2}
    assert kind not in (await run("groups")).stdout
    assert len((await run("jobs")).stdout.splitlines()) == len(SCHEDULE)
    for wrong in (["show", uuid4()], ["replay"], ["discard", "--failure", "ValueError"]):
        assert (await run(*wrong)).exit_code == 1
