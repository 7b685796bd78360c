"""The doors of works as a list. What is shown or changed together with labels stands above, with the labels."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.books.models import CATALOGUE, WorkType
from app.books.works import service
from app.books.works.schemas import WorkFound
from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.include import Include
from app.core.isbn import Isbn
from app.core.paging import Pages
from app.core.requests import Door

router = APIRouter(prefix="/v1", tags=["works"], route_class=Door)

Reader = Annotated[Account, Permission("read", list(CATALOGUE))]


@router.get("/works")
async def find(
    caller: Reader,
    pages: Pages,
    session: Session,
    query: Annotated[
        str | None, Query(max_length=200, description="Words that each begin a word of the title, in any order.")
    ] = None,
    author_id: Annotated[int | None, Query(ge=1, lt=2**31, description="Works of this author.")] = None,
    isbn: Annotated[Isbn | None, Query(description="The work of this edition.")] = None,
    type: Annotated[WorkType | None, Query(description="Works of this kind.")] = WorkType.BOOK,  # noqa: A002
    include: Include = None,
) -> list[WorkFound]:
    """Works that have an edition: with `query` in the order of their titles, otherwise in that of their ids."""
    wanted = service.Wanted(query or None, author_id, isbn, type)
    works, last = await service.list_works(
        session, caller, wanted, include, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(works), last)
    return works
