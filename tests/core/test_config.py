import base64
import hashlib
import os
import random
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import annotated_types
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from pydantic import ValidationError

from app.core import config
from app.core.config import VARIABLES, InsecureConfiguration, Settings, load_settings
from app.core.db import Database
from app.core.secret_keys import key_id
from app.core.server_facts import SERVER_FACTS
from app.core.server_facts import server_objections as objections

ROOT = Path(__file__).parents[2]
KEY = hashlib.sha256(b"a key").hexdigest()
DATA_KEY = hashlib.sha256(b"a data key").hexdigest()
OTHER_KEY = base64.urlsafe_b64encode(hashlib.sha256(b"another key").digest()).decode()
PASSWORD = base64.urlsafe_b64encode(hashlib.sha256(b"a password").digest()).decode().rstrip("=")
HOST = "db.hueybooks.com"
GOOD = {
    "DATABASE_URL": f"postgresql://wriveted_app:{PASSWORD}@{HOST}/wriveted?sslmode=verify-full",
    "WRIVETED_PUBLIC_URL": "https://api.hueybooks.com",
    "WRIVETED_TOKEN_KEYS": f"{KEY},{OTHER_KEY}",
    "WRIVETED_DATA_KEYS": DATA_KEY,
    "WRIVETED_TOKEN_ISSUER": "https://api.hueybooks.com",
    "WRIVETED_TOKEN_AUDIENCE": "https://api.hueybooks.com/v1",
    "WRIVETED_CORS_ORIGINS": "https://app.hueybooks.com,https://hueybooks.com:8443",
    "WRIVETED_TRUSTED_PROXIES": "10.1.0.0/16,192.0.2.7,2001:db8::/32",
    "WRIVETED_INTERNAL_AUDIENCE": "https://internal-abc-ts.a.run.app",
    "WRIVETED_INTERNAL_SERVICE_ACCOUNT": "tasks@huey-books.iam.gserviceaccount.com",
    "WRIVETED_INTERNAL_URL": "https://internal-abc-ts.a.run.app",
    "WRIVETED_CLOUD_TASKS_LOCATION": "projects/huey-books-prod/locations/australia-southeast1",
    "WRIVETED_FIREBASE_PROJECT_ID": "huey-books-prod",
    "PATH": "/usr/bin",
}
MISSING = ""


def database(
    user: str = "wriveted_app", password: str = PASSWORD, host: str = HOST, name: str = "wriveted", query: str = ""
) -> str:
    return f"postgresql://{user}:{password}@{host}/{name}?{query or 'sslmode=verify-full'}"


def problems(environ: dict[str, str]) -> tuple[str, ...]:
    try:
        load_settings(environ)
    except InsecureConfiguration as refusal:
        return refusal.problems
    return ()


