"""The settings of this process, read once from its environment. An insecure configuration refuses to start.

An empty variable counts as unset, and no file is read. Refusals name setting and fault, never the value.
"""

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from app.core.config import PREFIX, VARIABLES, Settings

DEBUGGING = frozenset({"PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT"})
OWN_WORDS = {"missing": "is not set", "too_short": "is empty"}
NEEDED_TO_SERVE = ("internal_audience", "internal_service_account", "internal_url", "cloud_tasks_location")


class InsecureConfiguration(ValueError):
    """Why this process does not start: each of `problems` is "SETTING: what is wrong", without any value."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  - ".join(("This configuration is refused, nothing is started:", *self.problems)))


def load_settings(environ: Mapping[str, str]) -> Settings:
    """The settings that these variables spell, or `InsecureConfiguration` with every problem that is seen."""
    problems = list(_environment_problems(environ))
    given: dict[str, Any] = {name: environ[key] for name, key in VARIABLES.items() if environ.get(key)}
    try:
        found = Settings(**given)
    except ValidationError as refusal:
        problems += [_described(error) for error in refusal.errors(include_url=False, include_input=False)]
    if problems:
        raise InsecureConfiguration(problems)
    return found


def _environment_problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Faults of variables that are no settings: unknown names with our prefix, and ways around production."""
    known = set(VARIABLES.values())
    for name in sorted(name for name in environ if name.upper().startswith(PREFIX) and name not in known):
        bare = name.upper().removeprefix(PREFIX)
        near = [bare] if bare in known else difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.6)
        yield f"{name}: is not a setting" + (f"; did you mean {near[0]}?" if near else "")
    if environ.get(VARIABLES["environment"]) not in {"development", "test"}:
        for name in sorted(name for name, value in environ.items() if value):
            if name.upper().endswith("_EMULATOR_HOST") and name not in known:
                yield f"{name}: an emulator verifies nothing; it may not be set in production"
            if name in DEBUGGING:
                yield f"{name}: debugging may not be on in production"


def _described(error: Mapping[str, Any]) -> str:
    """One line for a fault that pydantic found."""
    said = str(error["ctx"]["error"]) if error["type"] == "value_error" else error["msg"]
    return f"{VARIABLES[error['loc'][0]]}: {OWN_WORDS.get(error['type'], said)}"


@lru_cache
def settings() -> Settings:
    """The settings of this process; it exits with code 1 and the list of problems where they are insecure."""
    try:
        return load_settings(os.environ)
    except InsecureConfiguration as refusal:
        raise SystemExit(str(refusal)) from None


def serving_settings() -> Settings:
    """The same for a process that serves: production has to know its queue, and who may call the internal API."""
    found = settings()
    missing = [VARIABLES[name] for name in NEEDED_TO_SERVE if getattr(found, name) is None]
    if missing and (found.environment == "production" or found.cloud_tasks_location is not None):
        raise SystemExit(str(InsecureConfiguration(f"{name}: is not set" for name in missing)))
    return found
