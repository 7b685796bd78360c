"""The OpenAPI document tells integrators everything, and keeps what live clients were promised."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from app.core.errors import REGISTRY
from tests.api.expectations import ACCEPTED, EXPECTED, NO_CONTENT, PROVEN_IN_REQUEST
from tests.api.operations import OPERATIONS, Operation, document
from tests.api.shapes import Field, answer_schema, body_schema, fields, problem_statuses, untyped

CONTRACT = json.loads(Path(__file__).with_name("contract.json").read_text(encoding="utf-8"))
"""What today's clients rely on, for the operations that are served: `required` or `optional`, and whether null.

Left out are shapes of what this release does not keep: subscriptions, labels of new editions.
A class without a name was promised and always failed: the name is required.
"""
ALWAYS = {414, 422, 429, 431, 500, 503}
WITH_BODY = {400, 408, 413, 415}
FOR_EVERY_ACTIVE_ACCOUNT = {
    "sign_in_get_current_account",
    "accounts_get_service_accounts",
    "schools_find",
    "classes_find",
    "booklists_find",
    "labels_compare",
    "events_get_events",
    "events_create_event",
    "events_get_event_types",
    "access_explain",
    "users_get_users",
    "users_create_user",
    "webhooks_find",
}
"""Reviewed: guarded without a permission. Lists show what the caller may read; an event and a new user are judged by
what they say; what the caller may not read is explained to nobody but an admin."""
BY_OPERATION = {str(operation): operation for operation in OPERATIONS}
TAKING_BODIES = [operation for operation in OPERATIONS if "requestBody" in operation.described]


def keys(fact: dict[str, Any]) -> str:
    return f"{fact['method'].upper()} {fact['path']}"


async def test_document_is_served_as_openapi_3_1(http: httpx.AsyncClient) -> None:
    answer = await http.get("/openapi.json")
    served = answer.json()
    assert answer.status_code == 200
    assert served["openapi"].startswith("3.1.")
    assert served["servers"] == [{"url": "http://testserver"}]
    assert served["paths"] == document()["paths"]


def test_document_and_its_schemas_are_valid() -> None:
    for name, schema in document()["components"]["schemas"].items():
        jsonschema_rs.meta.validate({**schema, "components": document()["components"]})
        assert name.isidentifier(), f"generated clients cannot name a class {name}"


def test_every_route_is_in_the_document() -> None:
    described = {f"{method.upper()} {path}" for path, item in document()["paths"].items() for method in item}
    assert described == BY_OPERATION.keys()


def test_names_of_operations_are_unique_and_plain() -> None:
    names = Counter(operation.described["operationId"] for operation in OPERATIONS)
    assert max(names.values()) == 1
    assert all(name.isidentifier() and name == name.lower() for name in names)
    assert names.keys() == EXPECTED.keys()


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_operation_says_what_it_does_and_what_it_answers(operation: Operation) -> None:
    described = operation.described
    assert described["summary"]
    assert described["description"]
    assert described["tags"]
    success = {**dict.fromkeys(NO_CONTENT, "204"), **dict.fromkeys(ACCEPTED, "202")}.get(operation.name, "200")
    assert success in described["responses"]
    for status in described["responses"]:
        if status.startswith("2") and status != "204":
            assert list(untyped(answer_schema(described, status))) == []


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_operation_lists_its_refusals(operation: Operation) -> None:
    described = operation.described
    parameters = {parameter["name"].lower() for parameter in described.get("parameters", ())}
    asked = EXPECTED[operation.name]
    expected = ALWAYS | (WITH_BODY if operation in TAKING_BODIES else set())
    expected |= {401} if operation.guarded or operation.name in PROVEN_IN_REQUEST else set()
    expected |= {403} if "x-required-permission" in described else set()
    expected |= {404} if "{" in operation.path else set()
    expected |= {409} if operation.method != "GET" else set()
    expected |= {400} if "cursor" in parameters else set()
    expected |= {412} if "if-match" in parameters else set()
    listed = problem_statuses(described)
    assert listed.keys() >= expected
    assert listed.keys() <= {kind.status for kind in REGISTRY.values()}
    assert set(listed.values()) == {"application/problem+json"}
    assert any("HTTPBearer" in each for each in described.get("security", ())) is operation.guarded
    assert asked is None or operation.guarded


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_operation_names_the_permission_that_it_asks_for(operation: Operation) -> None:
    asked = EXPECTED[operation.name]
    named = operation.described.get("x-required-permission")
    if named is not None:
        assert asked is not None
        assert asked.permission in named.split(", ")
    else:
        assert asked is None or operation.name in FOR_EVERY_ACTIVE_ACCOUNT


@pytest.mark.parametrize("operation", TAKING_BODIES, ids=str)
def test_operation_shows_a_body_that_its_own_schema_accepts(operation: Operation) -> None:
    example = operation.example
    assert example is not None
    schema = {**body_schema(operation.described), "components": document()["components"]}
    jsonschema_rs.validate(schema, example)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_parameters_are_typed_and_lists_name_their_next_page(operation: Operation) -> None:
    parameters = {parameter["name"]: parameter for parameter in operation.described.get("parameters", ())}
    for name, parameter in parameters.items():
        assert list(untyped(parameter["schema"])) == [], name
    if "cursor" in parameters:
        assert parameters["limit"]["schema"]["maximum"] == 1_000
        assert "Link" in operation.described["responses"]["200"]["headers"]


def test_contract_covers_all_that_is_served_of_it() -> None:
    assert {keys(fact) for fact in CONTRACT} <= BY_OPERATION.keys()
    assert len(CONTRACT) >= 35


@pytest.mark.parametrize("fact", CONTRACT, ids=keys)
def test_contract_is_kept(fact: dict[str, Any]) -> None:
    """A client of today sends what it always sent, and finds in the answer what it always found."""
    described = BY_OPERATION[keys(fact)].described
    parameters = {parameter["name"]: parameter for parameter in described.get("parameters", ())}
    assert parameters.keys() >= set(fact.get("parameters", ()))
    new = parameters.keys() - set(fact.get("parameters", ()))
    assert not [name for name in new if parameters[name]["required"]]
    assert str(fact["status"]) in described["responses"]
    if "request" in fact:
        _check_request({name: Field.parse(words) for name, words in fact["request"].items()}, described)
    if "response" in fact:
        _check_response({name: Field.parse(words) for name, words in fact["response"].items()}, described)


def _check_request(promised: dict[str, Field], described: dict[str, Any]) -> None:
    ours = fields(body_schema(described))
    assert promised.keys() - ours.keys() == set(), "no longer accepted"
    assert [name for name, field in promised.items() if ours[name].required and not field.required] == []
    assert [name for name, field in promised.items() if field.nullable and not ours[name].nullable] == []
    added = {name for name in ours.keys() - promised.keys() if ours[name].required}
    known = {"", *promised}
    assert not [name for name in added if name.rpartition("/")[0].removesuffix("/*") in known], "newly required"


def _check_response(promised: dict[str, Field], described: dict[str, Any]) -> None:
    ours = fields(answer_schema(described))
    assert promised.keys() - ours.keys() == set(), "no longer answered"
    assert [name for name, field in promised.items() if field.required and not ours[name].required] == []
    assert [name for name, field in promised.items() if ours[name].nullable and not field.nullable] == []
