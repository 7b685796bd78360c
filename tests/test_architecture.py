"""Rules of the house that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from app.core import scopes
from app.core.acl import Acl, named_permissions
from app.core.db import Base
from app.core.guards import anonymous, anonymous_classroom, is_guarded
from app.core.requests import Door
from app.main import ROUTERS

APP = Path(__file__).parent.parent / "app"
SOURCES = sorted(APP.rglob("*.py"))
PUBLIC = {
    "GET /v1/auth/firebase",
    "POST /v1/auth/firebase",
    "POST /v1/auth/refresh",
    "POST /v1/auth/feedback-link",
    "GET /v1/email/unsubscribe/{token}",
    "POST /v1/email/unsubscribe/{token}",
    "GET /v1/public-list/{booklist_slug}",
    "GET /v1/public-lists",
    "GET /v1/school/{wriveted_identifier}/exists",
    "POST /v1/auth/class-code",
    "POST /v1/auth/register-student",
    "GET /v1/version",
    "GET /v1/healthcheck/db",
}
"""Reviewed: what anybody may call. Probes, the documentation and security.txt are served beside the doors."""
CLOSED_TO_KEYS = {"access", "accounts", "audit", "feedback", "hydration", "messages", "sign-in", "tasks", "users"}
"""Reviewed: the tags of people, credentials and their record, and of what costs money elsewhere and may write although
it reads, whose doors no API key opens."""
OPEN_TO_ANY_KEY = {"GET /v1/auth/me", "GET /v1/access/explain"}
READING_BY_POST = {"POST /v1/editions/compare", "POST /v1/recommend"}


def doors(app: FastAPI) -> Iterator[APIRoute]:
    return (route for route in app.routes if isinstance(route, Door))


def dependencies(dependant: Dependant) -> Iterator[Dependant]:
    for each in dependant.dependencies:
        yield each
        yield from dependencies(each)


def test_every_door_has_a_guard_or_is_on_the_list_of_public_ones(app: FastAPI) -> None:
    open_doors = set()
    for route in doors(app):
        calls = {each.call for each in dependencies(route.dependant)}
        if not is_guarded(route.dependant):
            assert calls & {anonymous, anonymous_classroom}, f"{route.path} has neither a guard nor the mark `public`"
            open_doors |= {f"{method} {route.path}" for method in route.methods}
    assert open_doors == PUBLIC


def test_every_permission_asked_is_named_by_an_acl(app: FastAPI) -> None:
    models = [
        mapper.class_ for mapper in Base.registry.mappers if isinstance(mapper.class_.__dict__.get("__acl__"), Acl)
    ]
    known = frozenset().union(*(named_permissions(model) for model in models))
    asked = {
        permission
        for route in doors(app)
        for each in dependencies(route.dependant)
        if (permission := getattr(each.call, "permission", None))
    }
    assert asked <= known | {"bind-admin", "create", "delete", "mint-token"}, "`All` covers these, or a list of its own"


def test_every_door_asks_a_scope_of_a_key_or_is_closed_to_keys(app: FastAPI) -> None:
    assert {tag for tag, area in scopes.AREAS.items() if area is None} == CLOSED_TO_KEYS
    open_to_any, reading = set(), set()
    for route in doors(app):
        if is_guarded(route.dependant):
            assert str(route.tags[0]) in scopes.AREAS, f"{route.path}: declare the scopes of its tag in core/scopes"
            for method in route.methods:
                needed = scopes.needed(route, method)
                assert needed is not None or route.tags[0] in CLOSED_TO_KEYS
                open_to_any |= {f"{method} {route.path}"} if needed == scopes.ANY else set()
                reads = (needed or "").endswith(":read") and method != "GET"
                reading |= {f"{method} {route.path}"} if reads else set()
    assert (open_to_any, reading) == (OPEN_TO_ANY_KEY, READING_BY_POST)


def test_every_router_is_served(app: FastAPI) -> None:
    served = {(route.path, tuple(sorted(route.methods))) for route in doors(app)}
    for router in ROUTERS:
        assert {(route.path, tuple(sorted(route.methods))) for route in router.routes} <= served


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(APP)))
def test_sources_keep_the_house_rules(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = str(path.relative_to(APP))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("commit", "rollback"):
            assert name == "core/db.py", f"{name}:{node.lineno} ends a transaction outside core/db.py"
        if isinstance(node, ast.Name | ast.Attribute) and getattr(node, "id", getattr(node, "attr", "")) in (
            "BaseHTTPMiddleware",
            "HTTPException",
        ):
            assert name.startswith(("core/http/", "serve.py")), f"{name}:{node.lineno} uses what only core/http may"
        if isinstance(node, ast.For | ast.AsyncFor) and not re.match(r"_?[A-Z_]+\b", ast.unparse(node.iter)):
            assert not _waits_for_the_database(node), f"{name}:{node.lineno} asks the database in a loop"
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 420, f"{name} is too long: split it by noun"


def _waits_for_the_database(loop: ast.For | ast.AsyncFor) -> bool:
    """Whether the loop's body awaits a call on a session or a driver."""
    awaits = (node.value for part in loop.body for node in ast.walk(part) if isinstance(node, ast.Await))
    for call in awaits:
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            owner = ast.unparse(call.func.value)
            if owner.endswith(("session", "driver")):
                return True
    return False


def test_importing_the_app_loads_no_vendors_library() -> None:
    vendors = ("google", "firebase_admin", "openai", "stripe", "slack_sdk", "sendgrid", "twilio")
    for path in SOURCES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] in vendors for name in names), path


def test_every_column_with_an_owner_is_indexed() -> None:
    """A filter by owner, and the check of a foreign key, never scan."""
    for table in Base.metadata.tables.values():
        first_columns = {index.expressions[0].name for index in table.indexes if hasattr(index.expressions[0], "name")}
        first_columns |= {
            next(iter(constraint.columns)).name
            for constraint in table.constraints
            if len(constraint.columns) > 0  # type: ignore[attr-defined]
        }
        for key in table.foreign_keys:
            assert key.parent.name in first_columns, f"{table.name}.{key.parent.name} has no index"
