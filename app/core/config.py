"""The settings: everything that may be set, and how each is spelled.

A setting is the variable ``WRIVETED_<NAME>``, the database is ``DATABASE_URL``. Lists are separated by commas or
written in JSON, durations are ``PT12H`` or ``365 days``, sizes ``256KiB``, other times seconds. Production is what runs
unless development or test is asked for; those two may be insecure, never unlimited.
"""

import hashlib
import hmac
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
)
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import PydanticBaseSettingsSource as Source

from app.core import faults

PREFIX = "WRIVETED_"

Size = Annotated[ByteSize, BeforeValidator(faults.size)]
Listed = Annotated[tuple[str, ...], BeforeValidator(faults.listed)]
Url = Annotated[str, AfterValidator(lambda url: url.rstrip("/")), faults.held_to(faults.url_faults)]
Party = Annotated[str, Field(pattern=r"^\S{1,255}$"), faults.held_to(faults.party_faults)]
LogLevel = Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], faults.held_to(faults.log_faults)]
NOTHING, MINUTE, HOUR = timedelta(0), timedelta(minutes=1), timedelta(hours=1)
DAY, YEAR = timedelta(days=1), timedelta(days=365)
CERTIFICATES = "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
OIDC_CERTIFICATES = "https://www.googleapis.com/oauth2/v1/certs"
ACCOUNTS = "https://identitytoolkit.googleapis.com"
KIB, MIB = 1024, 1024 * 1024


