"""What may be wrong with a setting. Each check sees a value, and the settings declared before it, and yields words."""

import ipaddress
import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationInfo
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from app.core.secret_keys import KEY_BYTES, can_be_guessed, is_known_sample, key_id
from app.core.urls import HOST_LABEL, is_exact, is_public

DRIVER = "postgresql+psycopg"
SUPERUSERS = frozenset({"postgres", "root", "admin", "pgsql", "cloudsqlsuperuser", "rdsadmin"})
DEFAULT_PASSWORDS = frozenset({"postgres", "password", "secret", "changeme", "admin", "root", "wriveted", "test"})
URL_OVERRIDES = frozenset({"user", "password", "hostaddr", "service", "passfile", "options", "dbname"})
NETWORK_BITS = 8
SIZE = re.compile(r"\A[0-9]++(?:\.[0-9]++)? ?(?:[kKMG]i?)?B?\Z")
PROJECT = re.compile(r"\A[a-z][a-z0-9-]{4,28}[a-z0-9]\Z")
PROVIDER = re.compile(r"\A[a-z][a-z0-9.-]{1,60}\Z")
LOCATION = re.compile(r"\Aprojects/[a-z][a-z0-9-]{4,28}[a-z0-9]/locations/[a-z0-9-]{2,40}\Z")
BOOK_DATA = ("nielsen", "open-library", "google-books")
CONTACT = re.compile(r"\A(?:https://|[A-Za-z0-9._+-]{1,64}@)[A-Za-z0-9][A-Za-z0-9./_-]{2,200}\Z")
HOST_AND_PORT = re.compile(r"\A[A-Za-z0-9.-]{1,253}:[0-9]{1,5}\Z")
MAILBOX = re.compile(r"\A[A-Za-z0-9._+-]{1,64}\Z")
SLACK_HOOK = re.compile(r"\Ahttps://hooks\.slack\.com/services/[A-Za-z0-9/]{20,200}\Z")

Faults = Callable[[Any, Mapping[str, Any]], Iterator[str]]


def held_to(faults: Faults) -> AfterValidator:
    """A field's own check: `faults` sees the value and the settings that are declared before it."""

    def check(value: Any, info: ValidationInfo) -> Any:
        if found := list(faults(value, info.data)):
            raise ValueError("; ".join(found))
        return value

    return AfterValidator(check)


def production(data: Mapping[str, Any]) -> bool:
    return bool(data.get("environment", "production") == "production")


def listed(value: Any) -> Any:
    """A list as an environment variable spells it: JSON, or separated by commas."""
    if not isinstance(value, str):
        return value
    if not value.lstrip().startswith("["):
        return [part for part in map(str.strip, value.split(",")) if part]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("is not a JSON list") from None


def size(value: Any) -> Any:
    """A size as an environment variable spells it; pydantic alone reads `12-x` by its beginning."""
    if isinstance(value, str) and not SIZE.fullmatch(value):
        raise ValueError("is not a size such as 256KiB")
    return value


def postgresql(value: SecretStr) -> SecretStr:
    """The database's URL, for the one driver that is used here."""
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):
        raise ValueError("is not a database URL") from None
    if url.drivername not in {"postgres", "postgresql", DRIVER}:
        raise ValueError("has to be a postgresql:// URL")
    return SecretStr(url.set(drivername=DRIVER).render_as_string(hide_password=False))


def over_unix_socket(url: URL) -> bool:
    named = url.query.get("host") or url.host or ""
    hosts = [host for part in ([named] if isinstance(named, str) else named) for host in part.split(",")]
    return all(host.startswith("/") for host in hosts)


def database_faults(value: SecretStr, data: Mapping[str, Any]) -> Iterator[str]:
    if not production(data):
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
    if url.query.get("sslmode") != "verify-full" and not over_unix_socket(url):
        yield "needs sslmode=verify-full, unless it is a unix socket"


def key_faults(keys: tuple[SecretStr, ...], data: Mapping[str, Any]) -> Iterator[str]:
    texts = [key.get_secret_value() for key in keys]
    if len(set(texts)) < len(texts):
        yield "holds the same key twice"
    for position, text in enumerate(texts, start=1):
        if not (text.isascii() and text.isprintable()) or " " in text:
            yield f"key {position} has other characters than printable ASCII without spaces"
        elif len(text) < KEY_BYTES:
            yield f"key {position} is shorter than {KEY_BYTES} bytes"
        elif production(data):
            yield from (f"key {position} {fault}" for fault in weaknesses(text, data))


def data_key_faults(keys: tuple[SecretStr, ...], data: Mapping[str, Any]) -> Iterator[str]:
    yield from key_faults(keys, data)
    signing = {key.get_secret_value() for key in data.get("token_keys", ())}
    for position, key in enumerate(keys, start=1):
        if key.get_secret_value() in signing:
            yield f"key {position} is a token key too"


def weaknesses(key: str, data: Mapping[str, Any]) -> Iterator[str]:
    if is_known_sample(key):
        yield "is a known sample; make one with `openssl rand -hex 32`"
    if can_be_guessed(key):
        yield "can be guessed (low entropy); make one with `openssl rand -hex 32`"
    if key_id(key) in data.get("foreign_key_ids", ()):
        yield "belongs to another environment"
    database = data.get("database_url")
    if database is not None and make_url(database.get_secret_value()).password == key:
        yield "is the database's password too"


