"""The internal API: what happens after the answer. ``uvicorn app.internal_api:app`` serves it.

Only the queue and the scheduler may call its doors, see ``core/task_doors``. Its documentation is not served.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from app.accounts.authenticate import restore
from app.adapters.book_data import book_data_providers
from app.adapters.egress import Egress
from app.adapters.mailers import mailer_of
from app.adapters.metrics import Metrics
from app.adapters.openai_labeller import OpenAiLabeller
from app.adapters.queue_callers import queue_callers
from app.adapters.queues import queue_of
from app.adapters.slack import slack_of
from app.adapters.webhook_sender import WebhookSender
from app.collections.stale import notice_stale_syncs
from app.core.config import Settings
from app.core.db import Database
from app.core.environment import serving_settings
from app.core.http import create_app
from app.core.http.switchboard import Page
from app.core.outside import Outside
from app.feedback import tasks as feedback
from app.hydration import tasks as hydration
from app.hydration.measures import MEASURES as OF_HYDRATION
from app.labelling import tasks as labelling
from app.labelling.labellers import Labellers
from app.labelling.local import Local
from app.labelling.measures import MEASURES as OF_LABELLING
from app.labelling.review import keep_reviews
from app.messages import tasks as messages
from app.messages.measures import MEASURES as OF_EMAIL
from app.reactions import tasks as reactions
from app.search.upkeep import keep_popularity, keep_search
from app.tasks import tasks
from app.tasks.jobs import Run
from app.tasks.measures import MEASURES as OF_TASKS
from app.tasks.retention import retain
from app.tasks.sweep import sweep
from app.webhooks import tasks as webhooks
from app.webhooks.measures import MEASURES as OF_WEBHOOKS

ROUTERS = (
    hydration.router,
    labelling.router,
    reactions.router,
    feedback.router,
    webhooks.router,
    messages.router,
    tasks.router,
)
JOBS: Mapping[str, Run] = {
    "sweep": sweep,
    "retention": retain,
    "search-upkeep": keep_search,
    "popularity-upkeep": keep_popularity,
    "review-upkeep": keep_reviews,
    "stale-syncs": notice_stale_syncs,
}
"""What does each job of the schedule."""
MEASURES = (*OF_TASKS, *OF_HYDRATION, *OF_LABELLING, *OF_EMAIL, *OF_WEBHOOKS)
"""What ``/metrics`` shows beside the requests; a domain that has something to measure adds it here."""


def create_internal_app(settings: Settings, *, database: Database | None = None) -> FastAPI:
    """The internal application on these settings. A database that is handed in stays open when the application ends."""
    own = Database(settings) if database is None else database
    callers, egress, queue = queue_callers(settings), Egress(settings), queue_of(settings, own)
    metrics = Metrics(own, MEASURES)
    if database is None:
        own.queue = queue

    async def show(_: Request) -> Response:
        content, media_type = await metrics.exposition()
        return Response(content, headers={"Content-Type": media_type})

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await callers.close()
        await queue.close()
        await egress.close()
        if database is None:
            await own.dispose()

    app = create_app(
        title="Huey Books, internal",
        version=version("wriveted-api"),
        description="Called by the task queue.",
        routers=ROUTERS,
        settings=settings,
        database=own,
        docs=False,
        lifespan=lifespan,
        pages=(Page("/metrics", show),),
        observe=metrics.observe,
    )
    app.state.queue_callers = callers
    app.state.restore = restore
    app.state.egress = egress
    app.state.providers = book_data_providers(settings, egress)
    app.state.mailer = mailer_of(settings, egress)
    app.state.alerter = slack_of(settings, egress)
    app.state.webhook_sender = WebhookSender(egress)
    app.state.jobs = JOBS
    app.state.labellers = labellers(settings, egress)
    return app


def labellers(settings: Settings, outside: Outside) -> Labellers:
    """Who labels books: rules alone, or a language model while there is money, and rules where it cannot say."""
    if settings.labeller == "local":
        return Labellers(Local(), Local())
    return Labellers(OpenAiLabeller(settings, outside), Local(), settings.labeller_daily_budget)


def __getattr__(name: str) -> FastAPI:
    """``app`` is made when a server asks for it, so that importing this module needs no settings."""
    if name != "app":
        raise AttributeError(name)
    return create_internal_app(serving_settings())
