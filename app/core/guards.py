"""Who is asking, and may they: the guards that every door names in its signature."""

from collections.abc import Callable
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app.core.account import Account
from app.core.acl import may
from app.core.db import Transaction, get_transaction
from app.core.errors import Forbidden, Unauthenticated
from app.core.ratelimit import RateLimiter, client_address
from app.core.security import Claims


class Authenticate(Protocol):
    """What the accounts domain provides: the account behind a verified token, or ``Unauthenticated``."""

    async def __call__(self, transaction: Transaction, claims: Claims) -> Account: ...


async def read_claims(request: Request) -> Claims:
    """The verified token. It is read and counted, once a request, before a connection is taken: a forged one costs
    no database."""
    claims: Claims | None = getattr(request.state, "claims", None)
    if claims is None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise Unauthenticated
        claims = request.app.state.tokens.read(token.strip())
        limiter: RateLimiter = request.app.state.limiter
        request.state.allowance = await limiter.take_for_account(f"{claims.kind}:{claims.id}")
        request.state.claims = claims
    return claims


class _CallerGuard(SecurityBase):
    """Who asks, or 401. One dependency for all of its steps: each that FastAPI resolves costs more than most steps."""

    def __init__(self) -> None:
        self.scheme_name = "HTTPBearer"
        self.model = HTTPBearer(
            description="A token of this service, from a sign-in or a service account's: "
            "`Authorization: Bearer <token>`."
        )

    async def __call__(self, request: Request) -> Account:
        account: Account | None = getattr(request.state, "account", None)
        if account is None:
            claims = await read_claims(request)
            authenticate: Authenticate = request.app.state.authenticate
            account = await authenticate(await get_transaction(request), claims)
            request.state.account = account
            request.app.state.limiter.remember(f"{claims.kind}:{claims.id}", privileged=account.is_admin)
        return account


get_caller = _CallerGuard()
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


async def anonymous_classroom(request: Request) -> None:
    """The same where a whole class comes at once from the one address of its school."""
    address = client_address(request.scope, request.app.state.settings.trusted_proxies)
    request.state.allowance = await request.app.state.limiter.take_for_classroom(address)


public = Depends(anonymous)
classroom = Depends(anonymous_classroom)
