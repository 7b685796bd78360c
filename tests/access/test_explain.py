"""An explanation says what the rules say, to those who may know."""

from itertools import chain
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.access.resources import find, models
from app.access.service import Question, explain_access
from app.accounts.models import User
from app.collections.models import Collection, CollectionItem
from app.core.account import Account
from app.core.acl import explain, may
from app.core.db import Database
from app.core.errors import NotFound
from app.core.resources import snake, subject_of
from app.core.scopes import Scope
from app.events.models import Event, EventLevel
from app.schools.models import School, SchoolState
from tests.access.test_matrix import accounts, build
from tests.collections.shelves import library
from tests.oracle import oracle
from tests.schools.test_school_changes import path_of
from tests.world import HOUR, Client, World


async def ask(client: Client, permission: str, resource: str, id_: Any, **query: str) -> dict[str, Any]:
    answer = await client.get("/access/explain", params=question(permission, resource, id_) | query)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def question(permission: str, resource: str, id_: Any) -> dict[str, str]:
    return {"permission": permission, "resource": resource, "id": str(id_)}


async def test_explanation_agrees_with_the_decision_for_everybody_and_everything(session: AsyncSession) -> None:
    """The rule that is named is the first that holds: without it, something else decides."""
    world = await build(session)
    for account in accounts(world):
        await session.execute(select(1))  # a transaction that is idle for long is ended
        held = oracle.principals(account)
        for each in world.resources:
            for permission in oracle.permissions(each.name):
                told = explain(each.object, permission, held)
                assert told.allowed == may(each.object, permission, held), (account, each.name, permission)
                assert (told.rule is None) == (told.decided_by is None)
                if told.decided_by is not None:
                    assert told.decided_by[1] in held
                    assert told.allowed == (told.decided_by[0] == "Allow")


async def test_every_resource_is_found_as_its_rules_need_it_and_explained_to_who_reads_it(
    session: AsyncSession, world: World
) -> None:
    """By its own name, that of what it is a kind of, and in snake case; nobody else hears that it exists."""
    made = await build(session)
    ids = {(each.model, each.key) for each in made.resources}
    await session.flush()
    session.expunge_all()
    claims = world.tokens.read(world.tokens.issue("user-account", uuid4(), HOUR))
    for model, key in ids:
        found = await find(session, model, str(key))
        assert type(found) is model
        assert not issubclass(model, User) or type(await find(session, User, str(key))) is model
        assert subject_of(found) == f"{snake(User.__name__ if issubclass(model, User) else model.__name__)}:{key}"
    answered = set()
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for account in accounts(made):
        by_kind.setdefault(account["kind"], []).append(account)
    for account in chain.from_iterable(by_kind[kind][:3] for kind in ("educator", "lms", "parent", "public_reader")):
        held = frozenset(oracle.principals(account))
        caller = Account("user", account["id"], "", "", held, claims)
        for each in made.resources:
            permission = oracle.permissions(each.name)[-1]
            asked = Question(permission, snake(each.name), str(each.key), None)
            if oracle.decide(each.name, "read", account, each.row):
                told = await explain_access(session, caller, asked)
                assert told.allowed == oracle.decide(each.name, permission, account, each.row)
                assert told.resource == each.name
                answered.add(each.name)
            else:
                with pytest.raises(NotFound, match="There is no such object"):
                    await explain_access(session, caller, asked)
    assert answered >= {"School", "Collection", "CollectionItem", "Work", "Edition", "Student", "Event", "Educator"}


def test_resources_are_all_that_have_rules() -> None:
    assert models().keys() >= {
        "School",
        "ClassGroup",
        "Collection",
        "CollectionItem",
        "Work",
        "Edition",
        "Author",
        "Illustrator",
        "LabelSet",
        "User",
        "Student",
        "SchoolAdmin",
        "ServiceAccount",
        "Event",
        "SignInSession",
    }


