"""The account behind a verified token: one statement for each request, so that what changes there counts at once."""

from app.accounts.models import ServiceAccountType, UserAccountType
from app.accounts.principals import of_service_account, of_user
from app.core.account import Account
from app.core.db import Transaction
from app.core.errors import Unauthenticated
from app.core.security import Claims

# A token speaks for an account that is active and did not revoke it. A service account's token carries the version of
# its credential too: the present one, or, until the overlap of the last rotation ends, the one before.
SERVICE_ACCOUNT = """
    SELECT type, name, is_vendor,
           ARRAY(SELECT school_id FROM service_account_schools WHERE service_account_id = service_accounts.id)
    FROM service_accounts
    WHERE id = %(id)s AND is_active
      AND (tokens_valid_after IS NULL OR tokens_valid_after <= %(issued_at)s)
      AND (credential_version = %(version)s::int
           OR credential_version = %(version)s::int + 1 AND previous_version_until > now())
"""
USER = """
    SELECT type, name
    FROM users
    WHERE id = %(id)s AND is_active AND (tokens_valid_after IS NULL OR tokens_valid_after <= %(issued_at)s)
"""


async def authenticate(transaction: Transaction, claims: Claims) -> Account:
    """Who is asking; ``Unauthenticated``, always the same, for an account that is unknown, inactive or revoked."""
    if claims.kind == "service-account":
        return await _service_account(transaction, claims)
    return await _user(transaction, claims)


async def _service_account(transaction: Transaction, claims: Claims) -> Account:
    values = {"id": claims.id, "issued_at": claims.issued_at, "version": claims.version}
    row = await (await transaction.driver.execute(SERVICE_ACCOUNT, values)).fetchone()
    if row is None:
        raise _refusal()
    kind, name, is_vendor, schools = row
    principals = of_service_account(ServiceAccountType(kind), schools, is_vendor=is_vendor)
    return Account("service_account", claims.id, kind, name, principals, claims)


async def _user(transaction: Transaction, claims: Claims) -> Account:
    values = {"id": claims.id, "issued_at": claims.issued_at}
    row = await (await transaction.driver.execute(USER, values)).fetchone()
    if row is None:
        raise _refusal()
    kind, name = row
    return Account("user", claims.id, kind, name, of_user(claims.id, UserAccountType(kind)), claims)


def _refusal() -> Unauthenticated:
    return Unauthenticated("The token is not valid.", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
