"""Random histories of people against a model in memory: kinds and fields change, and what has to stay stays.

The model is written from the contract and the specification of access, and shares no code with the application. An
administrator and a school's admin write; each answer, and in the end each row, has to be what the model says.
"""

import asyncio
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text

from app.collections.models import Collection
from app.events.models import Event
from app.schools.models import School
from tests.people.cast import faults
from tests.world import Client, World

HISTORIES, STEPS, AT_ONCE = 200, 20, 8
SEED = 20261126
READER = ("first_name", "last_name_initial", "huey_attributes", "parent_id")
OWN: dict[str, tuple[str, ...]] = {
    "student": (*READER, "username", "school_id", "class_group_id"),
    "public": READER,
    "educator": ("school_id",),
    "school_admin": ("school_id",),
    "parent": (),
    "supporter": (),
    "wriveted": (),
}
SOME = tuple(OWN["student"])
TO_BE = {
    "student": ("first_name", "last_name_initial", "school_id", "class_group_id"),
    "public": ("first_name",),
    "educator": ("school_id",),
    "school_admin": ("school_id",),
}
BY_SCHOOL = {"name", "newsletter", "first_name", "last_name_initial", "huey_attributes"}
OF_STUDENTS = {"username", "class_group_id", "parent_id", "is_active"}
TABLES = {
    "student": {"readers", "students"},
    "public": {"readers", "public_readers"},
    "educator": {"educators"},
    "school_admin": {"educators", "school_admins"},
    "parent": {"parents"},
    "supporter": {"supporters"},
    "wriveted": {"wriveted_admins"},
}


@dataclass
class Stage:
    """What a history plays on: two schools with two classes each, parents, and who writes."""

    schools: list[School]
    classes: dict[str, list[str]]
    parents: list[str]
    admin: Client
    chief: Client


@dataclass
class Person:
    """Somebody as the model has them."""

    id: str
    shelf: UUID
    state: dict[str, Any]
    events: int = 0


def outcome(
    stage: Stage, person: Person, by_admin: bool, patch: dict[str, Any]
) -> tuple[int, set[str], dict[str, Any]]:
    """The status, the pointers of the faults, and what is so afterwards."""
    now, before = dict(person.state), person.state
    if not by_admin and (status := refusal(stage, before, patch)):
        return *status, before
    kind = patch.get("type", before["type"])
    now |= {name: None for name in SOME if name not in OWN[kind]} | patch
    wrong = {name for name, value in patch.items() if value is not None and name in SOME and name not in OWN[kind]}
    if kind in ("student", "public"):
        follow_name(now, before, patch)
    if now["school_id"] != before["school_id"] and "class_group_id" not in patch:
        now["class_group_id"] = None
    needed = set(TO_BE.get(kind, ()))
    if kind == before["type"]:
        needed -= {"class_group_id"}
    wrong |= {name for name in needed if now[name] is None}
    if not wrong and now["class_group_id"] and now["class_group_id"] not in stage.classes[now["school_id"]]:
        wrong = {"class_group_id"}
    return (422, wrong, before) if wrong else (200, set(), now)


def refusal(stage: Stage, before: dict[str, Any], patch: dict[str, Any]) -> tuple[int, set[str]] | None:
    """What the school's admin is told who may not write this."""
    ours = before["school_id"] == str(stage.schools[0].wriveted_identifier)
    if not ours or before["type"] not in ("student", "educator", "school_admin"):
        return 403, set()
    allowed = BY_SCHOOL | (OF_STUDENTS if before["type"] == "student" else {"is_active"})
    forbidden = set(patch) - allowed
    return (403, forbidden) if forbidden else None


def follow_name(now: dict[str, Any], before: dict[str, Any], patch: dict[str, Any]) -> None:
    if before["type"] not in ("student", "public"):
        words = now["name"].split()
        now["first_name"] = patch.get("first_name", words[0])
        now["last_name_initial"] = patch.get("last_name_initial", words[-1][0] if len(words) > 1 else None)
    elif "name" not in patch and before["name"] == joined(before):
        now["name"] = joined(now) or before["name"]


def joined(state: dict[str, Any]) -> str:
    return " ".join(part for part in (state["first_name"], state["last_name_initial"]) if part)


def random_patch(chance: random.Random, stage: Stage) -> dict[str, Any]:
    school = str(chance.choice(stage.schools).wriveted_identifier)
    classes = [group for groups in stage.classes.values() for group in groups]
    values: dict[str, Any] = {
        "name": chance.choice(["Kim K", "Max", "Robin Lee Rook"]),
        "newsletter": chance.random() < 0.5,
        "is_active": chance.random() < 0.7,
        "email": chance.choice([None, f"{uuid4().hex}@example.com"]),
        "first_name": chance.choice(["Kim", "Max", None]),
        "last_name_initial": chance.choice(["K", "Z", None]),
        "huey_attributes": chance.choice([None, {"age": 0}, {"goals": ["read"], "age": 9}]),
        "parent_id": chance.choice([None, *stage.parents]),
        "username": uuid4().hex,
        "school_id": school,
        "class_group_id": chance.choice([None, *classes, *stage.classes[school] * 4]),
        "type": chance.choice(list(OWN)),
    }
    if chance.random() < 0.35:
        names = ["type", *(["school_id", "class_group_id"] if chance.random() < 0.7 else [])]
        patch = {name: values[name] for name in names}
        return {name: value for name, value in patch.items() if value is not None}
    return {name: values[name] for name in chance.sample(list(values), chance.randint(1, 3))}