def url_faults(value: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if value is not None and not is_exact(value, production=production(data)):
        yield "has to be a plain URL; in production https, of a public host"


def party_faults(value: str, data: Mapping[str, Any]) -> Iterator[str]:
    host = urlsplit(value).netloc if "://" in value else value
    if production(data) and re.search(r"localhost|^\[?::1|^127\.|^0\.0\.0\.0", host.lower()):
        yield "is local; in production it has to be this environment's own"


def origin_faults(origins: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[str]:
    for position, origin in enumerate(origins, start=1):
        if not is_exact(origin, production=production(data), origin=True):
            yield f"entry {position} is not one exact origin; in production https, of a public host"


def proxy_faults(proxies: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[str]:
    for position, proxy in enumerate(proxies, start=1):
        try:
            if ipaddress.ip_network(proxy, strict=False).prefixlen < NETWORK_BITS:
                yield f"entry {position} trusts more than a /{NETWORK_BITS} network"
        except ValueError:
            yield f"entry {position} is neither an address nor a network"


def log_faults(level: str, data: Mapping[str, Any]) -> Iterator[str]:
    if level == "DEBUG" and production(data):
        yield "may not be DEBUG in production"


def internal_account_faults(account: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if "internal_audience" in data and (account is None) != (data["internal_audience"] is None):
        yield "goes with WRIVETED_INTERNAL_AUDIENCE: set both or neither"
    if account is not None and production(data) and not account.endswith(".gserviceaccount.com"):
        yield "has to be the address of a Google service account"


def location_faults(location: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if location is not None and not LOCATION.fullmatch(location):
        yield "has to be projects/<project>/locations/<location>"


def twin_faults(host: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if host is not None and production(data):
        yield "a twin may not be asked in production"
    if host is not None and not HOST_AND_PORT.fullmatch(host):
        yield "has to be host:port"


def project_faults(project: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if project is None:
        if production(data):
            yield "is not set"
    elif not PROJECT.fullmatch(project):
        yield "is not the id of a project, such as huey-books-prod"


def provider_faults(providers: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[str]:
    for position, provider in enumerate(providers, start=1):
        if provider in {"anonymous", "custom"} or not PROVIDER.fullmatch(provider):
            yield f"entry {position} proves nobody's identity"


def only_googles(address: str) -> Faults:
    """Whether a URL is Google's own, which production insists on; elsewhere it may be any."""

    def check(url: str, data: Mapping[str, Any]) -> Iterator[str]:
        if production(data) and url != address:
            yield "has to be Google's own in production"

    return check


def contact_faults(contact: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if contact is not None and not CONTACT.fullmatch(contact):
        yield "has to be an e-mail address or an https:// page"


def loopback_faults(allowed: bool, data: Mapping[str, Any]) -> Iterator[str]:
    if allowed and production(data):
        yield "may not be on in production"


def book_data_faults(providers: tuple[str, ...], data: Mapping[str, Any]) -> Iterator[str]:
    for position, provider in enumerate(providers, start=1):
        if provider not in BOOK_DATA or provider in providers[: position - 1]:
            yield f"entry {position} is none of {', '.join(BOOK_DATA)}, or is there twice"


def nielsen_faults(password: SecretStr | None, data: Mapping[str, Any]) -> Iterator[str]:
    if "nielsen_client_id" in data and (password is None) != (data["nielsen_client_id"] is None):
        yield "goes with WRIVETED_NIELSEN_CLIENT_ID: set both or neither"


def labeller_faults(key: SecretStr | None, data: Mapping[str, Any]) -> Iterator[str]:
    if key is None and data.get("labeller") == "openai" and production(data):
        yield "is not set, and WRIVETED_LABELLER is openai"


def emulator_faults(host: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    if host is None:
        return
    if production(data):
        yield "an emulator verifies nothing; it may not be set in production"
    if not HOST_AND_PORT.fullmatch(host):
        yield "has to be host:port"
    if data.get("firebase_project_id") is None:
        yield "goes with WRIVETED_FIREBASE_PROJECT_ID"


def sender_faults(address: str, data: Mapping[str, Any]) -> Iterator[str]:
    name, _, host = address.partition("@")
    if not MAILBOX.fullmatch(name) or not all(map(HOST_LABEL.fullmatch, host.split("."))):
        yield "is not a plain e-mail address"
    elif production(data) and data.get("mail_transport") is not None and not is_public(host):
        yield "has to be an address that can be answered, since e-mail is sent"


def smtp_faults(host: str | None, data: Mapping[str, Any]) -> Iterator[str]:
    transport = data.get("mail_transport")
    if transport == "files" and production(data):
        yield "has to be set, or SendGrid used: production does not keep e-mail in files"
    if (transport == "smtp") != (host is not None):
        yield "goes with WRIVETED_MAIL_TRANSPORT=smtp: set both or neither"
    if transport is not None and production(data) and data.get("app_url") is None:
        yield "needs WRIVETED_APP_URL beside it, for the links in e-mails"


def smtp_security_faults(security: str, data: Mapping[str, Any]) -> Iterator[str]:
    if security == "none" and production(data):
        yield "may not be none in production"


def smtp_password_faults(password: SecretStr | None, data: Mapping[str, Any]) -> Iterator[str]:
    if (password is None) != (data.get("smtp_username") is None):
        yield "goes with WRIVETED_SMTP_USERNAME: set both or neither"


def sendgrid_faults(key: SecretStr | None, data: Mapping[str, Any]) -> Iterator[str]:
    if (key is not None) != (data.get("mail_transport") == "sendgrid"):
        yield "goes with WRIVETED_MAIL_TRANSPORT=sendgrid: set both or neither"


def slack_faults(url: SecretStr | None, data: Mapping[str, Any]) -> Iterator[str]:
    if url is None:
        return
    if data.get("slack_bot_token") is not None:
        yield "may not be set beside WRIVETED_SLACK_BOT_TOKEN"
    if not SLACK_HOOK.fullmatch(url.get_secret_value()):
        yield "is not the address of an incoming webhook of Slack"
