import base64
import random
from datetime import timedelta
from typing import Any, cast

import annotated_types
import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import ValidationError

from app.core.config import VARIABLES, Settings
from app.core.environment import InsecureConfiguration, load_settings
from app.core.secret_keys import key_id
from tests.core.good_settings import DATA_KEY, GOOD, HOST, KEY, MISSING, OTHER_KEY, PASSWORD, database, problems

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