async def test_library_system_learns_which_rule_lets_it_update(world: World) -> None:
    mine = await library(world)
    school = mine.school.wriveted_identifier
    await mine.replace([])
    told = await ask(mine.lms, "update", "Collection", await mine.id())
    assert told == {
        "allowed": True,
        "resource": "Collection",
        "id": str(await mine.id()),
        "permission": "update",
        "account": f"service_account:{mine.lms.id}",
        "decided_by": {
            "action": "allow",
            "principal": "lms:{school_id}",
            "permissions": ["create", "read", "update", "batch"],
            "held": f"lms:{school}",
        },
        "did_not_match": [
            {"action": "allow", "principal": "role:admin", "permissions": ["*"]},
            {"action": "allow", "principal": "schooladmin:{school_id}", "permissions": ["*"]},
        ],
        "principals": sorted(["system:everyone", "system:authenticated", "role:lms", f"lms:{school}"]),
        "scopes": None,
    }


async def test_permission_that_no_rule_gives_is_explained_by_the_rules_that_could(world: World) -> None:
    mine = await library(world)
    await mine.replace([])
    told = await ask(mine.lms, "delete", "collection", await mine.id())
    assert (told["allowed"], told["decided_by"]) == (False, None)
    assert [rule["principal"] for rule in told["did_not_match"]] == [
        "role:admin",
        "schooladmin:{school_id}",
        "user:{user_id}",
        "parent:{user_id}",
    ]


async def test_rule_that_denies_is_named(world: World) -> None:
    school = await world.school()
    student = await world.student(await world.class_group(school))
    told = await ask(student, "update", "School", school.wriveted_identifier)
    assert (told["allowed"], told["decided_by"]["action"], told["decided_by"]["held"]) == (
        False,
        "deny",
        "role:student",
    )


async def test_holding_is_explained_by_the_rules_of_its_collection(world: World) -> None:
    mine = await library(world)
    await mine.replace([{"info": {"title": "Our School"}}])
    async with world.session() as session:
        item = await session.scalar(select(CollectionItem.id).where(CollectionItem.collection_id == await mine.id()))
    told = await ask(mine.lms, "update", "CollectionItem", item)
    assert (told["allowed"], told["decided_by"]["principal"]) == (True, "lms:{school_id}")


async def test_rule_with_a_condition_that_does_not_hold_did_not_match(world: World) -> None:
    reader = await world.public_reader()
    supporter = await world.supporter(reader)
    event = Event(id=uuid4(), title="Huey: Book reviewed", level=EventLevel.NORMAL, user_id=reader.id)
    async with world.session() as session:
        session.add(event)
    told = await ask(await world.admin(), "read", "Event", event.id, account=f"user:{supporter.id}")
    assert (told["allowed"], told["decided_by"]) == (False, None)
    assert told["did_not_match"][-1]["principal"] == "supporter:{user_id}"
    assert f"supporter:{reader.id}" in told["principals"]


async def test_what_may_not_be_read_is_answered_as_what_does_not_exist(world: World) -> None:
    school, reader = await world.school(), await world.public_reader()
    hidden = await reader.get("/access/explain", params=question("read", "School", school.wriveted_identifier))
    missing = await reader.get("/access/explain", params=question("read", "School", uuid4()))
    assert (hidden.status_code, missing.status_code) == (404, 404)
    assert _without_id(hidden.json()) == _without_id(missing.json())
    assert hidden.headers.keys() == missing.headers.keys()


def _without_id(problem: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in problem.items() if name != "request_id"}


async def test_admin_is_told_of_everything_for_everybody(world: World) -> None:
    mine, admin = await library(world), await world.admin()
    school = mine.school.wriveted_identifier
    for client, kind in ((mine.lms, "service_account"), (await world.educator(mine.school), "user")):
        told = await ask(admin, "update", "School", school, account=f"{kind}:{client.id}")
        own = await ask(client, "update", "School", school)
        assert told == own
    stranger = await world.educator(await world.school())
    told = await ask(admin, "read", "School", school, account=f"user:{stranger.id}")
    assert (told["allowed"], told["account"]) == (False, f"user:{stranger.id}")
    assert (await ask(admin, "delete", "School", school))["decided_by"]["held"] == "role:admin"


async def test_account_that_is_not_active_holds_next_to_nothing(world: World) -> None:
    mine, admin = await library(world), await world.admin()
    school = mine.school.wriveted_identifier
    student = await world.student(await world.class_group(mine.school))
    async with world.session() as session:
        await session.execute(
            update(School).where(School.wriveted_identifier == school).values(state=SchoolState.INACTIVE)
        )
    told = await ask(admin, "read", "School", school, account=f"user:{student.id}")
    assert (told["allowed"], told["principals"]) == (False, ["system:everyone"])
    await admin.delete(f"/service-account/{mine.lms.id}")
    told = await ask(admin, "read", "School", school, account=f"service_account:{mine.lms.id}")
    assert (told["allowed"], told["principals"]) == (False, ["system:everyone"])


