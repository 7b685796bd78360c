"""What staff do with accounts at a terminal. Each command prints a token, a key or its public id, and nothing else."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated
from uuid import UUID

import typer
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import ServiceAccount, ServiceAccountType, User
from app.accounts.service import Issuer, find_user, mint_token
from app.core.api_keys import ApiKeys
from app.core.db import Database
from app.core.environment import settings
from app.core.errors import Problem
from app.core.scopes import Scope
from app.service_accounts import keys, service
from app.service_accounts.schemas import ApiKeyCreateIn, SchoolLink, ServiceAccountCreateIn

app = typer.Typer(no_args_is_help=True, help="Accounts and their tokens.")
service_accounts = typer.Typer(no_args_is_help=True, help="The accounts of programs.")
app.add_typer(service_accounts, name="service-account")


@app.command()
def token(
    service_account: Annotated[UUID | None, typer.Option(help="Whom to act as: this service account.")] = None,
    user: Annotated[str | None, typer.Option(help="Whom to act as: the user of this e-mail or id.")] = None,
    hours: Annotated[float | None, typer.Option(min=0.01, max=24, help="How long; an hour unless set.")] = None,
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "",
) -> None:
    """Mint a short-lived token to act as an account; the event "Token minted" tells of it."""
    lifetime = None if hours is None else timedelta(hours=hours)

    async def mint(session: AsyncSession, issuer: Issuer) -> str:
        holder = await _holder(session, service_account, user)
        return await mint_token(session, None, issuer, holder, lifetime=lifetime, reason=reason)

    _print(mint)


@service_accounts.command()
def create(
    kind: Annotated[ServiceAccountType, typer.Option("--type", help="What kind of program it is.")],
    name: Annotated[str, typer.Option(help="What staff know it by.")],
    school: Annotated[list[UUID] | None, typer.Option(help="A school that it works for; repeatable.")] = None,
    vendor: Annotated[bool, typer.Option(help="An LMS that serves every school.")] = False,
) -> None:
    """Create a service account and print its token, which is shown this once."""

    async def born(session: AsyncSession, issuer: Issuer) -> str:
        links = [SchoolLink(wriveted_identifier=identifier) for identifier in school or ()]
        given = ServiceAccountCreateIn(name=name, type=kind, schools=links, is_vendor=vendor)
        return (await service.create_service_account(session, None, issuer, given)).access_token

    _print(born)


@service_accounts.command()
def key(
    account: Annotated[UUID, typer.Option(help="The service account that it is for.")],
    name: Annotated[str, typer.Option(help="What staff know it by.")],
    scope: Annotated[list[Scope], typer.Option(help="What it may be used for; repeatable.")],
    school: Annotated[list[UUID] | None, typer.Option(help="A school it is narrowed to; repeatable.")] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="How long it is good.")] = 365,
) -> None:
    """Make an API key of a service account and print it, which is shown this once."""

    async def made(session: AsyncSession, issuer: Issuer) -> str:
        owner = await service.get_service_account(session, account, to_change=True)
        given = ApiKeyCreateIn(name=name, scopes=scope, schools=school or None, expires_in_days=days)
        return (await keys.create_key(session, None, ApiKeys(issuer.settings.environment), owner, given)).key

    _print(made)


@service_accounts.command()
def revoke_key(key: Annotated[str, typer.Argument(help="Its public id, or the whole of a key that leaked.")]) -> None:
    """Revoke an API key, which is refused from now on, and print its public id."""

    async def revoked(session: AsyncSession, issuer: Issuer) -> str:
        found, owner = await keys.find_key(session, key)
        return (await keys.revoke_key(session, None, owner, found)).public_id

    _print(revoked)


async def _holder(session: AsyncSession, service_account: UUID | None, user: str | None) -> ServiceAccount | User:
    if service_account is not None and user is None:
        return await service.get_service_account(session, service_account)
    if user is not None and service_account is None:
        return await find_user(session, user)
    raise typer.BadParameter("name either --service-account or --user")


def _print(deed: Callable[[AsyncSession, Issuer], Awaitable[str]]) -> None:
    """Print what a deed answers once it is committed, or say why not and end with code 1."""
    try:
        typer.echo(asyncio.run(_committed(deed)))
    except Problem as problem:
        typer.echo("\n".join([f"error: {problem.detail}", *(fault.detail for fault in problem.errors)]), err=True)
        raise typer.Exit(1) from None
    except ValidationError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


async def _committed(deed: Callable[[AsyncSession, Issuer], Awaitable[str]]) -> str:
    database = Database(settings())
    try:
        async with database.transaction() as transaction:
            return await deed(transaction.session, Issuer.of(database.settings))
    finally:
        await database.dispose()