async def play(world: World, stage: Stage, number: int) -> list[Person]:
    """One history of three people."""
    chance = random.Random(SEED + number)
    people = [await born(world, stage, chance) for _ in range(3)]
    for step in range(STEPS):
        person, by_admin = chance.choice(people), chance.random() < 0.75
        patch = random_patch(chance, stage)
        caller = stage.admin if by_admin else stage.chief
        answer = await caller.patch(f"/user/{person.id}", json=patch)
        status, wrong, after = outcome(stage, person, by_admin, patch)
        at = (SEED + number, step, person.state, patch, answer.text)
        assert answer.status_code == status, at
        if status != 200:
            assert {pointer[1:] for pointer, _ in faults(answer)} == wrong, at
            continue
        learn_username(person, after, answer.json())
        person.events += after != person.state
        person.state = after
        compare(person.state, answer.json(), at)
    return people


def learn_username(person: Person, after: dict[str, Any], shown: dict[str, Any]) -> None:
    if after["type"] == "student" and after["username"] is None:
        assert shown["username"].count("-") == 2
        after["username"] = shown["username"]


def compare(state: dict[str, Any], shown: dict[str, Any], at: Any) -> None:
    own = ("type", "name", "newsletter", "is_active", *OWN[state["type"]])
    seen = dict(shown)
    seen["school_id"] = (shown.get("school") or {}).get("wriveted_identifier")
    seen["parent_id"] = (shown.get("parent") or {}).get("id")
    if shown.get("huey_attributes") is not None:
        said = {name: value for name, value in shown["huey_attributes"].items() if value is not None}
        seen["huey_attributes"] = said or None
    assert {name: seen[name] for name in own} == {name: state[name] for name in own}, at


async def born(world: World, stage: Stage, chance: random.Random) -> Person:
    kind = chance.choice(list(OWN))
    school = str(chance.choice(stage.schools).wriveted_identifier)
    body: dict[str, Any] = {"type": kind, "name": "Kim K", "email": f"{uuid4().hex}@example.com"}
    body |= {"school_id": school} if "school_id" in OWN[kind] else {}
    body |= {"class_group_id": stage.classes[school][0]} if kind == "student" else {}
    answer = await stage.admin.post("/user", json=body)
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    state = dict.fromkeys(SOME) | {"newsletter": False, "is_active": True, **body}
    if kind in ("student", "public"):
        state |= {"first_name": "Kim", "last_name_initial": "K", "username": shown.get("username")}
    async with world.session() as session:
        shelf = Collection(name="My shelf", user_id=UUID(shown["id"]))
        session.add(shelf)
    return Person(shown["id"], shelf.id, state, events=1)


async def set_stage(world: World) -> Stage:
    schools = [await world.school(), await world.school()]
    groups = {
        str(school.wriveted_identifier): [str((await world.class_group(school)).id) for _ in range(2)]
        for school in schools
    }
    parents = [str((await world.parent()).id) for _ in range(2)]
    return Stage(schools, groups, parents, await world.admin(), await world.school_admin(schools[0]))


async def test_histories_end_as_the_model_says(world: World) -> None:
    stage = await set_stage(world)
    people: list[Person] = []
    for start in range(0, HISTORIES, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, HISTORIES))
        played = await asyncio.gather(*(play(world, stage, number) for number in numbers))
        people += [person for history in played for person in history]
    assert len({person.state["type"] for person in people}) == len(OWN)
    await check_rows(world, people)


async def check_rows(world: World, people: list[Person]) -> None:
    """Everybody has the rows of their kind and no others, the shelf they began with, and an event for every change."""
    names = sorted(set().union(*TABLES.values()))
    union = " UNION ALL ".join(f"SELECT id, '{name}' AS name FROM {name}" for name in names)
    async with world.session() as session:
        rows: dict[str, set[str]] = {}
        for identifier, name in await session.execute(text(union)):
            rows.setdefault(str(identifier), set()).add(name)
        counted = select(Event.user_id, func.count()).where(Event.user_id.is_not(None)).group_by(Event.user_id)
        events = {str(identifier): number for identifier, number in await session.execute(counted)}
        shelves = dict((await session.execute(select(Collection.user_id, Collection.id))).all())
    for person in people:
        assert rows[person.id] == TABLES[person.state["type"]], person
        assert events[person.id] == person.events, person
        assert shelves[UUID(person.id)] == person.shelf, person


@pytest.mark.parametrize("fault", ["keeps the class", "forgets a need", "lets the school in"])
async def test_this_test_notices_a_model_that_is_wrong(
    world: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it agreed with anything, it would show nothing."""
    if fault == "keeps the class":
        monkeypatch.setitem(OWN, "public", (*READER, "class_group_id"))
    elif fault == "forgets a need":
        monkeypatch.setitem(TO_BE, "student", ("first_name", "last_name_initial", "school_id"))
    else:
        monkeypatch.setattr("tests.people.test_model.BY_SCHOOL", BY_SCHOOL | {"type"})
    stage = await set_stage(world)
    with pytest.raises((AssertionError, KeyError)):
        for number in range(40):
            await play(world, stage, number)
