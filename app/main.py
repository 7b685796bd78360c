"""The public API: every domain's doors in one application. ``uvicorn app.main:app`` serves it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from importlib.metadata import version

from fastapi import FastAPI

from app.access import routes as access
from app.accounts.authenticate import authenticate
from app.adapters.book_data import book_data_providers
from app.adapters.egress import Egress
from app.adapters.firebase import Firebase
from app.adapters.firebase_emulator import FirebaseEmulator
from app.adapters.metrics import Metrics
from app.adapters.queues import queue_of
from app.audit import routes as audit
from app.audit.refusals import record_refusal
from app.booklists import routes as booklists
from app.books import routes as books
from app.books.people import routes as people_of_books
from app.books.works import routes as works
from app.classes import routes as classes
from app.collections import routes as collections
from app.core.config import Settings
from app.core.db import Database
from app.core.environment import serving_settings
from app.core.http import create_app
from app.core.security import Tokens
from app.events import routes as events
from app.feedback import routes as feedback
from app.hydration import routes as hydration
from app.labelling import routes as labelling
from app.labels import routes as labels
from app.labels.history import routes as label_history
from app.labels.merging import routes as merging
from app.labels.works import routes as labelled_works
from app.messages import routes as messages
from app.people import routes as people
from app.recommendations import routes as recommendations
from app.schools import routes as schools
from app.search import routes as search
from app.service_accounts import routes as service_accounts
from app.sign_in import routes as sign_in
from app.sign_in.proof import IdentityVerifier
from app.tasks import routes as tasks
from app.webhooks import routes as webhooks

DESCRIPTION = """Helps children find books that they will love, out of the books that their own school library holds.

Send a token or an API key with every request: `Authorization: Bearer <token or key>`, or the key as `X-Api-Key`; an
operation names the scope that a key needs in `x-required-scope`. Refusals are problem documents (RFC 9457): their
`code` is stable, their `type` leads to a page that says what to do. Lists take `limit` (100, at most 1,000) and name
their next page in the header `Link`.
"""
ROUTERS = (
    sign_in.router,
    service_accounts.router,
    people.router,
    schools.router,
    classes.router,
    collections.router,
    booklists.router,
    labels.router,
    labelling.router,
    labelled_works.router,
    label_history.router,
    merging.router,
    works.router,
    books.router,
    people_of_books.authors,
    people_of_books.illustrators,
    hydration.router,
    search.router,
    recommendations.router,
    feedback.router,
    webhooks.router,
    messages.router,
    events.router,
    audit.router,
    tasks.router,
    access.router,
)


def create_public_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The public application on these settings. A database that is handed in stays open when the application ends."""
    own = Database(settings) if database is None else database
    identities = identity_verifier(settings)
    queue = queue_of(settings, own)
    egress = Egress(settings)
    port = settings.metrics_port
    metrics = None if port is None else Metrics(own)
    if database is None:
        own.queue = queue

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with nullcontext() if metrics is None or port is None else metrics.shown_here(port):
            yield
        if identities is not None:
            await identities.close()
        await queue.close()
        await egress.close()
        if database is None:
            await own.dispose()

    app = create_app(
        title="Huey Books",
        version=version("wriveted-api"),
        description=DESCRIPTION,
        routers=ROUTERS,
        settings=settings,
        database=own,
        authenticate=authenticate,
        docs=True,
        lifespan=lifespan,
        observe=None if metrics is None else metrics.observe,
    )
    app.webhooks = webhooks.told
    app.state.tokens = Tokens.of(settings)
    app.state.identities = identities
    app.state.egress = egress
    app.state.providers = book_data_providers(settings, egress)
    app.state.record_refusal = partial(record_refusal, own)
    return app


def identity_verifier(settings: Settings) -> IdentityVerifier | None:
    """Who reads the tokens of the sign-in provider; None where none is set up, which production does not allow."""
    if settings.firebase_project_id is None:
        return None
    return Firebase(settings) if settings.firebase_emulator_host is None else FirebaseEmulator(settings)


def __getattr__(name: str) -> FastAPI:
    """``app`` is made when a server asks for it, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    return create_public_app(serving_settings())
