"""What an API key opens: every operation x every scope, and beyond scopes exactly what its account may do."""

from typing import Any

import pytest

from app.core.scopes import Scope
from tests.api.expectations import EXPECTED
from tests.api.operations import GUARDED, Operation
from tests.api.targets import Archetype, Row, Target, call, targets
from tests.api.test_access_over_http import expected_status, objection
from tests.world import Client, World

BOOKS = ("authors", "editions", "illustrators", "labels", "merges", "recommendations", "search", "works")
OWN = ("booklists", "classes", "collections", "events", "schools", "webhooks")
AREAS = {area: area for area in OWN} | dict.fromkeys(BOOKS, "books")
"""Written from the task: an operation's name begins with its domain."""
READING = {"labels_compare", "recommendations_recommend"}
FOR_ANY_KEY = {"sign_in_get_current_account", "access_explain"}
NOT_FOR_ADMINS = {"collections_log_activity"}
"""What a child reads is noted by the child, the parents and the school alone."""
KEY_KINDS = [
    Archetype("backend", "backend"),
    Archetype("lms", "lms", has_schools=True),
    Archetype("lms without schools", "lms"),
    Archetype("lms vendor", "lms", vendor=True),
    Archetype("library", "school", has_schools=True),
    Archetype("kiosk", "kiosk", has_schools=True),
]


def needed(operation: Operation) -> str | None:
    """The scope that an operation needs; None where no key opens it."""
    area = AREAS.get(operation.name.partition("_")[0])
    deed = "read" if operation.method == "GET" or operation.name in READING else "write"
    return None if area is None else f"{area}:{deed}"


OPEN = [operation for operation in GUARDED if needed(operation) is not None]
CLOSED = [operation for operation in GUARDED if needed(operation) is None and operation.name not in FOR_ANY_KEY]


def test_scopes_that_can_be_given_are_those_of_areas() -> None:
    assert set(Scope) == {f"{area}:{deed}" for area in AREAS.values() for deed in ("read", "write")}
    assert len(OPEN) > 25
    assert len(CLOSED) > 9


async def sent(client: Client, operation: Operation, target: Target) -> Any:
    asked = EXPECTED[operation.name]
    body, query = (None, None) if asked is None else (asked.body(target), asked.query(target))
    return await call(client, operation, target, body, query)


@pytest.mark.parametrize("scope", Scope)
async def test_a_key_opens_the_doors_of_its_scope_and_no_other(world: World, scope: Scope) -> None:
    """Even that of an administrator, whom nothing else holds back."""
    key = await world.key(await world.service("backend"), scope)
    for operation, target in zip(GUARDED, await targets(world, len(GUARDED)), strict=True):
        answer = await sent(key, operation, target)
        if needed(operation) == scope and operation.name in NOT_FOR_ADMINS:
            assert answer.json()["code"] == "permission_missing", f"{operation}: {answer.text}"
            continue
        if operation.name in FOR_ANY_KEY or needed(operation) == scope:
            assert answer.status_code in (200, 204, 404), f"{operation}: {answer.text}"
            continue
        assert answer.status_code == 403, f"{operation}: {answer.text}"
        assert (answer.json()["code"], answer.json()["scope"]) == ("scope_missing", needed(operation)), operation


async def test_no_key_opens_the_doors_of_people_and_credentials(world: World) -> None:
    key = await world.key(await world.service("backend"))
    (target,) = await targets(world, 1)
    for operation in CLOSED:
        answer = await sent(key, operation, target)
        assert answer.status_code == 403, operation
        assert (answer.json()["code"], answer.json()["scope"]) == ("scope_missing", None)


@pytest.mark.parametrize("operation", GUARDED, ids=str)
def test_an_operation_documents_its_scope(operation: Operation) -> None:
    described = operation.described
    schemes = {name for scheme in described["security"] for name in scheme}
    assert described.get("x-required-scope") == needed(operation)
    assert schemes == ({"HTTPBearer"} if operation in CLOSED else {"HTTPBearer", "ApiKey"})


async def objections(client: Client, account: Row, aims: list[tuple[Operation, Target]]) -> list[str]:
    found = []
    for operation, target in aims:
        asked = EXPECTED[operation.name]
        answer = await sent(client, operation, target)
        found.append(objection(operation, asked, expected_status(operation, asked, account, target), answer))
    return [fault for fault in found if fault]


@pytest.mark.parametrize("archetype", KEY_KINDS, ids=str)
async def test_a_key_with_every_scope_is_answered_as_its_account_is(world: World, archetype: Archetype) -> None:
    made = await targets(world, 2 * len(OPEN))
    aims = list(zip(OPEN * 2, made, strict=True))
    own = [school for target in made[: len(OPEN)] for school in (target.school, target.bare_school)]
    owner = await archetype.client(world, own)
    assert await objections(await world.key(owner), archetype.values(owner.id, own), aims) == []


@pytest.mark.parametrize("archetype", [each for each in KEY_KINDS if each.has_schools or each.vendor], ids=str)
async def test_a_narrowed_key_is_answered_as_an_account_of_these_schools_alone(
    world: World, archetype: Archetype
) -> None:
    """A vendor's key too, although its account serves every school."""
    made = await targets(world, 2 * len(OPEN))
    aims = list(zip(OPEN * 2, made, strict=True))
    schools = [school for target in made for school in (target.school, target.bare_school)]
    kept = schools[: 2 * len(OPEN)]
    owner = await archetype.client(world, schools)
    key = await world.key(owner, school_ids=kept)
    account = {"kind": archetype.kind, "id": owner.id, "active": True, "schools": kept, "vendor": False}
    assert await objections(key, account, aims) == []
