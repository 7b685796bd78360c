"""The settings, read once from the environment. An insecure configuration refuses to start.

A setting is the variable ``WRIVETED_<NAME>``, the database is ``DATABASE_URL``; an empty variable counts as
unset, and no file is read. Lists are separated by commas or written in JSON, durations are ``PT12H`` or
``365 days``, sizes ``256KiB``, other times seconds. Production is what runs unless development or test is
asked for; those two may be insecure, never unlimited. Refusals name setting and fault, never the value.
"""

import difflib
import hashlib
import hmac
import ipaddress
import json
import math
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

PREFIX = "WRIVETED_"
KEY_BYTES = 32
KEY_ENTROPY_BITS = 118
DRIVER = "postgresql+psycopg"
SUPERUSERS = frozenset({"postgres", "root", "admin", "pgsql", "cloudsqlsuperuser", "rdsadmin"})
DEFAULT_PASSWORDS = frozenset({"postgres", "password", "secret", "changeme", "admin", "root", "wriveted", "test"})
URL_OVERRIDES = frozenset({"user", "password", "hostaddr", "service", "passfile", "options", "dbname"})
NOT_PUBLIC = frozenset({"localhost", "localdomain", "local", "test", "invalid", "example", "internal"})
DEBUGGING = frozenset({"PYTHONASYNCIODEBUG", "PYTHONDEVMODE", "PYTHONINSPECT"})
NETWORK_BITS = 8
CLOCK_SKEW_SECONDS = 5.0
SIZE = re.compile(r"\A[0-9]++(?:\.[0-9]++)? ?(?:[kKMG]i?)?B?\Z")
HOST_LABEL = re.compile(r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
PLACEHOLDERS = ("changeme", "change-me", "change_me", "replace", "example", "sample", "default")
SAMPLE_WORDS = (*PLACEHOLDERS, "secret", "passw", "insecure", "wriveted")
# The ids of keys that everybody knows: the tutorials of FastAPI and Flask, and RFC 7515, A.1.
PUBLISHED_KEYS = frozenset({"570dad43de1af4c9", "2598f7d6adc142d8", "8b1b17a9740c068a"})

# The facts that `server_objections` judges: of the role that connects, and of all that it may become by SET ROLE.
SERVER_FACTS = """
SELECT bool_or(r.rolsuper) AS superuser,
       bool_or(r.rolbypassrls) AS bypasses_rls,
       EXISTS (SELECT FROM pg_class AS c
               WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                 AND pg_has_role(session_user, c.relowner, 'MEMBER')) AS owns_tables,
       current_setting('fsync') = 'on' AS fsync,
       current_setting('synchronous_commit') <> 'off' AS synchronous_commit,
       current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true)::int, 0) AS max_connections,
       extract(epoch FROM clock_timestamp())::float8 AS clock
FROM pg_roles AS r
WHERE pg_has_role(session_user, r.oid, 'MEMBER')
"""


class InsecureConfiguration(ValueError):
    """Why this process does not start: each of `problems` is "SETTING: what is wrong", without any value."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n  - ".join(("This configuration is refused, nothing is started:", *self.problems)))


def key_id(key: str) -> str:
    """The public name of a token key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(key.encode()).hexdigest()[:16]


Faults = Callable[[Any, Mapping[str, Any]], Iterator[str]]


def _held_to(faults: Faults) -> AfterValidator:
    """A field's own check: `faults` sees the value and the settings that are declared before it."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if found := list(faults(value, info.data)):
            raise ValueError("; ".join(found))
        return value

    return AfterValidator(check)


def _production(data: Mapping[str, Any]) -> bool:
    return bool(data.get("environment", "production") == "production")


def _listed(value: Any) -> Any:
    """A list as an environment variable spells it: JSON, or separated by commas."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [part for part in map(str.strip, value.split(",")) if part]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("is not a JSON list") from None


def _size(value: Any) -> Any:
    """A size as an environment variable spells it; pydantic alone reads `12-x` by its beginning."""
    if isinstance(value, str) and not SIZE.fullmatch(value):
        raise ValueError("is not a size such as 256KiB")
    return value


def _postgresql(value: SecretStr) -> SecretStr:
    """The database's URL, for the one driver that is used here."""
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL") from None
    if url.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ValueError("has to be a postgresql:// URL")
    return SecretStr(url.set(drivername=DRIVER).render_as_string(hide_password=False))


def _over_unix_socket(url: URL) -> bool:
    named = url.query.get("host") or url.host or ""
    hosts = [host for part in ([named] if isinstance(named, str) else named) for host in part.split(",")]
    return all(host.startswith("/") for host in hosts)


def _database_faults(value: SecretStr, data: Mapping[str, Any]) -> Iterator[str]:
    if not _production(data):
        return
    url = make_url(value.get_secret_value())
    user, password = (url.username or "").lower(), (url.password or "").lower()
    if not user:
        yield "names no user"
    if user in SUPERUSERS:
        yield "connects as a superuser; use a role that owns nothing"
    if password and password in DEFAULT_PASSWORDS | {user, (url.database or "").lower()}:
        yield "has a default password"
    if url.query.keys() & URL_OVERRIDES:
        yield f"may not carry any of the parameters {', '.join(sorted(URL_OVERRIDES))}"
    if url.query.get("sslmode") != "verify-full" and not _over_unix_socket(url):
        yield "needs sslmode=verify-full, unless it is a unix socket"


def _entropy_bits(key: str) -> float:
    """An estimate: Shannon's entropy of the characters or the steps between, times what does not repeat."""

    def shannon(symbols: Iterable[object]) -> float:
        counts = Counter(symbols)
        return -sum(n / counts.total() * math.log2(n / counts.total()) for n in counts.values())

    steps = (ord(after) - ord(before) for before, after in pairwise(key))
    return min(shannon(key), shannon(steps)) * len({key[i : i + 3] for i in range(len(key) - 2)})


def _is_prose(key: str) -> bool:
    return (key.islower() or key.isupper()) and not any(map(str.isdigit, key))


def _key_faults(keys: tuple[SecretStr, ...], data: Mapping[str, Any]) -> Iterator[str]:
    texts = [key.get_secret_value() for key in keys]
    if len(set(texts)) < len(texts):
        yield "holds the same key twice"
    for position, text in enumerate(texts, start=1):
        if not (text.isascii() and text.isprintable()) or " " in text:
            yield f"key {position} has other characters than printable ASCII without spaces"
        elif len(text) < KEY_BYTES:
            yield f"key {position} is shorter than {KEY_BYTES} bytes"
        elif _production(data):
            yield from (f"key {position} {fault}" for fault in _weaknesses(text, data))


def _weaknesses(key: str, data: Mapping[str, Any]) -> Iterator[str]:
    if key_id(key) in PUBLISHED_KEYS or any(word in key.lower() for word in SAMPLE_WORDS):
        yield "is a known sample; make one with `openssl rand -hex 32`"
    if _entropy_bits(key) < KEY_ENTROPY_BITS or _is_prose(key):
        yield "can be guessed (low entropy); make one with `openssl rand -hex 32`"
    if key_id(key) in data.get("foreign_key_ids", ()):
        yield "belongs to another environment"
    database = data.get("database_url")
    if database is not None and make_url(database.get_secret_value()).password == key:
        yield "is the database's password too"


def _is_public(host: str) -> bool:
    """Whether a host is a name in the public DNS: no address in any notation, nothing local."""
    labels = host.split(".")
    return len(labels) > 1 and len(host) <= 253 and labels[-1][:1].isalpha() and labels[-1] not in NOT_PUBLIC


def _is_exact(url: str, *, production: bool, origin: bool = False) -> bool:
    """Whether a URL is scheme, host, port and (no origin) path; in production https on a public host."""
    try:
        parts = urlsplit(url)
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return False
    host = parts.hostname or ""
    exact = f"{parts.scheme}://{host}{port}{'' if origin else parts.path}"
    if url != exact or not all(map(HOST_LABEL.fullmatch, host.split("."))):
        return False
    return parts.scheme == "https" and _is_public(host) if production else parts.scheme in {"http", "https"}


def _url_faults(value: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if value is not None and not _is_exact(value, production=_production(data)):
        yield "has to be a plain URL; in production https, of a public host"


def _party_faults(value: str, data: Mapping[str, Any]) -> Iterator[str]:
    host = urlsplit(value).netloc if "://" in value else value
    if _production(data) and re.search(r"localhost|^\[?::1|^127\.|^0\.0\.0\.0", host.lower()):
        yield "is local; in production it has to be this environment's own"


def _origin_faults(origins: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[str]:
    for position, origin in enumerate(origins, start=1):
        if not _is_exact(origin, production=_production(data), origin=True):
            yield f"entry {position} is not one exact origin; in production https, of a public host"


def _proxy_faults(proxies: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[str]:
    for position, proxy in enumerate(proxies, start=1):
        try:
            if ipaddress.ip_network(proxy, strict=False).prefixlen < NETWORK_BITS:
                yield f"entry {position} trusts more than a /{NETWORK_BITS} network"
        except ValueError:
            yield f"entry {position} is neither an address nor a network"


def _log_faults(level: str, data: Mapping[str, Any]) -> Iterator[str]:
    if level == "DEBUG" and _production(data):
        yield "may not be DEBUG in production"


def _internal_account_faults(account: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if "internal_audience" in data and (account is None) != (data["internal_audience"] is None):
        yield f"goes with {PREFIX}INTERNAL_AUDIENCE: set both or neither"
    if account is not None and _production(data) and not account.endswith(".gserviceaccount.com"):
        yield "has to be the address of a Google service account"


Size = Annotated[ByteSize, BeforeValidator(_size)]
Listed = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Url = Annotated[str, AfterValidator(lambda url: url.rstrip("/")), _held_to(_url_faults)]
Party = Annotated[str, Field(pattern=r"^\S{1,255}$"), _held_to(_party_faults)]
NOTHING, HOUR, DAY, YEAR = timedelta(0), timedelta(hours=1), timedelta(days=1), timedelta(days=365)
KIB, MIB = 1024, 1024 * 1024


class Settings(BaseSettings):
    """Everything that may be set. Built by `load_settings`, or by keyword in a test; reads nothing itself."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    environment: Literal["production", "development", "test"] = Field(
        "production", description="Where this runs; production refuses whatever is insecure."
    )
    public_url: Url = Field(description="Base of the public API's addresses, of error pages too.")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], _held_to(_log_faults)] = Field(
        "INFO", description="The least severe that is logged."
    )

    database_url: Annotated[SecretStr, AfterValidator(_postgresql), _held_to(_database_faults)] = Field(
        description="The PostgreSQL database: postgresql://user:password@host/name?sslmode=verify-full."
    )
    database_pool_size: int = Field(8, ge=1, le=100, description="Connections that one process keeps.")
    database_max_overflow: int = Field(2, ge=0, le=100, description="Connections beyond those, for a moment.")
    database_pool_timeout: float = Field(2.0, gt=0, le=30, description="Wait for a connection, then 503.")
    statement_timeout: float = Field(5.0, gt=0, le=60, description="Longest statement.")
    bulk_statement_timeout: float = Field(45.0, gt=0, le=600, description="The same in a bulk change.")
    lock_timeout: float = Field(2.0, gt=0, le=60, description="Longest wait for a lock.")
    bulk_lock_timeout: float = Field(30.0, gt=0, le=600, description="The same in a bulk change.")
    idle_in_transaction_timeout: float = Field(10.0, gt=0, le=60, description="Longest pause inside one.")

    foreign_key_ids: Listed = Field((), description="Ids of other environments' token keys, refused here.")
    token_keys: Annotated[
        tuple[SecretStr, ...], BeforeValidator(_listed), Field(min_length=1), _held_to(_key_faults)
    ] = Field(description="Keys of our tokens, 32 random bytes or more each: the first signs, all verify.")
    token_issuer: Party = Field(description="`iss` of our tokens, this environment's own.")
    token_audience: Party = Field(description="`aud` of our tokens, this environment's own.")
    user_token_lifetime: timedelta = Field(12 * HOUR, gt=NOTHING, le=DAY, description="A sign-in's.")
    service_token_lifetime: timedelta = Field(YEAR, gt=NOTHING, le=YEAR, description="A service account's.")
    minted_token_lifetime: timedelta = Field(HOUR, gt=NOTHING, le=DAY, description="One that an admin mints.")

    cors_origins: Annotated[Listed, _held_to(_origin_faults)] = Field(
        (), description="Exact origins whose pages may call the public API."
    )
    trusted_proxies: Annotated[Listed, _held_to(_proxy_faults)] = Field(
        (), description="Addresses and networks whose X-Forwarded-For is believed."
    )
    internal_audience: Annotated[str | None, _held_to(_url_faults)] = Field(
        None, description="`aud` of the tokens with which the queue calls the internal API."
    )
    internal_service_account: Annotated[str | None, _held_to(_internal_account_faults)] = Field(
        None, description="E-mail address of the service account as which the queue calls the internal API."
    )

    max_body: Size = Field(ByteSize(256 * KIB), gt=0, le=16 * MIB, description="Largest body.")
    max_bulk_body: Size = Field(ByteSize(16 * MIB), gt=0, le=64 * MIB, description="Largest bulk body.")
    max_bulk_items: int = Field(100_000, ge=1, le=1_000_000, description="Most items in one bulk body.")
    max_header: Size = Field(ByteSize(16 * KIB), ge=KIB, le=64 * KIB, description="Largest header block.")
    max_url: Size = Field(ByteSize(8 * KIB), ge=256, le=64 * KIB, description="Longest URL.")
    body_idle_timeout: float = Field(15.0, gt=0, le=60, description="Longest pause in a body that arrives.")
    rate_limit_account: int = Field(600, ge=1, le=100_000, description="Requests a minute of one account.")
    rate_limit_privileged: int = Field(6000, ge=1, le=1_000_000, description="The same of an admin.")
    rate_limit_anonymous: int = Field(60, ge=1, le=10_000, description="The same of one address.")
    rate_limit_bulk: int = Field(10, ge=1, le=1_000, description="Bulk changes a minute of one collection.")
    idempotency_retention: timedelta = Field(
        48 * HOUR, ge=DAY, le=30 * DAY, description="How long the answer to an Idempotency-Key is kept."
    )

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: Source, *_: Source, **__: Source
    ) -> tuple[Source, ...]:
        return (init_settings,)

    @property
    def sqlalchemy_url(self) -> str:
        """The database for SQLAlchemy, password included."""
        return self.database_url.get_secret_value()

    @property
    def dsn(self) -> str:
        """The database for libpq (psycopg, psql), password included."""
        return self.sqlalchemy_url.replace(DRIVER, "postgresql", 1)

    def signing_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose (`cursor`), derived from the token key that signs, and rotated with it."""
        key = self.token_keys[0].get_secret_value().encode()
        return hmac.digest(key, f"wriveted:{purpose}".encode(), hashlib.sha256)


OWN_WORDS = {"missing": "is not set", "too_short": "is empty"}
VARIABLES = {name: PREFIX + name.upper() for name in Settings.model_fields} | {"database_url": "DATABASE_URL"}


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
            if name.upper().endswith("_EMULATOR_HOST"):
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


def internal_settings() -> Settings:
    """The same for the internal app, which in production has to know who may call it."""
    found = settings()
    if found.environment == "production" and found.internal_service_account is None:
        names = (VARIABLES["internal_audience"], VARIABLES["internal_service_account"])
        raise SystemExit(str(InsecureConfiguration(f"{name}: is not set" for name in names)))
    return found


def server_objections(row: Mapping[str, Any], *, now: float | None = None) -> list[str]:
    """Why production may not be served from this database server; a fact that is missing counts against it.

    `row` holds the columns of `SERVER_FACTS`. The caller may add what the server cannot know: `connections`,
    the most that all processes together may open; `migration` and `expected_migration`. `now`: epoch seconds.
    """
    skew = abs((time.time() if now is None else now) - row.get("clock", -math.inf))
    wanted, available = row.get("connections", 1), row.get("max_connections", 0)
    objections = {
        "the role is a superuser": row.get("superuser") is not False,
        "the role bypasses row-level security": row.get("bypasses_rls") is not False,
        "the role owns tables": row.get("owns_tables") is not False,
        "fsync is off": row.get("fsync") is not True,
        "synchronous_commit is off": row.get("synchronous_commit") is not True,
        "the pools are larger than max_connections": wanted > available,
        "the clocks are more than 5 s apart": not skew <= CLOCK_SKEW_SECONDS,
        "the migrations are not at head": row.get("migration") != row.get("expected_migration"),
    }
    return [objection for objection, holds in objections.items() if holds]
