"""Who is asking, and may they: the guards that every door names in its signature."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import Annotated, Any, Protocol

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from app.core import scopes
from app.core.account import Account
from app.core.acl import may
from app.core.acquaintances import Credential
from app.core.api_keys import BEGINNING, ApiKeys
from app.core.db import Transaction, get_transaction
from app.core.errors import Forbidden, Unauthenticated
from app.core.ratelimit import RateLimiter, client_address
from app.core.resources import name_of
from app.core.security import Tokens, refusal


class Authenticate(Protocol):
    """What the accounts domain provides: the account behind a verified token or a well-formed API key, or
    ``Unauthenticated``. ``noting_use`` also writes down that the credential was used."""

    async def __call__(
        self, transaction: Transaction, credential: Credential, *, noting_use: bool = False
    ) -> Account: ...


async def read_credential(request: Request) -> Credential:
    """The verified token or the API key. It is read and counted, once a request, before the request takes a connection:
    a forged token, and what cannot be a key, cost no database."""
    credential: Credential | None = getattr(request.state, "credential", None)
    if credential is None:
        credential = _presented(request)
        limiter: RateLimiter = request.app.state.limiter
        if credential.kind == "api-key":
            await _meet(request, credential)
            request.state.allowance = await limiter.take_for_account(credential.name)
        else:
            request.state.allowance = await limiter.take_for_account(credential.name)
            if credential.kind == "service-account" and credential.actor is None:
                await _meet(request, credential)
        request.state.credential = credential
    return credential


def _presented(request: Request) -> Credential:
    """The one credential of a request: which of several counts is never guessed."""
    bearers, keys = request.headers.getlist("authorization"), request.headers.getlist("x-api-key")
    if len(bearers) + len(keys) > 1:
        raise refusal()
    if keys:
        return _api_keys(request).read(keys[0])
    scheme, _, token = (bearers[0] if bearers else "").partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated
    token = token.strip()
    if token.startswith(BEGINNING):
        return _api_keys(request).read(token)
    tokens: Tokens = request.app.state.tokens
    return tokens.read(token)


def _api_keys(request: Request) -> ApiKeys:
    keys: ApiKeys = request.app.state.api_keys
    return keys


async def _meet(request: Request, credential: Credential) -> None:
    """Ask after a program's credential that this process has not let in lately, in a transaction of its own.

    There its use is noted, so that no other request waits for that row. A key that nobody has is counted against the
    address it came from, and too many of them are refused unasked.
    """
    state = request.app.state
    if state.acquaintances.knows(credential):
        return
    limiter: RateLimiter = state.limiter
    is_key = credential.kind == "api-key"
    address = client_address(request.scope, state.settings.trusted_proxies)
    if is_key:
        limiter.refuse_guesser(address)
    try:
        async with state.database.transaction(reading=True) as transaction:
            await state.authenticate(transaction, credential, noting_use=True)
    except Unauthenticated:
        if is_key:
            await limiter.count_guess(address)
        raise
    state.acquaintances.remember(credential)


class _CallerGuard(SecurityBase):
    """Who asks, or 401; and 403 for an API key without the scope that the door needs. One dependency for all of its
    steps: each that FastAPI resolves costs more than most steps."""

    def __init__(self) -> None:
        self.scheme_name = "HTTPBearer"
        self.model = HTTPBearer(
            description="A token of this service, from a sign-in or a service account's, or a service account's API "
            "key: `Authorization: Bearer <token or key>`."
        )

    async def __call__(self, request: Request) -> Account:
        account: Account | None = getattr(request.state, "account", None)
        if account is None:
            credential = await read_credential(request)
            authenticate: Authenticate = request.app.state.authenticate
            try:
                account = await authenticate(await get_transaction(request), credential)
            except Unauthenticated:
                request.app.state.acquaintances.forget(credential)
                raise
            request.state.account = account
            request.app.state.limiter.remember(credential.name, privileged=account.is_admin)
            if account.scopes is not None:
                scopes.check(request.scope["route"], request.method, account.scopes)
        return account


get_caller = _CallerGuard()
Caller = Annotated[Account, Depends(get_caller)]


def Permission(permission: str, resource: Callable[..., Any] | list[Any]) -> Any:
    """A guard: the resource if the caller holds ``permission`` on it, else 403 naming what is missing.

    ``resource`` is a dependency that yields something with an ``__acl__`` (404 when it does not exist), or an ACL. The
    guard calls it and takes its parameters for its own: one dependency for FastAPI to resolve, not three.
    """
    if isinstance(resource, list):
        acl = resource

        async def permitted_by_list(request: Request) -> Account:
            caller = await get_caller(request)
            if not may(acl, permission, caller.principals):
                raise Forbidden(permission=permission)
            return caller

        return _named(permitted_by_list, permission)

    async def permitted(request: Request, **needed: Any) -> Any:
        caller = await get_caller(request)
        found = await resource(**needed)
        request.state.resource = found  # what a refusal is about, also one that comes later
        if not may(found, permission, caller.principals):
            raise Forbidden(permission=permission, resource=name_of(found))
        return found

    needed = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in signature(resource).parameters.values()]
    vars(permitted)["__signature__"] = Signature([*signature(permitted).parameters.values()][:1] + needed)
    return _named(permitted, permission)


def is_guarded(dependant: Dependant) -> bool:
    """Whether a door, or something that it depends on, asks who calls."""
    asks = dependant.call is get_caller or hasattr(dependant.call, "permission")
    return asks or any(map(is_guarded, dependant.dependencies))


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