# What production refuses and development lets pass.
INSECURE = [
    ("WRIVETED_TOKEN_KEYS", "0123456789abcdef" * 4),
    ("WRIVETED_TOKEN_KEYS", "a" * 64),
    ("WRIVETED_TOKEN_KEYS", KEY[:32]),
    ("WRIVETED_TOKEN_KEYS", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("WRIVETED_TOKEN_KEYS", "MySup3rKeyForThis" * 3),
    ("WRIVETED_TOKEN_KEYS", "correct-horse-battery-staple-and-a-few-more-of-them"),
    ("WRIVETED_TOKEN_KEYS", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"),
    ("WRIVETED_TOKEN_KEYS", "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf"),
    ("WRIVETED_TOKEN_KEYS", "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"),
    ("WRIVETED_TOKEN_KEYS", f"a-string-secret-at-least-256-bits-long-{OTHER_KEY}"),
    ("WRIVETED_TOKEN_KEYS", f"change-me-{OTHER_KEY}"),
    ("WRIVETED_TOKEN_KEYS", f"{KEY},{'0123456789abcdef' * 4}"),
    ("WRIVETED_TOKEN_KEYS", f"{KEY},{PASSWORD}"),
    ("WRIVETED_DATA_KEYS", "0123456789abcdef" * 4),
    ("WRIVETED_DATA_KEYS", f"change-me-{DATA_KEY}"),
    ("WRIVETED_DATA_KEYS", f"{DATA_KEY},{PASSWORD}"),
    ("WRIVETED_TOKEN_ISSUER", "http://localhost:8000"),
    ("WRIVETED_TOKEN_ISSUER", "localhost"),
    ("WRIVETED_TOKEN_ISSUER", "https://127.0.0.1/v1"),
    ("WRIVETED_TOKEN_AUDIENCE", "http://localhost:8000/v1"),
    ("WRIVETED_TOKEN_AUDIENCE", "http://[::1]:8000"),
    ("WRIVETED_TOKEN_AUDIENCE", "https://0.0.0.0"),
    ("WRIVETED_PUBLIC_URL", "http://api.hueybooks.com"),
    ("WRIVETED_PUBLIC_URL", "https://localhost"),
    ("WRIVETED_PUBLIC_URL", "https://203.0.113.5"),
    ("WRIVETED_PUBLIC_URL", "https://api.hueybooks.local"),
    ("WRIVETED_LOG_LEVEL", "DEBUG"),
    ("WRIVETED_CORS_ORIGINS", "http://app.hueybooks.com"),
    ("WRIVETED_CORS_ORIGINS", "https://localhost:3000"),
    ("WRIVETED_CORS_ORIGINS", "https://203.0.113.5"),
    ("WRIVETED_CORS_ORIGINS", "https://2130706433"),
    ("WRIVETED_CORS_ORIGINS", "https://hueybooks.0x7f"),
    ("WRIVETED_CORS_ORIGINS", "https://hueybooks"),
    ("WRIVETED_CORS_ORIGINS", "https://app.localhost"),
    ("WRIVETED_INTERNAL_AUDIENCE", "http://internal-abc-ts.a.run.app"),
    ("WRIVETED_INTERNAL_URL", "http://internal-abc-ts.a.run.app"),
    ("WRIVETED_INTERNAL_URL", "https://127.0.0.1"),
    ("WRIVETED_INTERNAL_CERTIFICATES_URL", "https://certificates.example.com"),
    ("WRIVETED_CLOUD_TASKS_ADDRESS", "127.0.0.1:8123"),
    ("WRIVETED_INTERNAL_AUDIENCE", "https://localhost:8001"),
    ("WRIVETED_INTERNAL_SERVICE_ACCOUNT", "somebody@gmail.com"),
    ("DATABASE_URL", database(user="postgres")),
    ("DATABASE_URL", database(user="root")),
    ("DATABASE_URL", f"postgresql://{HOST}/wriveted?sslmode=verify-full"),
    ("DATABASE_URL", database(password="postgres")),
    ("DATABASE_URL", database(password="ChangeMe")),
    ("DATABASE_URL", database(password="wriveted_app")),
    ("DATABASE_URL", database(name="library", password="library")),
    ("DATABASE_URL", database(query="connect_timeout=3")),
    ("DATABASE_URL", database(query="sslmode=disable")),
    ("DATABASE_URL", database(query="sslmode=prefer")),
    ("DATABASE_URL", database(query="sslmode=require")),
    ("DATABASE_URL", database(query="sslmode=verify-ca")),
    ("DATABASE_URL", database(query="sslmode=verify-full&sslmode=disable")),
    ("DATABASE_URL", database(host="localhost", query="sslmode=disable")),
    ("DATABASE_URL", database(host="", query=f"host=/run/postgresql,{HOST}")),
    ("DATABASE_URL", database(host="", query=f"host=/run/postgresql&host={HOST}")),
    ("DATABASE_URL", database(host="", query="host=/run/postgresql&hostaddr=203.0.113.5")),
    ("DATABASE_URL", database(query="sslmode=verify-full&user=postgres")),
    ("DATABASE_URL", database(query="sslmode=verify-full&options=-c%20statement_timeout%3D0")),
    ("WRIVETED_FIREBASE_PROJECT_ID", MISSING),
    ("WRIVETED_FIREBASE_CERTIFICATES_URL", "https://certificates.hueybooks.com/securetoken"),
    ("WRIVETED_FIREBASE_ACCOUNTS_URL", "https://accounts.hueybooks.com"),
    ("WRIVETED_FIREBASE_EMULATOR_HOST", "localhost:9099"),
    ("WRIVETED_EGRESS_LOOPBACK", "true"),
    ("WRIVETED_NIELSEN_URL", "http://127.0.0.1:8123/nielsen"),
    ("WRIVETED_OPEN_LIBRARY_URL", "http://openlibrary.org"),
    ("FIREBASE_AUTH_EMULATOR_HOST", "localhost:9099"),
    ("STORAGE_EMULATOR_HOST", "http://localhost:4443"),
    ("PUBSUB_EMULATOR_HOST", "pubsub.hueybooks.com:8085"),
    ("PYTHONDEVMODE", "1"),
    ("PYTHONASYNCIODEBUG", "1"),
]

# What no environment accepts.
WRONG = [
    *((name, MISSING) for name in ("DATABASE_URL", "WRIVETED_PUBLIC_URL", "WRIVETED_TOKEN_KEYS")),
    *((name, MISSING) for name in ("WRIVETED_TOKEN_ISSUER", "WRIVETED_TOKEN_AUDIENCE")),
    ("WRIVETED_INTERNAL_SERVICE_ACCOUNT", MISSING),
    ("WRIVETED_TOKEN_KEYS", KEY[:31]),
    ("WRIVETED_TOKEN_KEYS", f"{KEY},{KEY[:16]}"),
    ("WRIVETED_TOKEN_KEYS", f"{KEY},{KEY}"),
    ("WRIVETED_TOKEN_KEYS", f"{KEY} {OTHER_KEY}"),
    ("WRIVETED_TOKEN_KEYS", f"{KEY}\u00e9"),
    ("WRIVETED_TOKEN_KEYS", f'["{KEY}'),
    ("WRIVETED_TOKEN_KEYS", f'["{KEY}", 1234567890]'),
    ("WRIVETED_TOKEN_KEYS", ",,"),
    ("WRIVETED_DATA_KEYS", MISSING),
    ("WRIVETED_DATA_KEYS", DATA_KEY[:31]),
    ("WRIVETED_DATA_KEYS", f"{DATA_KEY},{DATA_KEY}"),
    ("WRIVETED_DATA_KEYS", KEY),
    ("WRIVETED_DATA_KEYS", f"{DATA_KEY},{OTHER_KEY}"),
    ("WRIVETED_STUDENT_TOKEN_LIFETIME", "PT13H"),
    ("WRIVETED_CLASS_CODE_LIFETIME", "366 days"),
    ("WRIVETED_TOKEN_ISSUER", "https://api.huey books.com"),
    ("WRIVETED_TOKEN_AUDIENCE", "x" * 256),
    ("WRIVETED_PUBLIC_URL", "api.hueybooks.com"),
    ("WRIVETED_PUBLIC_URL", "https://user:password@api.hueybooks.com"),
    ("WRIVETED_PUBLIC_URL", "https://api.hueybooks.com/?v=1"),
    ("WRIVETED_PUBLIC_URL", "https://[api.hueybooks.com"),
    ("WRIVETED_CORS_ORIGINS", "*"),
    ("WRIVETED_CORS_ORIGINS", "https://*.hueybooks.com"),
    ("WRIVETED_CORS_ORIGINS", r"https://.+\.hueybooks\.com"),
    ("WRIVETED_CORS_ORIGINS", "null"),
    ("WRIVETED_CORS_ORIGINS", "https://app.hueybooks.com/"),
    ("WRIVETED_CORS_ORIGINS", "https://app.hueybooks.com:99999"),
    ("WRIVETED_CORS_ORIGINS", "https://user@app.hueybooks.com"),
    ("WRIVETED_CORS_ORIGINS", "https://app.hueybooks.com,*"),
    ("WRIVETED_TRUSTED_PROXIES", "*"),
    ("WRIVETED_TRUSTED_PROXIES", "0.0.0.0/0"),
    ("WRIVETED_TRUSTED_PROXIES", "::/0"),
    ("WRIVETED_TRUSTED_PROXIES", "0.0.0.0/1,128.0.0.0/1"),
    ("WRIVETED_TRUSTED_PROXIES", "proxy.hueybooks.com"),
    ("WRIVETED_INTERNAL_AUDIENCE", "internal"),
    ("WRIVETED_INTERNAL_URL", "internal"),
    ("WRIVETED_CLOUD_TASKS_LOCATION", "huey-books-prod"),
    ("WRIVETED_CLOUD_TASKS_PREFIX", "a/b"),
    ("WRIVETED_TASK_FIRST_PAUSE", "0"),
    ("WRIVETED_LOG_LEVEL", "TRACE"),
    ("DATABASE_URL", "sqlite:///books-of-everyone.db"),
    ("DATABASE_URL", database().replace("postgresql", "mysql")),
    ("DATABASE_URL", database().replace("postgresql", "postgresql+asyncpg")),
    ("DATABASE_URL", database(host="db.hueybooks.com:port")),
    ("DATABASE_URL", f"{PASSWORD}@{HOST}"),
    ("WRIVETED_DATABASE_POOL_SIZE", "0"),
    ("WRIVETED_DATABASE_POOL_SIZE", "1000"),
    ("WRIVETED_DATABASE_POOL_SIZE", "several"),
    ("WRIVETED_DATABASE_MAX_OVERFLOW", "-1"),
    ("WRIVETED_DATABASE_POOL_TIMEOUT", "0"),
    ("WRIVETED_STATEMENT_TIMEOUT", "0"),
    ("WRIVETED_STATEMENT_TIMEOUT", "inf"),
    ("WRIVETED_STATEMENT_TIMEOUT", "nan"),
    ("WRIVETED_BULK_STATEMENT_TIMEOUT", "86400"),
    ("WRIVETED_LOCK_TIMEOUT", "-1"),
    ("WRIVETED_IDLE_IN_TRANSACTION_TIMEOUT", "0"),
    ("WRIVETED_MAX_BODY", "0"),
    ("WRIVETED_MAX_BODY", "-1"),
    ("WRIVETED_MAX_BODY", "unlimited"),
    ("WRIVETED_MAX_BULK_BODY", "1GiB"),
    ("WRIVETED_MAX_BULK_ITEMS", "0"),
    ("WRIVETED_MAX_HEADER", "12 parsecs"),
    ("WRIVETED_MAX_HEADER", "4096-KiB"),
    ("WRIVETED_MAX_URL", "1GB"),
    ("WRIVETED_BODY_IDLE_TIMEOUT", "0"),
    ("WRIVETED_RATE_LIMIT_ACCOUNT", "0"),
    ("WRIVETED_RATE_LIMIT_ANONYMOUS", "-60"),
    ("WRIVETED_RATE_LIMIT_BULK", "1e9"),
    ("WRIVETED_USER_TOKEN_LIFETIME", "P8D"),
    ("WRIVETED_USER_TOKEN_LIFETIME", "PT0S"),
    ("WRIVETED_SERVICE_TOKEN_LIFETIME", "730 days"),
    ("WRIVETED_MINTED_TOKEN_LIFETIME", "90 days"),
    ("WRIVETED_MINTED_TOKEN_LIFETIME", "-PT1H"),
    ("WRIVETED_ACCESS_TOKEN_LIFETIME", "PT16M"),
    ("WRIVETED_SESSION_LIFETIME", "P31D"),
    ("WRIVETED_STUDENT_SESSION_LIFETIME", "PT13H"),
    ("WRIVETED_FIREBASE_STAFF_SIGN_IN_AGE", "PT13H"),
    ("WRIVETED_FIREBASE_PROJECT_ID", "Huey Books"),
    ("WRIVETED_FIREBASE_PROVIDERS", "google.com,anonymous"),
    ("WRIVETED_FIREBASE_PROVIDERS", "custom"),
    ("WRIVETED_FIREBASE_EMULATOR_HOST", "http://localhost:9099/"),
    ("WRIVETED_EGRESS_CONTACT", "x\r\nHost: y"),
    ("WRIVETED_EGRESS_CONTACT", "us"),
    ("WRIVETED_HYDRATION_PROVIDERS", "nielsen,amazon"),
    ("WRIVETED_HYDRATION_PROVIDERS", "nielsen,nielsen"),
    ("WRIVETED_NIELSEN_PASSWORD", "hush"),
    ("WRIVETED_OPEN_LIBRARY_REQUESTS_PER_MINUTE", "181"),
    ("WRIVETED_IDEMPOTENCY_RETENTION", "PT1H"),
    ("WRIVETED_DEBUG", "true"),
    ("WRIVETED_SQL_ECHO", "true"),
    ("WRIVETED_TEST_AUTH", "true"),
    ("WRIVETED_DATABASE_URL", database()),
    ("WRIVETED_TOKN_KEYS", KEY),
    ("wriveted_token_keys", KEY),
    ("WRIVETED_SECRET_KEY", KEY),
]


@pytest.mark.parametrize(("name", "value"), [*INSECURE, *WRONG, ("WRIVETED_ENVIRONMENT", "prod")])
def test_production_refuses_an_insecure_setting_by_its_name_and_without_its_value(name: str, value: str) -> None:
    found = problems(GOOD | {name: value})
    assert [problem.partition(": ")[0] for problem in found] == [name]
    secret = [KEY, OTHER_KEY, PASSWORD, *([value] if len(value) > 7 else [])]
    assert [text for text in secret if text in str(InsecureConfiguration(found))] == []


@pytest.mark.parametrize("environment", ["development", "test"])
@pytest.mark.parametrize(("name", "value"), INSECURE)
def test_other_environments_may_be_insecure(environment: str, name: str, value: str) -> None:
    assert problems(GOOD | {name: value, "WRIVETED_ENVIRONMENT": environment}) == ()


@pytest.mark.parametrize("environment", ["development", "test"])
@pytest.mark.parametrize(("name", "value"), WRONG)
def test_other_environments_keep_the_limits(environment: str, name: str, value: str) -> None:
    found = problems(GOOD | {name: value, "WRIVETED_ENVIRONMENT": environment})
    assert [problem.partition(": ")[0] for problem in found] == [name]


def test_production_is_what_runs_unless_something_else_is_asked_for() -> None:
    assert load_settings(GOOD).environment == "production"
    assert load_settings(GOOD | {"WRIVETED_ENVIRONMENT": ""}).environment == "production"


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


def test_key_of_another_environment_is_refused() -> None:
    found = problems(GOOD | {"WRIVETED_FOREIGN_KEY_IDS": f"{'0' * 16},{key_id(OTHER_KEY)}"})
    assert found == ("WRIVETED_TOKEN_KEYS: key 2 belongs to another environment",)


def test_generated_keys_are_always_accepted() -> None:
    chance = random.Random(20)
    for raw in (chance.randbytes(32) for _ in range(300)):
        for spelled in (raw.hex(), base64.b64encode(raw).decode(), base64.urlsafe_b64encode(raw).decode()):
            assert problems(GOOD | {"WRIVETED_TOKEN_KEYS": spelled}) == ()


@pytest.mark.parametrize(
    "given",
    [f"{KEY},{OTHER_KEY}", f" {KEY} , {OTHER_KEY} ,", f'["{KEY}","{OTHER_KEY}"]', f'\n["{KEY}",\n"{OTHER_KEY}"]'],
)
def test_list_is_read_from_commas_or_json(given: str) -> None:
    keys = load_settings(GOOD | {"WRIVETED_TOKEN_KEYS": given}).token_keys
    assert [key.get_secret_value() for key in keys] == [KEY, OTHER_KEY]


def test_sizes_and_durations_are_read_in_their_units() -> None:
    units = {"WRIVETED_MAX_BODY": "1.5KiB", "WRIVETED_USER_TOKEN_LIFETIME": "PT90M"}
    found = load_settings(GOOD | units | {"WRIVETED_SERVICE_TOKEN_LIFETIME": "30 days"})
    assert found.max_body == 1536
    assert found.user_token_lifetime == timedelta(minutes=90)
    assert found.service_token_lifetime == timedelta(days=30)


def test_trailing_slash_of_the_public_url_is_dropped() -> None:
    assert (
        load_settings(GOOD | {"WRIVETED_PUBLIC_URL": "https://api.hueybooks.com/"}).public_url
        == GOOD["WRIVETED_PUBLIC_URL"]
    )


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_database_url_serves_sqlalchemy_and_libpq(scheme: str) -> None:
    awkward = "p%40ss%2Fw%3Ard"
    url = database(password=awkward, host=f"{HOST}:6432").replace("postgresql", scheme)
    found = load_settings(GOOD | {"DATABASE_URL": url})
    rest = f"wriveted_app:{awkward}@{HOST}:6432/wriveted?sslmode=verify-full"
    assert found.sqlalchemy_url == f"postgresql+psycopg://{rest}"
    assert conninfo_to_dict(found.dsn) == {
        "user": "wriveted_app",
        "password": "p@ss/w:rd",
        "host": HOST,
        "port": "6432",
        "dbname": "wriveted",
        "sslmode": "verify-full",
    }


@pytest.mark.parametrize("query", ["host=/cloudsql/huey:region:db", "host=%2Frun%2Fpostgresql"])
def test_unix_socket_needs_no_tls(query: str) -> None:
    url = database(host="", query=query)
    assert str(conninfo_to_dict(load_settings(GOOD | {"DATABASE_URL": url}).dsn)["host"]).startswith("/")


def test_settings_cannot_be_changed_nor_show_secrets() -> None:
    found = load_settings(GOOD)
    with pytest.raises(ValidationError):
        found.log_level = "DEBUG"  # type: ignore[misc]
    shown = f"{found!r} {found} {found.model_dump_json()}"
    assert [secret for secret in (KEY, OTHER_KEY, PASSWORD) if secret in shown] == []


def test_settings_look_at_nothing_but_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert "DATABASE_URL: is not set" in problems({})
    with pytest.raises(ValidationError):
        Settings()


def test_direct_construction_is_held_to_the_same_rules_and_shows_no_value() -> None:
    given = {name: GOOD[variable] for name, variable in VARIABLES.items() if variable in GOOD}
    assert Settings(**cast(Any, given)) == load_settings(GOOD)
    with pytest.raises(ValidationError) as refusal:
        Settings(**cast(Any, given | {"token_keys": (KEY[:20],)}))
    assert KEY[:20] not in str(refusal.value)


def test_keys_for_other_purposes_are_derived_from_the_signing_key() -> None:
    found, rotated = load_settings(GOOD), load_settings(GOOD | {"WRIVETED_TOKEN_KEYS": f"{OTHER_KEY},{KEY}"})
    derived = [found.signing_key("cursor"), found.signing_key("webhook"), rotated.signing_key("cursor")]
    assert len({KEY.encode(), *derived}) == 4
    assert {len(key) for key in derived} == {32}
    assert found.signing_key("cursor") == load_settings(GOOD).signing_key("cursor")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_described_and_every_number_has_a_floor_and_a_ceiling(name: str) -> None:
    field = Settings.model_fields[name]
    assert field.description
    if isinstance(field.default, int | float | timedelta) and not isinstance(field.default, bool):
        bounds = {type(bound) for bound in field.metadata}
        assert bounds & {annotated_types.Gt, annotated_types.Ge}
        assert annotated_types.Le in bounds


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


SETTINGS = "import app.core.config; app.core.config.settings()"
INTERNAL = "import app.core.config; app.core.config.serving_settings()"


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


NOW = 1_800_000_000.0
SOUND: dict[str, Any] = {
    "superuser": False,
    "bypasses_rls": False,
    "owns_tables": False,
    "changes_audit": False,
    "fsync": True,
    "synchronous_commit": True,
    "max_connections": 97,
    "clock": NOW,
}


def test_sound_server_meets_no_objection() -> None:
    assert objections(SOUND, now=NOW) == []
    more = {"connections": 97, "migration": "0003", "expected_migration": "0003", "clock": NOW - 5}
    assert objections(SOUND | more, now=NOW) == []


@pytest.mark.parametrize(
    ("fact", "objection"),
    [
        ({"superuser": True}, "superuser"),
        ({"bypasses_rls": True}, "row-level security"),
        ({"owns_tables": True}, "owns tables"),
        ({"changes_audit": True}, "change the audit"),
        ({"fsync": False}, "fsync"),
        ({"synchronous_commit": False}, "synchronous_commit"),
        ({"connections": 98}, "max_connections"),
        ({"clock": NOW + 5.1}, "clocks"),
        ({"clock": NOW - 5.1}, "clocks"),
        ({"clock": float("nan")}, "clocks"),
        ({"migration": None, "expected_migration": "0003"}, "migrations"),
        ({"migration": "0002", "expected_migration": "0003"}, "migrations"),
    ],
)
def test_unsound_server_meets_an_objection(fact: dict[str, Any], objection: str) -> None:
    (found,) = objections(SOUND | fact, now=NOW)
    assert objection in found


@pytest.mark.parametrize("fact", SOUND)
def test_fact_that_is_missing_counts_against_the_server(fact: str) -> None:
    assert len(objections({name: value for name, value in SOUND.items() if name != fact}, now=NOW)) == 1


async def test_facts_of_a_server_are_those_that_are_judged(database: Database) -> None:
    async with database.transaction(reading=True) as transaction:
        cursor = transaction.driver.cursor(row_factory=dict_row)
        row = await (await cursor.execute(SERVER_FACTS)).fetchone()
    assert row is not None
    assert row.keys() == SOUND.keys()
    assert {type(value) for name, value in row.items() if name not in {"clock", "max_connections"}} == {bool}
    assert not [objection for objection in objections(row) if "clocks" in objection or "connections" in objection]


@pytest.mark.parametrize(
    ("role", "facts"),
    [
        ("NOINHERIT", set()),
        ("IN ROLE {owner}", {"owns_tables"}),
        ("NOINHERIT IN ROLE {owner}", {"owns_tables"}),
        ("BYPASSRLS", {"bypasses_rls"}),
        ("SUPERUSER", {"superuser", "bypasses_rls", "owns_tables"}),
    ],
)
async def test_facts_are_of_all_that_a_role_may_become(database: Database, role: str, facts: set[str]) -> None:
    names = {"role": Identifier(f"role_{uuid4().hex}"), "owner": Identifier(f"owner_{uuid4().hex}")}
    setup = (
        "CREATE ROLE {owner}; GRANT CREATE ON SCHEMA public TO {owner};"
        "CREATE TABLE owned_by_another (); ALTER TABLE owned_by_another OWNER TO {owner};"
        f"CREATE ROLE {{role}} {role}; SET SESSION AUTHORIZATION {{role}}"
    )
    async with database.transaction() as transaction:
        transaction.rollback_only = True
        await transaction.driver.execute(SQL(setup).format(**names))
        cursor = transaction.driver.cursor(row_factory=dict_row)
        row = await (await cursor.execute(SERVER_FACTS)).fetchone()
    assert row is not None
    assert {name for name in ("superuser", "bypasses_rls", "owns_tables") if row[name]} == facts


def test_settings_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    config.settings.cache_clear()
    try:
        assert config.settings() is config.settings()
    finally:
        config.settings.cache_clear()
