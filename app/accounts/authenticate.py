"""The account behind a verified token or an API key: one statement for each request, so that what changes there counts
at once."""

import hmac
from collections.abc import Sequence
from typing import Any, assert_never
from uuid import UUID

from app.accounts.models import ServiceAccountType, UserAccountType
from app.accounts.principals import NOBODYS, of_service_account, of_user
from app.core.account import Account, AccountKind
from app.core.acquaintances import Credential
from app.core.api_keys import ApiKey
from app.core.db import Transaction
from app.core.security import Claims, Subject, refusal, utc_now

# What an account holds, if it is active: a service account until it expires, a student while the school is active.
SERVICE_ACCOUNT_HOLDINGS = """
    SELECT type, name, is_vendor,
           ARRAY(SELECT school_id FROM service_account_schools WHERE service_account_id = service_accounts.id)
    FROM service_accounts
    WHERE id = %(id)s AND is_active
      AND (expires_at IS NULL OR expires_at > now())
"""
# A key speaks for its account while the account is active, and neither the account nor the key has expired; until it is
# revoked.
API_KEY = """
    SELECT id, type, name, is_vendor,
           ARRAY(SELECT school_id FROM service_account_schools WHERE service_account_id = service_accounts.id),
           key.secret_hash, key.scopes, key.school_ids, key.created_at, key.expires_at
    FROM (SELECT service_account_id, secret_hash, scopes, school_ids, created_at, expires_at
          FROM api_keys
          WHERE public_id = %(public_id)s AND revoked_at IS NULL AND expires_at > now()) AS key
    JOIN service_accounts ON service_accounts.id = key.service_account_id
    WHERE is_active AND (service_accounts.expires_at IS NULL OR service_accounts.expires_at > now())
"""
NOTE_USE = """
    INSERT INTO credential_uses (credential, used_at) VALUES (%(credential)s, now())
    ON CONFLICT (credential) DO UPDATE SET used_at = excluded.used_at
"""
USER_HOLDINGS = """
    SELECT users.type, users.name, coalesce(students.school_id, educators.school_id), students.class_group_id,
           readers.parent_id,
           CASE users.type
               WHEN 'parent' THEN ARRAY(SELECT id FROM readers AS child WHERE child.parent_id = users.id)
               WHEN 'supporter' THEN ARRAY(SELECT reader_id FROM supporter_reader_association AS link
                                           WHERE link.supporter_id = users.id AND link.is_active)
               ELSE '{}' END
    FROM users
    LEFT JOIN readers USING (id)
    LEFT JOIN students USING (id)
    LEFT JOIN educators USING (id)
    WHERE users.id = %(id)s AND users.is_active
      AND (students.school_id IS NULL OR EXISTS (
              SELECT FROM schools WHERE wriveted_identifier = students.school_id AND state <> 'inactive'))
"""
KNOWN = "SELECT FROM users WHERE id = %(id)s UNION ALL SELECT FROM service_accounts WHERE id = %(id)s"
# A token speaks for an account that did not revoke it. A service account's token carries the version of its credential
# too: the present one, or, until the overlap of the last rotation ends, the one before.
SERVICE_ACCOUNT = f"""{SERVICE_ACCOUNT_HOLDINGS}
      AND (tokens_valid_after IS NULL OR tokens_valid_after <= %(issued_at)s)
      AND (credential_version = %(version)s::int
           OR credential_version = %(version)s::int + 1 AND previous_version_until > now())
"""
# A person's token may name the session that it came from, which then has to go on.
USER = f"""{USER_HOLDINGS}
      AND (users.tokens_valid_after IS NULL OR users.tokens_valid_after <= %(issued_at)s)
      AND (%(session)s::uuid IS NULL OR EXISTS (
              SELECT FROM sign_in_sessions AS session
              WHERE session.id = %(session)s AND session.user_id = users.id AND session.ended_at IS NULL))
"""


