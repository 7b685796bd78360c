"""What is done that concerns security leaves one row, in the transaction that did it."""

import ast
from pathlib import Path

import pytest

from app.accounts.models import UserAccountType
from app.accounts.service import Issuer, find_user, mint_token
from app.audit.actions import ACTIONS
from app.audit.models import Outcome
from app.core.errors import Invalid
from tests.audit.rows import actor_of, rows
from tests.schools.test_school_changes import path_of
from tests.world import World

APP = Path(__file__).parents[2] / "app"


async def test_change_of_a_schools_state_is_on_record(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    for status in ("inactive", "inactive", "active"):
        assert (await admin.patch(path_of(school), json={"status": status})).status_code == 200
    found = await rows(world, actor=actor_of(admin))
    assert [(row.action, row.details, row.outcome) for row in found] == [
        ("school.state_changed", {"state": "inactive"}, Outcome.DONE),
        ("school.state_changed", {"state": "active"}, Outcome.DONE),
    ]
    assert {(row.subject, row.school_id) for row in found} == {
        (f"school:{school.wriveted_identifier}", school.wriveted_identifier)
    }


async def test_accepted_terms_are_on_record_with_who_accepted_them(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    terms = {"terms_acceptance": {"huey_books": {"version": "2"}}}
    for body in ({"info": terms}, {"info": terms}, {"lms_type": "Oliver"}):
        assert (await admin.patch(path_of(school), json=body)).status_code == 200
    (row,) = await rows(world, actor=actor_of(admin))
    assert (row.action, row.details) == ("school.terms_accepted", {"version": "2"})


async def test_deletion_of_a_school_is_on_record_and_outlives_it(world: World) -> None:
    school, admin = await world.school(), await world.admin()
    assert (await admin.delete(path_of(school))).status_code == 200
    (row,) = await rows(world, subject=f"school:{school.wriveted_identifier}")
    assert (row.action, row.actor) == ("school.deleted", actor_of(admin))


async def test_change_that_is_refused_leaves_no_row_of_a_deed(world: World) -> None:
    school = await world.school()
    admin = await world.school_admin(school)
    answer = await admin.patch(path_of(school), json={"status": "inactive", "info": {"location": None}})
    assert answer.status_code == 422
    assert await rows(world, actor=actor_of(admin)) == []


async def test_minted_token_is_on_record_without_the_reason_or_the_token(world: World) -> None:
    reader = await world.public_reader()
    issuer = Issuer.of(world.database.settings)
    async with world.session() as session:
        holder = await find_user(session, str(reader.id))
        assert holder.type is UserAccountType.PUBLIC
        token = await mint_token(session, None, issuer, holder, reason="Kim's mother called")
    (row,) = await rows(world, subject=actor_of(reader))
    assert (row.action, row.actor, row.details) == ("token.minted", None, {"hours": 1.0})
    assert token


async def test_token_that_is_not_minted_is_not_on_record(world: World) -> None:
    reader = await world.public_reader()
    issuer = Issuer.of(world.database.settings)
    async with world.session() as session:
        holder = await find_user(session, str(reader.id))
        with pytest.raises(Invalid):
            await mint_token(session, None, issuer, holder, lifetime=issuer.settings.service_token_lifetime)
    assert await rows(world, subject=actor_of(reader)) == []


def test_every_action_that_is_written_is_a_word_of_the_audit() -> None:
    written: set[str] = set()
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) in ("note", "_note", "on_record"):
                written |= {each.value for each in node.args if _is_action(each)}
    assert written >= {"school.state_changed", "token.minted"}
    assert written - ACTIONS.keys() == set(), "add it to app/audit/actions.py"
    assert list(ACTIONS) == sorted(ACTIONS)


def _name(function: ast.expr) -> str:
    return getattr(function, "attr", getattr(function, "id", ""))


def _is_action(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and "." in node.value
