"""The doors of authors and illustrators."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.books.models import CATALOGUE
from app.books.people import service
from app.books.people.schemas import AuthorDetail
from app.books.schemas import AuthorBrief, AuthorCreateIn, IllustratorBrief
from app.core.account import Account
from app.core.db import Session
from app.core.guards import Permission
from app.core.idempotency import Idempotent
from app.core.paging import Pages
from app.core.requests import Door

authors = APIRouter(prefix="/v1", tags=["authors"], route_class=Door)
illustrators = APIRouter(prefix="/v1", tags=["illustrators"], route_class=Door)

Reader = Annotated[Account, Permission("read", list(CATALOGUE))]
Creator = Annotated[Account, Permission("create", list(CATALOGUE))]
PersonId = Annotated[int, Path(ge=1, lt=2**31)]


@authors.get("/authors")
async def find(
    caller: Reader,
    pages: Pages,
    session: Session,
    query: Annotated[
        str | None, Query(max_length=200, description="A part of the name; spaces and punctuation do not matter.")
    ] = None,
) -> list[AuthorBrief]:
    """Authors in the order of their names, first names first. Two people of one name are two authors."""
    found, last = await service.list_authors(
        session, caller, query or None, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(found), last)
    return found


@authors.post("/authors")
async def create(caller: Creator, once: Idempotent, author: AuthorCreateIn, session: Session) -> AuthorDetail:
    """Add an author, even if another has that name: works then name them by id."""
    return await service.create_author(session, caller, author)


@authors.get("/authors/{author_id}")
async def get(caller: Reader, author_id: PersonId, session: Session) -> AuthorDetail:
    """One author. The id of one who was merged into another leads to that one."""
    return await service.describe_author(session, author_id)


@illustrators.get("/illustrators")
async def list_all(caller: Reader, pages: Pages, session: Session) -> list[IllustratorBrief]:
    """Illustrators in the order of their names, first names first."""
    found, last = await service.list_illustrators(
        session, caller, after=pages.after, skip=pages.skip, limit=pages.limit
    )
    pages.offer_next(len(found), last)
    return found


@illustrators.get("/illustrators/{illustrator_id}")
async def get_one(caller: Reader, illustrator_id: PersonId, session: Session) -> IllustratorBrief:
    """One illustrator."""
    return await service.describe_illustrator(session, illustrator_id)
