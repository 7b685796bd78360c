"""The account behind a verified token: one statement for each request, so that what changes there counts at once."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.accounts.models import ServiceAccountType, UserAccountType
from app.accounts.principals import NOBODYS, of_service_account, of_user
from app.core.account import Account, AccountKind
from app.core.db import Transaction
from app.core.errors import Unauthenticated
from app.core.security import Claims

# What an account holds, if it is active: a service account until it expires, a student while the school is active.
SERVICE_ACCOUNT_HOLDINGS = """
    SELECT type, name, is_vendor,
           ARRAY(SELECT school_id FROM service_account_schools WHERE service_account_id = service_accounts.id)
    FROM service_accounts
    WHERE id = %(id)s AND is_active
      AND (expires_at IS NULL OR expires_at > now())
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


async def authenticate(transaction: Transaction, claims: Claims) -> Account:
    """Who is asking; ``Unauthenticated``, always the same, for an account that is unknown, inactive or revoked."""
    if claims.kind == "service-account":
        return await _service_account(transaction, claims)
    return await _user(transaction, claims)


async def principals_of(transaction: Transaction, kind: AccountKind, id_: UUID) -> frozenset[str]:
    """What an account holds at present, whatever credential it shows; ``NOBODYS`` if it is unknown or not active."""
    statement = USER_HOLDINGS if kind == "user" else SERVICE_ACCOUNT_HOLDINGS
    row = await (await transaction.driver.execute(statement, {"id": id_})).fetchone()
    if row is None:
        return NOBODYS
    return _of_user(id_, row) if kind == "user" else _of_service_account(row)


async def _service_account(transaction: Transaction, claims: Claims) -> Account:
    values = {"id": claims.id, "issued_at": claims.issued_at, "version": claims.version}
    row = await (await transaction.driver.execute(SERVICE_ACCOUNT, values)).fetchone()
    if row is None:
        raise _refusal()
    return Account("service_account", claims.id, row[0], row[1], _of_service_account(row), claims)


def _of_service_account(row: Sequence[Any]) -> frozenset[str]:
    kind, _, is_vendor, schools = row
    return of_service_account(ServiceAccountType(kind), schools, is_vendor=is_vendor)


async def _user(transaction: Transaction, claims: Claims) -> Account:
    values = {"id": claims.id, "issued_at": claims.issued_at, "session": claims.session}
    row = await (await transaction.driver.execute(USER, values)).fetchone()
    if row is None:
        raise _refusal()
    return Account("user", claims.id, row[0], row[1], _of_user(claims.id, row), claims)


def _of_user(user_id: UUID, row: Sequence[Any]) -> frozenset[str]:
    kind, _, school, class_group, parent, readers = row
    return of_user(
        user_id, UserAccountType(kind), school=school, class_group=class_group, parent=parent, readers=readers
    )


def _refusal() -> Unauthenticated:
    return Unauthenticated("The token is not valid.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
