"""The document and the application agree: requests made up from the one never surprise the other.

Schemathesis sends what the document shows, every boundary that it names, what breaks its rules, and random input; each
answer has a status, a type, headers and a body that the document lists, and none is a 5xx.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from schemathesis.python.asgi import shutdown_lifespans

from app.core.config import Settings
from app.core.db import Database
from app.main import create_public_app
from tests.api.operations import OPERATIONS
from tests.api.targets import Target, targets
from tests.api.test_mass_assignment import BULK, BY_ITEM
from tests.conftest import settings_for
from tests.world import World

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "use_after_free",
)
"""`negative_data_rejection` leaves out bulk loads, where a row that cannot be used costs only itself."""
PHASES = ("examples", "coverage", "fuzzing", "stateful")
ALL = ("examples", "coverage")
LOCKS_OUT = "sign_in_log_out_everywhere"
"""Its token is good for nothing afterwards: whatever follows would be refused."""


@dataclass(frozen=True)
class Prepared:
    """A database with a school and a collection in it, and the tokens of who speaks."""

    settings: Settings
    target: Target
    tokens: dict[str, str]


@pytest_asyncio.fixture(loop_scope="session")
async def prepared(make_database: Callable[[], str]) -> AsyncIterator[Prepared]:
    settings = settings_for(make_database(), WRIVETED_LOG_LEVEL="ERROR")
    database = Database(settings)
    world = World(database)
    (target,) = await targets(world, 1)
    admin, lms = await world.admin(), await world.lms()
    await database.dispose()
    yield Prepared(settings, target, {"admin": admin.token, "lms": lms.token})


def failures(prepared: Prepared, role: str, changes: dict[str, Any]) -> list[str]:
    """What Schemathesis has to object to, sending as an account of that role."""
    checks: dict[str, Any] = {"enabled": False, **{name: {"enabled": True} for name in CHECKS}}
    checks["negative_data_rejection"] |= {"expected-statuses": ["4xx"]}
    lenient = [
        {"include-operation-id": name, "checks": {"negative_data_rejection": {"enabled": False}}}
        for name in (*BULK, *BY_ITEM)
    ]
    token = prepared.tokens.get(role)
    lenient.append(
        {"include-operation-id": "sign_in_log_out_everywhere", "enabled": False}
    )  # what follows would be 401
    config = SchemathesisConfig.from_dict(
        {
            "checks": checks,
            "headers": {"Authorization": f"Bearer {token}"} if token else {},
            "continue-on-failure": True,
            **changes,
            "operations": [*lenient, *changes.get("operations", ())],
        }
    )
    app = create_public_app(prepared.settings)
    try:
        schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
        found, asked = [], set()
        for event in from_schema(schema).execute():
            if isinstance(event, events.ScenarioFinished):
                asked.add(event.recorder.label)
                found += [
                    f"{event.recorder.label}: {check.failure_info.failure}"
                    for checks in event.recorder.checks.values()
                    for check in checks
                    if check.failure_info is not None
                ]
            elif isinstance(event, events.NonFatalError):
                found.append(f"{event.label}: {event.value!r}")
            elif isinstance(event, events.FatalError):
                raise event.exception
    finally:
        shutdown_lifespans()
    assert len(asked) >= len([each for each in OPERATIONS if each.method != "DELETE" and each.name != LOCKS_OUT])
    return sorted(set(found))


def options(number: int, *phases: str, repeatable: bool = True) -> dict[str, Any]:
    """That many random requests for each operation, and what these phases bring beside them."""
    enabled = ("fuzzing", *phases)
    generation = {"max-examples": number, "deterministic": repeatable, "no-shrink": True, "database": "none"}
    return {"phases": {name: {"enabled": name in enabled} for name in PHASES}, "generation": generation}


def about(target: Target) -> dict[str, Any]:
    """Have the ids in paths be those of what exists; nothing of it is deleted."""
    return {
        "parameters": {f"path.{name}": str(value) for name, value in target.in_path.items()},
        "operations": [{"include-method": "DELETE", "enabled": False}],
    }


@pytest.mark.parametrize(("role", "phases"), [("admin", ALL), ("lms", ALL), ("anonymous", ("examples",))])
def test_answers_to_any_request_are_as_documented(prepared: Prepared, role: str, phases: tuple[str, ...]) -> None:
    """Who is not known gets no further than the guard, wherever the boundaries of an operation are."""
    assert failures(prepared, role, options(5, *phases)) == []


@pytest.mark.parametrize("role", ["admin", "lms"])
def test_answers_about_what_exists_are_as_documented(prepared: Prepared, role: str) -> None:
    assert failures(prepared, role, options(15) | about(prepared.target)) == []


@pytest.mark.nightly
@pytest.mark.parametrize("role", ["admin", "lms", "anonymous"])
def test_answers_to_many_requests_are_as_documented(prepared: Prepared, role: str) -> None:
    many = options(200, *ALL, repeatable=False)
    assert failures(prepared, role, many | about(prepared.target)) == []
    assert failures(prepared, role, many) == []
