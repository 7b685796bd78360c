"""The verbs of authors and illustrators."""

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.matching import person_key
from app.books.merging.redirects import current_id
from app.books.models import Author, Illustrator, MergeKind
from app.books.people import queries
from app.books.people.schemas import AuthorDetail
from app.books.schemas import AuthorBrief, AuthorCreateIn, IllustratorBrief
from app.core.account import Account
from app.core.errors import NotFound
from app.events import service as events

Brief = TypeVar("Brief", AuthorBrief, IllustratorBrief)
SortKey = tuple[str, int]


async def list_authors(
    session: AsyncSession,
    account: Account,
    query: str | None,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> tuple[list[AuthorBrief], SortKey | None]:
    """A page of authors (see `queries.people`), and the key of the last one."""
    page = queries.people(Author, account.principals, query=query, after=after, skip=skip, limit=limit)
    return await _listed(session, page, AuthorBrief)


async def list_illustrators(
    session: AsyncSession, account: Account, *, after: Sequence[Any] | None, skip: int, limit: int
) -> tuple[list[IllustratorBrief], SortKey | None]:
    page = queries.people(Illustrator, account.principals, after=after, skip=skip, limit=limit)
    return await _listed(session, page, IllustratorBrief)


async def describe_author(session: AsyncSession, author_id: int) -> AuthorDetail:
    """An author, also by the id of one who was merged into it. Raises ``NotFound``."""
    current = await current_id(session, MergeKind.AUTHOR, author_id)
    row = (await session.execute(queries.author(current))).one_or_none()
    if row is None:
        raise NotFound("There is no author with this id.")
    return AuthorDetail.model_validate(row)


async def describe_illustrator(session: AsyncSession, illustrator_id: int) -> IllustratorBrief:
    found = await session.scalar(select(Illustrator).where(Illustrator.id == illustrator_id))
    if found is None:
        raise NotFound("There is no illustrator with this id.")
    return IllustratorBrief.model_validate(found)


async def create_author(session: AsyncSession, account: Account, said: AuthorCreateIn) -> AuthorDetail:
    """Somebody new, whoever else has that name."""
    key = person_key(said.first_name, said.last_name)
    author = Author(first_name=said.first_name, last_name=said.last_name, name_key=key, info=said.info)
    session.add(author)
    await session.flush()
    events.record(
        session, "Author created", account=account, description=f"Author {author.id}", info={"author_id": author.id}
    )
    return await describe_author(session, author.id)


async def _listed(session: AsyncSession, page: Any, shape: type[Brief]) -> tuple[list[Brief], SortKey | None]:
    rows = (await session.execute(page)).all()
    return [shape.model_validate(row) for row in rows], (rows[-1].name_key, rows[-1].id) if rows else None
