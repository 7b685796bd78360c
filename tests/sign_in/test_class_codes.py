"""Signing in and joining a class by its code: what opens the door, and that every refusal is the same."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import event, func, select

from app.accounts.models import Student, User
from app.audit.models import AuditRow
from app.classes.models import ClassGroup
from app.core.db import Database
from app.events.models import Event, EventLevel
from app.schools.models import School, SchoolState
from tests.world import Client, World

SIGN_IN, REGISTER = "/v1/auth/class-code", "/v1/auth/register-student"


@dataclass(frozen=True)
class Room:
    """A class whose code is known, with one pupil."""

    school: School
    educator: Client
    id: UUID
    code: str
    pupil: Client
    username: str


@pytest_asyncio.fixture(loop_scope="session")
async def room(world: World) -> Room:
    return await make_room(world)


async def make_room(world: World) -> Room:
    school = await world.school()
    educator = await world.educator(school)
    created = (await educator.post(f"/school/{school.wriveted_identifier}/class", json={"name": "3B"})).json()
    username = f"MerryOtter{uuid4().hex[:6]}"
    async with world.session() as session:
        group = await session.get_one(ClassGroup, UUID(created["id"]))
    pupil = await world.student(group, username=username)
    return Room(school, educator, group.id, created["join_code"], pupil, username)


async def sign_in(world: World, username: str, code: str) -> httpx.Response:
    return await world.http.post(SIGN_IN, json={"username": username, "class_joining_code": code})


async def register(world: World, room: Room, **body: Any) -> httpx.Response:
    given = {"school_id": str(room.school.wriveted_identifier), "class_joining_code": room.code, **body}
    return await world.http.post(REGISTER, json=given)


def speaking(world: World, token: str) -> Client:
    return Client(world.http, uuid4(), token)


async def test_a_pupil_signs_in_with_name_and_code(world: World, room: Room) -> None:
    answer = await sign_in(world, room.username, room.code)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"access_token", "token_type"}
    me = speaking(world, answer.json()["access_token"])
    assert (await me.get(f"/class/{room.id}")).json()["join_code"] == room.code
    claims = world.tokens.read(answer.json()["access_token"])
    assert claims.expires_at - claims.issued_at <= timedelta(hours=12)
    assert claims.session is not None
    async with world.session() as session:
        assert (await session.get_one(User, room.pupil.id)).last_login_at is not None
        noted = select(Event.title, Event.level).where(Event.user_id == room.pupil.id)
        assert (await session.execute(noted)).all() == [("User logged in", EventLevel.DEBUG)]
        subject = f"user:{room.pupil.id}"
        audited = (await session.scalars(select(AuditRow).where(AuditRow.subject == subject))).one()
        assert (audited.action, audited.details["method"]) == ("sign_in.succeeded", "class_code")


@pytest.mark.parametrize(
    "typed", [str.lower, " {} ".format, lambda code: f"{code[:3]}-{code[3:]}", lambda code: " ".join(code.lower())]
)
async def test_case_spaces_and_dashes_do_not_matter(world: World, room: Room, typed: Callable[[str], str]) -> None:
    assert (await sign_in(world, f" {room.username.upper()} ", typed(room.code))).status_code == 200


async def test_the_code_of_another_class_of_the_school_will_do(world: World, room: Room) -> None:
    path = f"/school/{room.school.wriveted_identifier}/class"
    other = (await room.educator.post(path, json={"name": "4A"})).json()
    assert (await sign_in(world, room.username, other["join_code"])).status_code == 200


async def test_a_rotated_code_is_worth_nothing_and_the_new_one_at_once_everything(world: World, room: Room) -> None:
    new = (await room.educator.post(f"/class/{room.id}/rotate-code")).json()["join_code"]
    assert (await sign_in(world, room.username, room.code)).status_code == 401
    assert (await sign_in(world, room.username, new)).status_code == 200


async def spoil(world: World, room: Room, what: str) -> None:
    """Make the room such that the right name and the right code do not open it."""
    async with world.session() as session:
        group, student = await session.get_one(ClassGroup, room.id), await session.get_one(Student, room.pupil.id)
        school = await session.get_one(School, room.school.wriveted_identifier)
        match what:
            case "pupil is not active":
                student.is_active = False
            case "pupil has no class":
                student.class_group_id = None
            case "code has expired":
                group.join_code_expires_at = datetime.now(UTC) - timedelta(seconds=1)
            case "school is inactive":
                school.state = SchoolState.INACTIVE
            case "school is pending":
                school.state = SchoolState.PENDING


SPOILT = ("pupil is not active", "pupil has no class", "code has expired", "school is inactive", "school is pending")


async def refusals(world: World) -> AsyncIterator[tuple[str, httpx.Response]]:
    """Every way of being wrong, and its answer."""
    room, other = await make_room(world), await make_room(world)
    yield "code is unknown", await sign_in(world, room.username, "222222")
    yield "code is no code", await sign_in(world, room.username, "-")
    yield "name is unknown", await sign_in(world, f"x{uuid4().hex}", room.code)
    yield "code is of another school", await sign_in(world, room.username, other.code)
    for what in SPOILT:
        spoilt = await make_room(world)
        await spoil(world, spoilt, what)
        yield what, await sign_in(world, spoilt.username, spoilt.code)
    yield "joining: code is unknown", await register(world, room, class_joining_code="222222")
    yield "joining: code is of another school", await register(world, room, class_joining_code=other.code)
    yield "joining: school does not exist", await register(world, room, school_id=str(uuid4()))
    for what in SPOILT[2:]:
        spoilt = await make_room(world)
        await spoil(world, spoilt, what)
        yield f"joining: {what}", await register(world, spoilt)


async def test_every_refusal_is_the_same(world: World) -> None:
    shown = {}
    async for what, answer in refusals(world):
        body = {**answer.json(), "request_id": ""}
        headers = {name: value for name, value in answer.headers.items() if name not in ("x-request-id", "ratelimit")}
        shown[what] = (answer.status_code, body, headers)
    assert len(shown) == 15
    assert {what: each for what, each in shown.items() if each != shown["code is unknown"]} == {}
    status, body, headers = shown["code is unknown"]
    assert (status, body["code"], headers["www-authenticate"]) == (401, "not_authenticated", "Bearer")


async def test_every_refused_sign_in_runs_the_same_statements(world: World, database: Database) -> None:
    room, other = await make_room(world), await make_room(world)
    spoilt = [await make_room(world) for _ in SPOILT]
    for each, what in zip(spoilt, SPOILT, strict=True):
        await spoil(world, each, what)
    sent: list[list[str]] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent[-1].append(statement)

    event.listen(database.engine.sync_engine, "before_cursor_execute", note)
    try:
        counts = []
        for username, code in (
            (room.username, "222222"),
            ("nobody", room.code),
            (room.username, other.code),
            *((each.username, each.code) for each in spoilt),
        ):
            sent.append([])
            counts.append(await world.count_statements(sign_in(world, username, code)))
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", note)
    assert all(each == sent[0] for each in sent)
    assert [statement.split()[0] for statement in sent[0]] == ["SELECT", "INSERT"], "the pupil, and the audit"
    assert len(set(counts)) == 1


@pytest.mark.parametrize(
    ("path", "change", "pointer"),
    [
        (SIGN_IN, {"username": ""}, "/username"),
        (SIGN_IN, {"username": "x" * 101}, "/username"),
        (SIGN_IN, {"username": "a\0"}, "/username"),
        (SIGN_IN, {"class_joining_code": ""}, "/class_joining_code"),
        (SIGN_IN, {"class_joining_code": "x" * 41}, "/class_joining_code"),
        (SIGN_IN, {"class_joining_code": 7}, "/class_joining_code"),
        (SIGN_IN, {"school_id": str(uuid4())}, "/school_id"),
        (REGISTER, {"last_name_initial": "KK"}, "/last_name_initial"),
        (REGISTER, {"first_name": "x" * 101}, "/first_name"),
        (REGISTER, {"school_id": "1"}, "/school_id"),
        (REGISTER, {"username": "x"}, "/username"),
        (REGISTER, {"type": "school_admin"}, "/type"),
    ],
)
async def test_what_is_malformed_is_said_so(world: World, path: str, change: dict[str, Any], pointer: str) -> None:
    good = {"username": "x"} if path == SIGN_IN else {"school_id": str(uuid4()), "first_name": "Kim"}
    answer = await world.http.post(path, json={**good, "class_joining_code": "222222", **change})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


async def test_a_child_joins_a_class_and_signs_in(world: World, room: Room) -> None:
    answer = await register(world, room, first_name=" Kim ", last_name_initial="k")
    assert answer.status_code == 200, answer.text
    joined = answer.json()
    assert joined == joined | {"type": "student", "name": "Kim K", "first_name": "Kim", "last_name_initial": "K"}
    assert joined["school"]["wriveted_identifier"] == str(room.school.wriveted_identifier)
    assert "access_token" not in joined
    assert "kim" not in joined["username"].lower()
    signed_in = await sign_in(world, joined["username"], room.code)
    me = speaking(world, signed_in.json()["access_token"])
    assert {"first_name": "Kim", "last_name_initial": "K"} in (await me.get(f"/class/{room.id}")).json()["students"]
    async with world.session() as session:
        student = await session.get_one(Student, UUID(joined["id"]))
        assert (student.class_group_id, student.school_id) == (room.id, room.school.wriveted_identifier)
        assert (student.is_active, student.email, student.newsletter) == (True, None, False)
        titles = select(Event.title).where(Event.user_id == student.id, Event.level == EventLevel.NORMAL)
        assert (await session.scalars(titles)).all() == ["Student account created"]
        noted = select(AuditRow.action).where(AuditRow.subject == f"user:{student.id}")
        assert set(await session.scalars(noted)) == {"user.created", "sign_in.succeeded"}


@pytest.mark.parametrize("names", [{}, {"first_name": None, "last_name_initial": " "}])
async def test_a_child_needs_no_name(world: World, room: Room, names: dict[str, Any]) -> None:
    joined = (await register(world, room, **names)).json()
    assert (joined["first_name"], joined["last_name_initial"]) == (None, None)
    assert joined["name"] == joined["username"]


async def test_a_class_of_35_joins_at_once(world: World, room: Room) -> None:
    answers = await asyncio.gather(*(register(world, room, first_name="Kim") for _ in range(35)))
    assert [answer.status_code for answer in answers] == [200] * 35
    assert len({answer.json()["username"].lower() for answer in answers}) == 35
    assert (await room.educator.get(f"/class/{room.id}")).json()["student_count"] == 36


async def test_names_that_are_drawn_twice_at_once_clash_for_nobody(
    world: World, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three draw each name: whoever loses it to another draws again, and nothing of the first draw is left."""
    drawn = (f"Wombat{number // 3}" for number in range(1_000))

    async def draw(*_: Any) -> str:
        return next(drawn)

    monkeypatch.setattr("app.sign_in.class_codes.unused_username", draw)
    answers = await asyncio.gather(*(register(world, room) for _ in range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    async with world.session() as session:
        here = select(func.count()).select_from(Student.__table__).where(Student.__table__.c.class_group_id == room.id)
        assert (await session.scalars(here)).one() == 11
        users, readers = User.__table__, Student.__table__
        zombies = (
            select(func.count())
            .select_from(users.outerjoin(readers, users.c.id == readers.c.id))
            .where(users.c.type == "student", readers.c.id.is_(None))
        )
        assert (await session.scalars(zombies)).one() == 0


async def test_a_class_takes_a_hundred_new_pupils_an_hour(world: World, room: Room) -> None:
    for batch in (50, 50):
        answers = await asyncio.gather(*(register(world, room) for _ in range(batch)))
        assert {answer.status_code for answer in answers} == {200}
    refused = await register(world, room)
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert 0 < int(refused.headers["retry-after"]) <= 3600
