"""Who is asked for book data, as the settings say."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.adapters.egress import Egress
from app.adapters.google_books import GoogleBooks
from app.adapters.nielsen import Nielsen
from app.adapters.openlibrary import OpenLibrary
from app.core.config import Settings
from app.core.outside import Outside
from app.hydration.providers import Provider


def book_data_providers(settings: Settings, outside: Outside) -> tuple[Provider, ...]:
    """The providers in the order in which they are asked. Nielsen is not without an account there."""
    known: dict[str, Provider] = {
        provider.name: provider
        for provider in (Nielsen(outside, settings), OpenLibrary(outside, settings), GoogleBooks(outside, settings))
    }
    if settings.nielsen_client_id is None:
        del known["nielsen"]
    return tuple(known[name] for name in settings.hydration_providers if name in known)


@asynccontextmanager
async def asking_providers(settings: Settings) -> AsyncIterator[tuple[Provider, ...]]:
    """The providers, with a way out of their own, for as long as the block lasts."""
    egress = Egress(settings)
    try:
        yield book_data_providers(settings, egress)
    finally:
        await egress.close()
