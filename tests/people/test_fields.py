"""Every field of everybody, by every writer: what the independent table grants is written, nothing else."""

from typing import Any
from uuid import uuid4

import pytest

from tests.oracle.oracle import decide, permissions
from tests.people.cast import KINDS, Cast, Writer, cast, faults, stored
from tests.world import World

NAMES = {"class_group": "class_group_id", "school": "school_id"}
"""Fields that the table calls otherwise than the API."""
RELATIONS = (
    *("self", "parent", "supporter", "child", "educator", "school admin", "student", "lms", "library"),
    *("other educator", "other school admin", "other student", "other lms", "other library", "admin", "backend"),
)


def value_of(field: str, kind: str, here: Cast) -> Any:
    """Something to write that changes no right, so that one write does not bear on the next."""
    return {
        "name": "Somebody Else",
        "first_name": "Some",
        "last_name_initial": "E",
        "huey_attributes": {"age": 8},
        "newsletter": True,
        "username": f"calm-heron-{uuid4().hex[:8]}",
        "class_group": str(here.group.id),
        "email": f"{uuid4().hex}@example.com",
        "is_active": True,
        "type": KINDS[kind],
        "school": str(here.school.wriveted_identifier),
        "info": {"sign_in_provider": "google.com"},
    }[field]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_field_is_written_by_whom_the_table_lets_and_by_nobody_else(world: World, kind: str) -> None:
    here = await cast(world, kind)
    assert here.writers.keys() == set(RELATIONS)
    written = 0
    for relation in RELATIONS:
        writer = here.writers[relation]
        for field in permissions(f"{kind}.fields"):
            written += await check_field(world, kind, here, writer, field, relation)
    assert written >= 2 * 12, "administrators write everything"


async def check_field(world: World, kind: str, here: Cast, writer: Writer, field: str, relation: str) -> bool:
    before = await stored(world, here.somebody.id)
    name = NAMES.get(field, field)
    answer = await writer.client.patch(f"/user/{here.somebody.id}", json={name: value_of(field, kind, here)})
    at = (kind, relation, field, answer.text)
    may_update = decide(kind, "update", writer.account, here.row)
    granted = may_update and decide(f"{kind}.fields", field, writer.account, here.row)
    if granted:
        assert answer.status_code == 200 or faults(answer) == [(f"/{name}", "not_applicable")], at
        return True
    assert answer.status_code == 403, at
    assert answer.json()["code"] == ("field_forbidden" if may_update else "permission_missing"), at
    assert faults(answer) == ([(f"/{name}", "field_forbidden")] if may_update else []), at
    assert await stored(world, here.somebody.id) == before, at
    return False


@pytest.mark.parametrize("kind", ["Student", "PublicReader"])
async def test_a_child_is_linked_with_a_parent_by_the_school_or_an_administrator(world: World, kind: str) -> None:
    here = await cast(world, kind)
    parent = await world.parent()
    for relation in RELATIONS:
        writer = here.writers[relation]
        answer = await writer.client.patch(f"/user/{here.somebody.id}", json={"parent_id": str(parent.id)})
        granted = relation in ("admin", "backend") or (kind, relation) == ("Student", "school admin")
        assert answer.status_code == (200 if granted else 403), (relation, answer.text)


async def test_one_forbidden_field_keeps_the_others_from_being_written(world: World) -> None:
    here = await cast(world, "Student")
    before = await stored(world, here.somebody.id)
    body = {"first_name": "Max", "type": "school_admin", "school_id": str(uuid4()), "is_active": False, "username": "x"}
    answer = await here.somebody.patch(f"/user/{here.somebody.id}", json=body)
    assert answer.status_code == 403
    assert faults(answer) == [
        (f"/{name}", "field_forbidden") for name in ("is_active", "school_id", "type", "username")
    ]
    assert await stored(world, here.somebody.id) == before


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "WrivetedAdmin"])
@pytest.mark.parametrize("wanted", KINDS.values())
async def test_nobody_makes_themselves_anything(world: World, kind: str, wanted: str) -> None:
    here = await cast(world, kind)
    body = {"type": wanted, "school_id": str(here.other_school.wriveted_identifier)}
    answer = await here.somebody.patch(f"/user/{here.somebody.id}", json=body)
    assert answer.status_code == 403
    assert (await stored(world, here.somebody.id))["user"]["type"] == KINDS[kind]


@pytest.mark.parametrize("relation", ["self", "parent", "educator", "school admin"])
async def test_an_address_is_changed_through_confirmation_only_and_the_refusal_says_so(
    world: World, relation: str
) -> None:
    """Or whoever reads a mailbox could be given somebody's account before they come."""
    here = await cast(world, "Student")
    answer = await here.writers[relation].client.patch(
        f"/user/{here.somebody.id}", json={"email": "victim@example.com"}
    )
    assert answer.status_code == 403
    assert "confirmation" in answer.json()["errors"][0]["detail"]


async def test_a_school_admin_deactivates_staff_and_students_but_not_themselves(world: World) -> None:
    school = await world.school()
    group = await world.class_group(school)
    chief = await world.school_admin(school)
    for person in (await world.student(group), await world.educator(school), await world.school_admin(school)):
        assert (await chief.patch(f"/user/{person.id}", json={"is_active": False})).status_code == 200
        assert (await person.get("/auth/me")).status_code == 401
    answer = await chief.patch(f"/user/{chief.id}", json={"is_active": False})
    assert faults(answer) == [("/is_active", "field_forbidden")]
