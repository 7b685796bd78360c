"""Rules of the internal application that no linter knows."""

import json
import subprocess
import sys
from pathlib import Path

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant

from app.core.outbox import KINDS
from app.core.requests import Door
from app.core.task_doors import verified_caller
from app.internal_api import ROUTERS
from app.tasks.jobs import SCHEDULE

SERVED_OPENLY = {"/livez", "/readyz", "/metrics", "/v1/version", "/v1/healthcheck/db"}
"""Probes, figures without anybody in them, and the release."""


def _calls(dependant: Dependant) -> set[object]:
    return {dependant.call}.union(*(_calls(each) for each in dependant.dependencies))


def test_every_internal_door_verifies_who_calls(internal: FastAPI) -> None:
    unverified = {
        route.path
        for route in internal.routes
        if not (isinstance(route, Door) and verified_caller in _calls(route.dependant))
    }
    assert unverified == SERVED_OPENLY


def test_caller_is_verified_before_anything_else_is_looked_at() -> None:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, Door)
            assert route.dependant.dependencies[0].call is verified_caller, route.path


def test_every_kind_of_task_has_one_door(internal: FastAPI) -> None:
    doors = [route.path.removeprefix("/v1/tasks/") for route in internal.routes if "/v1/tasks/" in route.path]
    own = {name for name, kind in KINDS.items() if kind.__module__.startswith("app.")}
    assert sorted(doors) == sorted(own)
    for route in internal.routes:
        if isinstance(route, Door) and "/v1/tasks/" in route.path:
            claimed = {vars(call).get("task") for call in _calls(route.dependant) if hasattr(call, "__dict__")}
            assert KINDS[route.path.removeprefix("/v1/tasks/")] in claimed, f"{route.path} claims another kind"


def test_deadlines_are_such_as_cloud_tasks_takes() -> None:
    for kind in KINDS.values():
        if kind.__module__.startswith("app."):
            assert 5 <= kind.deadline.total_seconds() <= 1700, kind.kind


def test_public_application_holds_no_internal_door(app: FastAPI) -> None:
    assert not {route.path for route in app.routes if "/v1/jobs/" in route.path}
    code = "import json, sys, app.main; print(json.dumps(list(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    ours = {name for name in json.loads(loaded) if name.startswith("app.")}
    assert {name for name in ours if name.endswith(".tasks")} == {"app.tasks"}, "the desk, which has doors of its own"
    assert "app.internal_api" not in ours


def test_every_job_has_its_clock_in_the_runbook() -> None:
    page = (Path(__file__).parents[2] / "docs/operations.md").read_text(encoding="utf-8")
    assert all(f"`{job.name}`" in page and f"{job.name}:'" in page for job in SCHEDULE)
