import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from app.core.config import VARIABLES, Settings
from app.core.environment import settings
from tests.core.good_settings import GOOD, KEY, MISSING, OTHER_KEY, PASSWORD, database, problems

ROOT = Path(__file__).parents[2]
CANARY = "q7canary"


@pytest.mark.parametrize("name", sorted(VARIABLES.values()))
@pytest.mark.parametrize("environment", ["production", "development"])
@pytest.mark.parametrize(
    "shape", ["{}", "1{}", "1 {}", '["{}"', "https://{}:{}@h:{}/", "http://h:{}", "postgresql://{}:{}@h:{}/{}"]
)
def test_no_part_of_a_value_is_told(name: str, environment: str, shape: str) -> None:
    given = {"WRIVETED_ENVIRONMENT": environment, name: shape.replace("{}", CANARY)}
    found = problems(GOOD | given)
    assert [problem for problem in found if CANARY in problem] == []


def test_environment_that_is_unknown_is_held_to_the_rules_of_production() -> None:
    found = problems(GOOD | {"WRIVETED_ENVIRONMENT": "staging", "WRIVETED_LOG_LEVEL": "DEBUG", "A_EMULATOR_HOST": "x"})
    assert {problem.partition(": ")[0] for problem in found} == {
        *("WRIVETED_ENVIRONMENT", "WRIVETED_LOG_LEVEL", "A_EMULATOR_HOST")
    }


def test_all_problems_are_told_at_once() -> None:
    found = problems(
        {"WRIVETED_MAX_BODY": "0", "WRIVETED_TOKEN_KEYS": "short", "WRIVETED_X": "1", "A_EMULATOR_HOST": "x"}
    )
    assert {problem.partition(": ")[0] for problem in found} == {
        *("WRIVETED_X", "A_EMULATOR_HOST", "WRIVETED_MAX_BODY", "WRIVETED_TOKEN_KEYS"),
        *("DATABASE_URL", "WRIVETED_PUBLIC_URL", "WRIVETED_TOKEN_ISSUER", "WRIVETED_TOKEN_AUDIENCE"),
        "WRIVETED_DATA_KEYS",
        "WRIVETED_FIREBASE_PROJECT_ID",
    }


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("WRIVETED_TOKN_KEYS", "WRIVETED_TOKEN_KEYS"),
        ("WRIVETED_TOKEN_KEY", "WRIVETED_TOKEN_KEYS"),
        ("wriveted_max_body", "WRIVETED_MAX_BODY"),
        ("WRIVETED_CORS_ORIGIN", "WRIVETED_CORS_ORIGINS"),
        ("WRIVETED_DATABASE_URL", "DATABASE_URL"),
    ],
)
def test_misspelt_setting_is_answered_with_the_one_that_is_meant(typo: str, meant: str) -> None:
    assert problems(GOOD | {typo: "x"}) == (f"{typo}: is not a setting; did you mean {meant}?",)


def test_settings_look_at_nothing_but_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert "DATABASE_URL: is not set" in problems({})
    with pytest.raises(ValidationError):
        Settings()


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    try:
        assert settings() is settings()
    finally:
        settings.cache_clear()


def start(environ: dict[str, str], code: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a line of Python as a process of its own, which takes a second, and is not waited for much longer."""
    path = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environ | path,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )


SETTINGS = "import app.core.environment; app.core.environment.settings()"
INTERNAL = "import app.core.environment; app.core.environment.serving_settings()"


def test_process_with_good_settings_starts_in_silence() -> None:
    ended = start(GOOD, f"{SETTINGS}; {INTERNAL}")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WRIVETED_TOKEN_KEYS", KEY[:31]),
        ("WRIVETED_TOKEN_KEYS", f'["{OTHER_KEY}'),
        ("DATABASE_URL", database(query="sslmode=prefer")),
        ("DATABASE_URL", database(host="db.hueybooks.com:port")),
        ("WRIVETED_MAX_BODY", f"12{OTHER_KEY}"),
        ("FIREBASE_AUTH_EMULATOR_HOST", "localhost:9099"),
        ("WRIVETED_TOKN_KEYS", OTHER_KEY),
    ],
)
def test_process_with_an_insecure_setting_ends_and_prints_no_secret(name: str, value: str) -> None:
    ended = start(GOOD | {name: value}, SETTINGS)
    assert ended.returncode == 1
    assert f"  - {name}: " in ended.stderr
    printed = ended.stdout + ended.stderr
    assert "Traceback" not in printed
    assert [secret for secret in (KEY[:31], OTHER_KEY, PASSWORD, value) if secret in printed] == []


def test_process_without_settings_ends_even_beside_a_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in GOOD.items()))
    ended = start({}, SETTINGS, tmp_path)
    assert ended.returncode == 1
    assert "DATABASE_URL: is not set" in ended.stderr


@pytest.mark.parametrize(
    "variable",
    [
        "WRIVETED_INTERNAL_URL",
        "WRIVETED_CLOUD_TASKS_LOCATION",
    ],
)
def test_production_serves_only_with_a_queue(variable: str) -> None:
    ended = start(GOOD | {variable: MISSING}, INTERNAL)
    assert ended.returncode == 1
    assert f"{variable}: is not set" in ended.stderr


@pytest.mark.parametrize(("environment", "code"), [("production", 1), ("development", 0)])
def test_internal_app_has_to_know_its_caller_in_production(environment: str, code: int) -> None:
    anyone = {"WRIVETED_INTERNAL_AUDIENCE": MISSING, "WRIVETED_INTERNAL_SERVICE_ACCOUNT": MISSING}
    if environment == "development":
        anyone["WRIVETED_CLOUD_TASKS_LOCATION"] = MISSING
    environ = GOOD | anyone | {"WRIVETED_ENVIRONMENT": environment}
    assert start(environ, SETTINGS).returncode == 0
    ended = start(environ, INTERNAL)
    assert ended.returncode == code
    assert ("WRIVETED_INTERNAL_SERVICE_ACCOUNT: is not set" in ended.stderr) is (code == 1)
