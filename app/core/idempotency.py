"""Safe retries: a request with an ``Idempotency-Key`` has its effect once, and its first answer every time.

The key, the effect and the answer are committed in one transaction: after a crash there is everything, and a retry is
answered from what was stored, or nothing, and a retry does the work. A key belongs to its caller, method and route;
the same key with another request is refused. Answers of 5xx and refusals are not stored: they had no effect. Bodies are
sealed (core/sealing): an answer may show what the tables themselves keep sealed.
"""

import hashlib
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import Depends, Header, Request, Response
from psycopg.types.json import Jsonb
from sqlalchemy import LargeBinary, String, func
from sqlalchemy.orm import Mapped, mapped_column

from app.core.db import Base, Driver, RequestTransaction
from app.core.errors import Conflict, IdempotencyInFlight, IdempotencyMismatch
from app.core.guards import Caller
from app.core.requests import before_commit
from app.core.sealing import Unsealable, Vault

REPLAYED = ("content-type", "etag", "location")


class IdempotencyRecord(Base):
    """The first answer to a request that carried a key."""

    __tablename__ = "idempotency_records"

    subject: Mapped[str] = mapped_column(String(60), primary_key=True)
    operation: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


class Replay(Exception):
    """Not an error: the request was answered before, with this."""

    def __init__(self, response: Response) -> None:
        super().__init__("answered before")
        self.response = response


async def replay_or_remember(
    request: Request,
    caller: Caller,
    transaction: RequestTransaction,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x21-\x7e]+$",
            description="Any text of yours, new for each new request: the same request sent again with the same key "
            "within 48 hours has no second effect and gets the first answer, marked `Idempotent-Replayed: true`.",
        ),
    ] = None,
) -> None:
    if key is None:
        return
    driver = transaction.driver
    identity = (caller.subject, f"{request.method} {request.scope['route'].path_format}", key)
    retention, vault = request.app.state.settings.idempotency_retention, request.app.state.vault
    fingerprint = await _fingerprint(request)
    locked = await driver.execute("SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 0))", ("\n".join(identity),))
    if await locked.fetchone() == (False,):
        raise IdempotencyInFlight
    await _replay(driver, vault, identity, fingerprint, retention)

    async def remember(response: Response) -> None:
        if response.status_code < 300 and not transaction.rollback_only:
            await _store(driver, vault, identity, fingerprint, response, retention)

    before_commit(request, remember)


Idempotent = Annotated[None, Depends(replay_or_remember)]
"""Name it after the guard in a door's signature: who lost a right is not shown what it once was answered."""


async def _fingerprint(request: Request) -> bytes:
    """What makes two requests the same: path, query and body."""
    digest = hashlib.sha256(f"{request.url.path}?{request.url.query}\n".encode())
    digest.update(await request.body())
    return digest.digest()


def _place(identity: tuple[str, str, str]) -> str:
    """Where an answer's body is sealed for."""
    return "\n".join(("idempotency_records.body", *identity))


async def _replay(
    driver: Driver, vault: Vault, identity: tuple[str, str, str], fingerprint: bytes, retention: timedelta
) -> None:
    found = await driver.execute(
        """SELECT fingerprint, status, headers, body FROM idempotency_records
            WHERE subject = %s AND operation = %s AND key = %s AND created_at > now() - %s""",
        (*identity, retention),
    )
    row = await found.fetchone()
    if row is None:
        return
    known, status, headers, body = row
    if known != fingerprint:
        raise IdempotencyMismatch
    try:
        body = vault.open(body, _place(identity))
    except Unsealable:
        raise Conflict("This was done, but its answer can no longer be shown.") from None
    raise Replay(Response(body, status, {**headers, "Idempotent-Replayed": "true"}))


async def _store(
    driver: Driver,
    vault: Vault,
    identity: tuple[str, str, str],
    fingerprint: bytes,
    response: Response,
    retention: timedelta,
) -> None:
    """Keep the answer, and forget those that are too old to be asked for again."""
    body = vault.seal(bytes(response.body), _place(identity))
    headers = {name: value for name, value in response.headers.items() if name in REPLAYED}
    await driver.execute(
        """WITH forgotten AS (
               DELETE FROM idempotency_records WHERE ctid = ANY(ARRAY(
                   SELECT ctid FROM idempotency_records
                    WHERE created_at < now() - %s AND (subject, operation, key) <> (%s, %s, %s)
                    LIMIT 100 FOR UPDATE SKIP LOCKED))
           )
           INSERT INTO idempotency_records (subject, operation, key, fingerprint, status, headers, body)
           VALUES (%s, %s, %s, %s, %s, %s, %s)
           ON CONFLICT (subject, operation, key) DO UPDATE
              SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
                  body = excluded.body, created_at = now()""",
        (retention, *identity, *identity, fingerprint, response.status_code, Jsonb(headers), body),
    )
