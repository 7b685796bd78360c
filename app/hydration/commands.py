"""What staff do with book data at a terminal."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Annotated

import typer

from app.core.config import Settings
from app.core.db import Database
from app.core.environment import settings
from app.core.errors import Problem
from app.core.isbn import NotAnIsbn, parse
from app.hydration import service
from app.hydration.providers import Provider

Providers = Callable[[Settings], AbstractAsyncContextManager[tuple[Provider, ...]]]
"""The providers, for as long as they are asked."""


def hydration_commands(providers: Providers) -> typer.Typer:
    """The commands; who the providers are is for the program to choose."""
    app = typer.Typer(help="Book data.")

    @app.command()
    def hydrate(
        isbn: Annotated[str, typer.Argument(help="In any form.")],
        dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what is told, and store none of it.")] = False,
        use_cache: Annotated[bool, typer.Option(help="An answer that was kept is good enough.")] = True,
    ) -> None:
        """Ask the providers of book data about an ISBN, take over what they tell, and print it as JSON."""
        try:
            typer.echo(asyncio.run(_hydrate(providers, parse(isbn), dry_run, use_cache)))
        except NotAnIsbn as error:
            raise SystemExit(f"error: {error}") from None
        except Problem as problem:
            raise SystemExit(f"error: {problem.detail}") from None

    return app


async def _hydrate(providers: Providers, isbn: str, dry: bool, use_cache: bool) -> str:
    found, database = settings(), Database(settings())
    try:
        async with providers(found) as asked:
            shown = await service.hydrate_one(
                service.Direct(database),
                asked,
                isbn,
                account=None,
                use_cache=use_cache,
                dry=dry,
                labelling=found.label_after_hydration,
            )
        return shown.model_dump_json(indent=2)
    finally:
        await database.dispose()
