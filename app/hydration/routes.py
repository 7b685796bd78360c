"""The doors of hydration, for admins."""

from typing import Annotated

from fastapi import APIRouter, Body, Path, Query, Request

from app.books.models import CATALOGUE
from app.core.account import Account
from app.core.db import Session, let_go
from app.core.guards import Permission
from app.core.idempotency import Idempotent
from app.core.isbn import Isbn
from app.core.requests import Door
from app.hydration import service
from app.hydration.schemas import HydratedBookData, HydrationQueued

MAX_QUEUED = 5_000

router = APIRouter(prefix="/v1", tags=["hydration"], route_class=Door)

Editor = Annotated[Account, Permission("update", list(CATALOGUE))]
Isbns = Annotated[
    list[Isbn],
    Body(max_length=MAX_QUEUED, description="ISBNs in any form; none: the backlog.", examples=[["9780142410370"]]),
]


@router.post("/hydrate")
async def queue(
    caller: Editor,
    once: Idempotent,
    session: Session,
    isbns: Isbns = [],  # noqa: B006  FastAPI copies it
    limit: Annotated[int, Query(ge=1, le=MAX_QUEUED, description="How many of the backlog.")] = MAX_QUEUED,
) -> HydrationQueued:
    """Have editions looked up by the providers of book data, soon.

    With an empty list the backlog is taken: editions that nobody has looked up yet, first those that the most schools'
    libraries hold, up to `limit`. Nothing that is known is overwritten.
    """
    return await service.queue(session, caller, isbns, limit=limit)


@router.get("/hydrate/{isbn}")
async def look(
    caller: Editor,
    request: Request,
    isbn: Annotated[Isbn, Path()],
    use_cache: Annotated[bool, Query(description="True: an answer that was kept is good enough.")] = False,
    dry: Annotated[bool, Query(description="False: take over what is told into the catalogue.")] = True,
) -> HydratedBookData:
    """What the providers of book data know about an ISBN now, with the labels that it implies.

    404 if none knows it, 429 if a provider may not be asked so soon again, 503 if one is away.
    """
    await let_go(request)
    state = request.app.state
    desk, labelling = service.Direct(state.database), state.settings.label_after_hydration
    return await service.hydrate_one(
        desk, state.providers, isbn, account=caller, use_cache=use_cache, dry=dry, labelling=labelling
    )