@pytest.mark.parametrize("kind", ["user", "service_account"])
async def test_account_that_does_not_exist_is_not_found(world: World, kind: str) -> None:
    school = await world.school()
    query = question("read", "School", school.wriveted_identifier) | {"account": f"{kind}:{uuid4()}"}
    assert (await (await world.admin()).get("/access/explain", params=query)).status_code == 404


async def test_nobody_else_asks_about_another_account(world: World) -> None:
    school = await world.school()
    admin_of_school, educator = await world.school_admin(school), await world.educator(school)
    query = question("read", "School", school.wriveted_identifier)
    answer = await admin_of_school.get("/access/explain", params=query | {"account": f"user:{educator.id}"})
    assert (answer.status_code, answer.json()["code"]) == (403, "field_forbidden")
    assert answer.json()["errors"][0]["pointer"] == "/query/account"
    own = await admin_of_school.get("/access/explain", params=query | {"account": f"user:{admin_of_school.id}"})
    assert own.status_code == 200


async def test_key_asks_about_itself_and_is_told_what_else_narrows_it(world: World) -> None:
    school, other = await world.school(), await world.school()
    lms = await world.lms(school, other)
    key = await world.key(lms, Scope.SCHOOLS_READ, school_ids=[school.wriveted_identifier])
    told = await ask(key, "update", "School", school.wriveted_identifier)
    assert (told["allowed"], told["account"]) == (True, f"service_account:{lms.id}")
    assert told["scopes"] == ["schools:read"]
    assert f"lms:{other.wriveted_identifier}" not in told["principals"]
    hidden = await key.get("/access/explain", params=question("read", "School", other.wriveted_identifier))
    assert hidden.status_code == 404


async def test_key_of_an_admin_asks_about_nobody_else(world: World) -> None:
    school, reader = await world.school(), await world.public_reader()
    key = await world.key(await world.service("backend"))
    query = question("read", "School", school.wriveted_identifier) | {"account": f"user:{reader.id}"}
    assert (await key.get("/access/explain", params=query)).json()["code"] == "field_forbidden"


@pytest.mark.parametrize(
    ("query", "place"),
    [
        (question("read", "Schule", uuid4()), "resource"),
        (question("read", "School", 7), "id"),
        (question("read", "Edition", "9780439023482"), "id"),
        (question("read", "CollectionItem", "x"), "id"),
        (question("READ", "School", uuid4()), "permission"),
        (question("read", "School", uuid4()) | {"account": "Kim"}, "account"),
        (question("read", "School", uuid4()) | {"account": f"parent:{UUID(int=0)}"}, "account"),
    ],
)
async def test_question_that_cannot_be_meant_is_refused(world: World, query: dict[str, str], place: str) -> None:
    answer = await (await world.admin()).get("/access/explain", params=query)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/query/{place}"]


@pytest.mark.parametrize("number", ["0", "-1", str(2**31), str(2**63), "9" * 60])
async def test_number_that_is_nobodys_is_not_found(world: World, number: str) -> None:
    admin = await world.admin()
    for resource in ("Work", "AuditRow"):
        assert (await admin.get("/access/explain", params=question("read", resource, number))).status_code == 404


async def test_refusal_leads_to_the_explanation(world: World) -> None:
    """The members of a refusal are the question to ask."""
    mine = await library(world)
    await mine.replace([])
    collection = await mine.id()
    refused = (await mine.lms.delete(f"/collection/{collection}")).json()
    told = await ask(mine.lms, refused["permission"], refused["resource"], collection)
    assert told["allowed"] is False
    page = await world.http.get("/docs/errors/permission_missing")
    assert "/v1/access/explain" in page.text
    assert (await mine.lms.get(path_of(await world.school()))).json()["resource"] == "School"


async def test_object_is_found_in_few_statements(world: World, database: Database) -> None:
    mine = await library(world)
    await mine.replace([])
    query = question("read", "Collection", await mine.id())
    assert await world.count_statements(mine.lms.get("/access/explain", params=query)) <= 3
    assert Collection.__name__ in models()