async def authenticate(transaction: Transaction, credential: Credential, *, noting_use: bool = False) -> Account:
    """Who is asking; ``Unauthenticated``, always the same, for what is unknown, inactive, expired or revoked.

    ``noting_use`` also writes down when a program's credential was used: for a transaction that ends at once.
    """
    match credential.kind:
        case "user-account":
            return await _user(transaction, credential)
        case "service-account":
            account = await _service_account(transaction, credential)
            used = account.subject
        case "api-key":
            account = await _api_key(transaction, credential)
            used = credential.name
        case _:
            assert_never(credential)
    if noting_use:
        await transaction.driver.execute(NOTE_USE, {"credential": used})
    return account


async def principals_of(transaction: Transaction, kind: AccountKind, id_: UUID) -> frozenset[str]:
    """What an account holds at present, whatever credential it shows; ``NOBODYS`` if it is unknown or not active."""
    statement = USER_HOLDINGS if kind == "user" else SERVICE_ACCOUNT_HOLDINGS
    row = await transaction.row(statement, {"id": id_})
    if row is None:
        return NOBODYS
    return _of_user(id_, row) if kind == "user" else _of_service_account(row)


async def restore(transaction: Transaction, subject: str, *, impersonator: str | None) -> Account:
    """The account on whose behalf a task runs, with what it holds at present: nothing, if it is not active any more.

    ``subject`` and ``impersonator`` are as ``Account`` spells them.
    """
    claims = _claims_of(subject, impersonator)
    kind: AccountKind = "user" if claims.kind == "user-account" else "service_account"
    statement = USER_HOLDINGS if kind == "user" else SERVICE_ACCOUNT_HOLDINGS
    row = await (await transaction.driver.execute(statement, {"id": claims.id})).fetchone()
    if row is not None:
        principals = _of_user(claims.id, row) if kind == "user" else _of_service_account(row)
        return Account(kind, claims.id, row[0], row[1], principals, claims)
    known = await (await transaction.driver.execute(KNOWN, {"id": claims.id})).fetchone()
    return Account(kind, claims.id, "", "", NOBODYS, claims, is_gone=known is None)


def _claims_of(subject: str, impersonator: str | None) -> Claims:
    """What a token would say that speaks for the account now."""
    named, now = _subject(subject), utc_now()
    actor = None if impersonator is None else _subject(impersonator)
    return Claims(named.kind, named.id, jti="", issued_at=now, expires_at=now, actor=actor)


def _subject(text: str) -> Subject:
    kind, _, id_ = text.partition(":")
    return Subject("user-account" if kind == "user" else "service-account", UUID(id_))


async def _service_account(transaction: Transaction, claims: Claims) -> Account:
    values = {"id": claims.id, "issued_at": claims.issued_at, "version": claims.version}
    row = await transaction.row(SERVICE_ACCOUNT, values)
    if row is None:
        raise refusal()
    return Account("service_account", claims.id, row[0], row[1], _of_service_account(row), claims)


def _of_service_account(row: Sequence[Any]) -> frozenset[str]:
    kind, _, is_vendor, schools = row
    return of_service_account(ServiceAccountType(kind), schools, is_vendor=is_vendor)


async def _api_key(transaction: Transaction, key: ApiKey) -> Account:
    row = await transaction.row(API_KEY, {"public_id": key.public_id})
    if row is None or not hmac.compare_digest(row[5], key.secret_hash):
        raise refusal()
    account_id, kind, name, is_vendor, schools, _, scopes, only, created_at, expires_at = row
    principals = of_service_account(ServiceAccountType(kind), schools, is_vendor=is_vendor, only=only)
    claims = Claims("service-account", account_id, key.public_id, created_at, expires_at)
    return Account("service_account", account_id, kind, name, principals, claims, frozenset(scopes))


async def _user(transaction: Transaction, claims: Claims) -> Account:
    values = {"id": claims.id, "issued_at": claims.issued_at, "session": claims.session}
    row = await transaction.row(USER, values)
    if row is None:
        raise refusal()
    narrowed = None if claims.area is None else frozenset({claims.area})
    return Account("user", claims.id, row[0], row[1], _of_user(claims.id, row), claims, narrowed)


def _of_user(user_id: UUID, row: Sequence[Any]) -> frozenset[str]:
    kind, _, school, class_group, parent, readers = row
    return of_user(
        user_id, UserAccountType(kind), school=school, class_group=class_group, parent=parent, readers=readers
    )