class Settings(BaseSettings):
    """Everything that may be set. Built by `core.environment`, or by keyword in a test; reads nothing itself."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True)

    environment: Literal["production", "development", "test"] = Field(
        "production", description="Where this runs; production refuses whatever is insecure."
    )
    public_url: Url = Field(description="Base of the public API's addresses, of error pages too.")
    log_level: LogLevel = Field("INFO", description="The least severe that is logged.")

    database_url: Annotated[SecretStr, AfterValidator(faults.postgresql), faults.held_to(faults.database_faults)] = (
        Field(description="The PostgreSQL database: postgresql://user:password@host/name?sslmode=verify-full.")
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
        tuple[SecretStr, ...], BeforeValidator(faults.listed), Field(min_length=1), faults.held_to(faults.key_faults)
    ] = Field(description="Keys of our tokens, 32 random bytes or more each: the first signs, all verify.")
    data_keys: Annotated[
        tuple[SecretStr, ...],
        BeforeValidator(faults.listed),
        Field(min_length=1),
        faults.held_to(faults.data_key_faults),
    ] = Field(description="Keys of sealed data, none of them a token key: the first seals, all open.")
    token_issuer: Party = Field(description="`iss` of our tokens, this environment's own.")
    token_audience: Party = Field(description="`aud` of our tokens, this environment's own.")
    user_token_lifetime: timedelta = Field(12 * HOUR, gt=NOTHING, le=DAY, description="A sign-in's.")
    student_token_lifetime: timedelta = Field(
        12 * HOUR, gt=NOTHING, le=12 * HOUR, description="A sign-in's with a class code."
    )
    class_code_lifetime: timedelta = Field(YEAR, gt=NOTHING, le=YEAR, description="Of a class's code, then rotate it.")
    service_token_lifetime: timedelta = Field(YEAR, gt=NOTHING, le=YEAR, description="A service account's.")
    minted_token_lifetime: timedelta = Field(HOUR, gt=NOTHING, le=DAY, description="One that an admin mints.")
    access_token_lifetime: timedelta = Field(
        MINUTE * 15, gt=NOTHING, le=MINUTE * 15, description="An access token's beside a refresh token."
    )
    session_lifetime: timedelta = Field(
        30 * DAY, gt=NOTHING, le=30 * DAY, description="Then one signs in again, however often a session was renewed."
    )
    student_session_lifetime: timedelta = Field(12 * HOUR, gt=NOTHING, le=12 * HOUR, description="The same of a pupil.")

    firebase_project_id: Annotated[str | None, faults.held_to(faults.project_faults)] = Field(
        None, validate_default=True, description="The Firebase project whose ID tokens are exchanged here."
    )
    firebase_providers: Annotated[Listed, faults.held_to(faults.provider_faults)] = Field(
        ("google.com", "apple.com", "microsoft.com", "password"), description="Ways to sign in there that count here."
    )
    firebase_staff_sign_in_age: timedelta = Field(
        12 * HOUR, gt=NOTHING, le=12 * HOUR, description="Longest since staff last signed in there."
    )
    firebase_check_revoked: bool = Field(
        False, description="Ask Firebase at each exchange whether the account is disabled or signed out."
    )
    firebase_certificates_url: Annotated[Url, faults.held_to(faults.only_googles(CERTIFICATES))] = Field(
        CERTIFICATES, description="Where the certificates of ID tokens are fetched; production takes no other."
    )
    firebase_accounts_url: Annotated[Url, faults.held_to(faults.only_googles(ACCOUNTS))] = Field(
        ACCOUNTS, description="Where accounts are looked up; production takes no other."
    )
    firebase_emulator_host: Annotated[str | None, faults.held_to(faults.emulator_faults)] = Field(
        None, description="host:port of an Auth emulator, whose unsigned tokens are taken instead; never in production."
    )

    egress_contact: Annotated[str | None, faults.held_to(faults.contact_faults)] = Field(
        None, description="E-mail address or page, told to other hosts so that they can reach us; else `public_url`."
    )
    egress_loopback: Annotated[bool, faults.held_to(faults.loopback_faults)] = Field(
        False, description="Whether other hosts may be twins on this machine, over http; never in production."
    )

    hydration_providers: Annotated[Listed, faults.held_to(faults.book_data_faults)] = Field(
        ("nielsen", "open-library", "google-books"), description="Who is asked for book data, in this order; [] nobody."
    )
    label_after_hydration: bool = Field(True, description="Whether works whose data came are labelled then.")
    nielsen_url: Annotated[Url, faults.held_to(faults.url_faults)] = Field(
        "https://ws.nielsenbookdataonline.com/BDOLRest/RESTwebServices/BDOLrequest", description="Nielsen BookData."
    )
    nielsen_client_id: str | None = Field(None, description="Our account there; without one it is not asked.")
    nielsen_password: Annotated[SecretStr | None, faults.held_to(faults.nielsen_faults)] = Field(
        None, validate_default=True, description="Its password."
    )
    nielsen_requests_per_minute: int = Field(120, ge=1, le=6000, description="Requests that the licence allows.")
    open_library_url: Annotated[Url, faults.held_to(faults.url_faults)] = Field(
        "https://openlibrary.org", description="Open Library."
    )
    open_library_covers_url: Annotated[Url, faults.held_to(faults.url_faults)] = Field(
        "https://covers.openlibrary.org", description="Where its pictures of covers are."
    )
    open_library_requests_per_minute: int = Field(60, ge=1, le=180, description="Requests that it bears.")
    google_books_url: Annotated[Url, faults.held_to(faults.url_faults)] = Field(
        "https://www.googleapis.com/books/v1", description="Google Books."
    )
    google_books_key: SecretStr | None = Field(None, description="An API key for it, which raises its quota.")
    google_books_requests_per_day: int = Field(1000, ge=1, le=1_000_000, description="Requests of its quota.")

    labeller: Literal["local", "openai"] = Field(
        "local", description="Who labels books: our own rules, or a language model at an endpoint like OpenAI's."
    )
    labeller_url: Annotated[Url, faults.held_to(faults.url_faults)] = Field(
        "https://api.openai.com/v1", description="That endpoint."
    )
    labeller_key: Annotated[SecretStr | None, faults.held_to(faults.labeller_faults)] = Field(
        None, validate_default=True, description="Its API key."
    )
    labeller_model: str = Field("gpt-4o-mini", pattern=r"^[!-~]{1,100}$", description="The model to ask there.")
    labeller_timeout: float = Field(30.0, gt=0, le=60, description="Longest wait for one answer.")
    labeller_input_price: Decimal = Field(Decimal("0.15"), ge=0, le=1000, description="US$ per million tokens told.")
    labeller_output_price: Decimal = Field(Decimal("0.60"), ge=0, le=1000, description="The same of tokens answered.")
    labeller_daily_budget: Decimal = Field(
        Decimal(5), ge=0, le=10_000, description="US$ a day, in UTC; then our own rules label until midnight."
    )

    cors_origins: Annotated[Listed, faults.held_to(faults.origin_faults)] = Field(
        (), description="Exact origins whose pages may call the public API."
    )
    trusted_proxies: Annotated[Listed, faults.held_to(faults.proxy_faults)] = Field(
        (), description="Addresses and networks whose X-Forwarded-For is believed."
    )
    internal_audience: Annotated[str | None, faults.held_to(faults.url_faults)] = Field(
        None, description="`aud` of the tokens with which the queue calls the internal API."
    )
    internal_service_account: Annotated[str | None, faults.held_to(faults.internal_account_faults)] = Field(
        None, description="E-mail address of the service account as which the queue calls the internal API."
    )

    internal_url: Annotated[Url | None, faults.held_to(faults.url_faults)] = Field(
        None, description="Base of the internal API's addresses, where the queue calls."
    )
    cloud_tasks_location: Annotated[str | None, faults.held_to(faults.location_faults)] = Field(
        None, description="Where the queues of Cloud Tasks are: projects/<project>/locations/<location>."
    )
    cloud_tasks_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{0,40}$")] = Field(
        "", description="What the names of the queues begin with; the kind of task follows."
    )
    cloud_tasks_address: Annotated[str | None, faults.held_to(faults.twin_faults)] = Field(
        None, description="host:port of a twin of Cloud Tasks, asked without credentials; never in production."
    )
    task_first_pause: float = Field(
        5.0, gt=0, le=60, description="After a task's first failure; each further pause is four times as long."
    )
    internal_certificates_url: Annotated[Url, faults.held_to(faults.only_googles(OIDC_CERTIFICATES))] = Field(
        OIDC_CERTIFICATES, description="Where the certificates of the queue's tokens are; production takes no other."
    )
    app_url: Annotated[Url | None, faults.held_to(faults.url_faults)] = Field(
        None, description="Where the Huey Books app is, for the links in e-mails."
    )
    mail_transport: Literal["smtp", "sendgrid", "files"] | None = Field(
        None, description="How e-mail is sent; `files` keeps it under .wriveted/mail, never in production."
    )
    mail_sender: Annotated[str, faults.held_to(faults.sender_faults)] = Field(
        "hello@localhost", validate_default=True, description="The address that e-mail comes from."
    )
    mail_sender_name: str = Field(
        "Huey Books", max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="The name beside that address."
    )
    smtp_host: Annotated[str | None, faults.held_to(faults.smtp_faults)] = Field(
        None, validate_default=True, description="The mail server."
    )
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Annotated[Literal["starttls", "tls", "none"], faults.held_to(faults.smtp_security_faults)] = Field(
        "starttls", description="How the connection to it is encrypted; `none` never in production."
    )
    smtp_username: str | None = Field(None, description="Who we are there.")
    smtp_password: Annotated[SecretStr | None, faults.held_to(faults.smtp_password_faults)] = Field(
        None, validate_default=True, description="The password that goes with it."
    )
    sendgrid_api_key: Annotated[SecretStr | None, faults.held_to(faults.sendgrid_faults)] = Field(
        None, validate_default=True, description="The key of our account at SendGrid."
    )
    slack_bot_token: SecretStr | None = Field(None, description="The token of our Slack app (chat:write).")
    slack_webhook_url: Annotated[SecretStr | None, faults.held_to(faults.slack_faults)] = Field(
        None, description="An incoming webhook of Slack instead: all alerts go to its one channel."
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Of 127.0.0.1, where the public API's process shows its metrics; else nowhere.",
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
    rate_limit_classroom: int = Field(600, ge=1, le=100_000, description="The same where pupils sign in.")
    rate_limit_bulk: int = Field(10, ge=1, le=1_000, description="Bulk changes a minute of one collection.")
    event_retention: timedelta = Field(
        760 * DAY, ge=90 * DAY, le=10 * YEAR, description="How long events are kept: some 25 months."
    )
    stale_sync_after: timedelta = Field(
        7 * DAY, ge=DAY, le=YEAR, description="A school that has not synced for so long is told of."
    )
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
        return self.sqlalchemy_url.replace(faults.DRIVER, "postgresql", 1)

    def signing_key(self, purpose: str) -> bytes:
        """32 bytes for one purpose (`cursor`), derived from the token key that signs, and rotated with it."""
        key = self.token_keys[0].get_secret_value().encode()
        return hmac.digest(key, f"wriveted:{purpose}".encode(), hashlib.sha256)


VARIABLES = {name: PREFIX + name.upper() for name in Settings.model_fields} | {"database_url": "DATABASE_URL"}
