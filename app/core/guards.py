"""Who is asking, and may they: the guards that every door names in its signature."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from app.core.account import Account
from app.core.acl import may
from app.core.db import RequestTransaction, Transaction
from app.core.errors import Forbidden, Unauthenticated
from app.core.ratelimit import RateLimiter, client_address
from app.core.security import Claims

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="HTTPBearer",
    description="A token of this service, from a sign-in or a service account's: `Authorization: Bearer <token>`.",
)


class Authenticate(Protocol):
    """What the accounts domain provides: the account behind a verified token, or ``Unauthenticated``."""

    async def __call__(self, transaction: Transaction, claims: Claims) -> Account: ...


async def get_claims(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> Claims:
    """The verified token. It is read and counted before a connection is taken: a forged one costs no database."""
    if credentials is None:
        raise Unauthenticated
    claims: Claims = request.app.state.tokens.read(credentials.credentials)
    limiter: RateLimiter = request.app.state.limiter
    request.state.allowance = await limiter.take_for_account(f"{claims.kind}:{claims.id}")
    return claims


async def get_caller(
    request: Request, claims: Annotated[Claims, Depends(get_claims)], transaction: RequestTransaction
) -> Account:
    authenticate: Authenticate = request.app.state.authenticate
    account = await authenticate(transaction, claims)
    request.state.account = account
    request.app.state.limiter.remember(f"{claims.kind}:{claims.id}", privileged=account.is_admin)
    return account


Caller = Annotated[Account, Depends(get_caller)]


def Permission(permission: str, resource: Callable[..., Any] | list[Any]) -> Any:
    """A guard: the resource if the caller holds ``permission`` on it, else 403 naming what is missing.

    ``resource`` is a dependency that yields something with an ``__acl__`` (404 when it does not exist), or an ACL.
    """
    if isinstance(resource, list):
        acl = resource

        async def permitted_by_list(caller: Caller) -> Account:
            if not may(acl, permission, caller.principals):
                raise Forbidden(permission=permission)
            return caller

        return _named(permitted_by_list, permission)

    async def permitted(caller: Caller, found: Annotated[Any, Depends(resource)]) -> Any:
        if not may(found, permission, caller.principals):
            raise Forbidden(permission=permission)
        return found

    return _named(permitted, permission)


def _named(guard: Any, permission: str) -> Any:
    guard.permission = permission  # what the documentation and the architecture test read
    return Depends(guard)


async def anonymous(request: Request) -> None:
    """The explicit mark of a public door: anybody may call it, so its callers are counted by address."""
    address = client_address(request.scope, request.app.state.settings.trusted_proxies)
    request.state.allowance = await request.app.state.limiter.take_for_address(address)


public = Depends(anonymous)
