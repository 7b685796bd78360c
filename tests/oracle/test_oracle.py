"""The second opinion has to be sound itself: its words mean something, and it says what the specification says."""

from typing import Any

import pytest

from tests.oracle.oracle import POLICY, decide, kinds, permissions, principals, resources

SHAPES = {"allow", "to", "if"}, {"deny", "to", "if"}, {"rules_of", "at"}


def listed(names: str | list[str]) -> set[str]:
    return {names} if isinstance(names, str) else set(names)


@pytest.mark.parametrize("resource", resources())
def test_a_resource_uses_only_words_that_mean_something(resource: str) -> None:
    declared = {*permissions(resource), "All"}
    for rule in POLICY["resources"][resource]["rules"]:
        assert any(rule.keys() <= shape for shape in SHAPES), rule
        assert "rules_of" in rule or listed(rule["to"]) <= declared, rule
        assert rule.get("rules_of", resource) in resources(), rule


def test_each_kind_of_account_is_described() -> None:
    assert set(kinds()) <= POLICY["accounts"].keys()
    for entry in POLICY["accounts"].values():
        assert entry.keys() <= {"is", "holds", "if"}
        assert set(entry.get("is", ())) <= POLICY["accounts"].keys()


@pytest.mark.parametrize(
    ("account", "of_1", "of_2"),
    [
        ({"kind": "admin", "id": 1}, permissions("GoldenExample"), permissions("GoldenExample")),
        ({"kind": "student", "id": 1, "school": 1}, ["read"], []),
        ({"kind": "educator", "id": 1, "school": 1}, ["read", "update"], []),
        ({"kind": "school", "schools": [2]}, [], ["read", "update"]),
        ({"kind": "lms"}, ["update", "batch"], ["update", "batch"]),
        ({"kind": "anybody"}, [], []),
    ],
)
def test_the_golden_example_is_decided_as_it_is_written(account: Any, of_1: list[str], of_2: list[str]) -> None:
    for school, expected in ((1, of_1), (2, of_2)):
        allowed = [
            name for name in permissions("GoldenExample") if decide("GoldenExample", name, account, {"id": school})
        ]
        assert allowed == expected


STUDENT = {"kind": "student", "id": 7, "school": "S", "class": "C", "parent": "P"}


@pytest.mark.parametrize(
    ("account", "held"),
    [
        ({"kind": "anybody"}, set()),
        (
            STUDENT,
            {"user:7", "role:reader", "child:P", "role:student", "student:S", "school:S", "class:C"},
        ),
        ({"kind": "public_reader", "id": 7}, {"user:7", "role:reader"}),
        ({"kind": "educator", "id": 7, "school": "S"}, {"user:7", "role:educator", "educator:S", "school:S"}),
        (
            {"kind": "school_admin", "id": 7, "school": "S"},
            {"user:7", "role:educator", "educator:S", "school:S", "role:schooladmin", "schooladmin:S"},
        ),
        ({"kind": "parent", "id": 7, "children": [1, 2]}, {"user:7", "role:parent", "parent:1", "parent:2"}),
        ({"kind": "supporter", "id": 7, "readers": [3]}, {"user:7", "role:supporter", "supporter:3"}),
        ({"kind": "admin", "id": 7}, {"user:7", "role:admin"}),
        ({"kind": "backend"}, {"role:admin"}),
        ({"kind": "lms", "schools": ["S", "T"], "vendor": True}, {"role:lms", "lms:S", "lms:T"}),
        ({"kind": "lms", "schools": [], "vendor": True}, {"role:lms", "role:lms_vendor"}),
        ({"kind": "lms"}, {"role:lms"}),
        ({"kind": "school", "schools": ["S"]}, {"role:library", "library:S", "school:S"}),
        ({"kind": "kiosk", "schools": ["S"]}, {"role:kiosk", "kiosk:S", "school:S"}),
    ],
)
def test_an_account_holds_what_its_kind_holds(account: Any, held: set[str]) -> None:
    active = {"system:authenticated"} if account["kind"] != "anybody" else set()
    assert principals(account) == {"system:everyone"} | active | held
    assert principals({**account, "active": False}) == {"system:everyone"}


def test_a_student_of_an_inactive_school_is_anybody_and_its_staff_is_not() -> None:
    assert principals({**STUDENT, "school_state": "inactive"}) == {"system:everyone"}
    assert "school:S" in principals({**STUDENT, "school_state": "pending"})
    assert "educator:S" in principals({"kind": "educator", "id": 1, "school": "S", "school_state": "inactive"})


@pytest.mark.parametrize(
    ("account", "event", "allowed"),
    [
        ({"kind": "student", "id": 1, "school": "S"}, {"user": 1}, True),
        ({"kind": "student", "id": 1, "school": "S"}, {"user": 1, "school": "S"}, True),
        ({"kind": "student", "id": 1, "school": "S"}, {"user": 1, "school": "T"}, False),
        ({"kind": "student", "id": 1, "school": "S"}, {"user": 2, "school": "S"}, False),
        ({"kind": "student", "id": 1, "school": "S"}, {"user": 1, "level": "warning"}, False),
        ({"kind": "student", "id": 1, "school": "S"}, {"user": 1, "title": "Subscription started"}, False),
        ({"kind": "parent", "id": 1, "children": [2]}, {"user": 2}, True),
        ({"kind": "kiosk", "schools": ["S"]}, {"school": "S"}, True),
        ({"kind": "kiosk", "schools": ["S"]}, {"school": "T"}, False),
        ({"kind": "lms", "schools": ["S"]}, {}, True),
        ({"kind": "anybody"}, {}, False),
        ({"kind": "admin", "id": 1}, {"user": 2, "level": "error", "title": "Subscription started"}, True),
    ],
)
def test_events_are_created_for_oneself_ones_child_and_ones_school(account: Any, event: Any, allowed: bool) -> None:
    assert decide("Event", "create", account, {"title": "Huey: Book reviewed", "level": "normal", **event}) is allowed


def test_an_item_is_decided_as_its_collection() -> None:
    library = {"kind": "school", "schools": ["S"]}
    assert decide("CollectionItem", "batch", library, {"collection": {"school": "S"}})
    assert not decide("CollectionItem", "batch", library, {"collection": {"school": "T"}})
    assert not decide("CollectionItem", "batch", library, {"collection": None})
