"""Looking for books: by title, series, subtitle, author or ISBN, as one types, and with a slip of the finger."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.merging.redirects import current_id
from app.books.models import MergeKind
from app.collections.models import Collection
from app.collections.queries import CollectionRow, collection_row_of_school
from app.core.db import Driver, transaction_of
from app.core.errors import NotFound
from app.core.isbn import display
from app.schools.models import School
from app.search import queries
from app.search.highlights import highlighted
from app.search.queries import Key, Scope
from app.search.schemas import Availability, FoundWork, Highlights, SearchQueryInput, SearchResults
from app.search.words import Query, likeness, meaning_of

FEW = 10
"""With fewer matches than this, and none that has every word whole, what was typed may be misspelt."""
LEAST_LIKENESS = 0.3
LIKENESS_WEIGHT = 1.9
"""What is only like the query stands below everything that matches it."""


@dataclass(frozen=True, slots=True)
class Found:
    """Works in order, and the words of theirs that are not the query's own but were taken for them."""

    keys: Sequence[Key]
    meant: frozenset[str] = frozenset()


async def shelf_of_school(session: AsyncSession, school_id: UUID) -> CollectionRow | Collection:
    """A school's collection; one without an id where it has none yet. Raises ``NotFound`` without such a school."""
    found = await collection_row_of_school(transaction_of(session), school_id)
    if found is not None:
        return found
    if await school_number(session, school_id) is None:
        raise NotFound("There is no such school.")
    return Collection(school_id=school_id)


async def school_number(session: AsyncSession, school_id: UUID) -> int | None:
    """The small number that older clients know a school by."""
    return await session.scalar(select(School.id).where(School.wriveted_identifier == school_id))


async def scope_of(session: AsyncSession, collection_id: UUID | None, author_id: int | None) -> Scope:
    """Where to look. An author who was merged into another is that other."""
    author = None if author_id is None else await current_id(session, MergeKind.AUTHOR, author_id)
    return Scope(collection_id, author)


async def search(
    driver: Driver, asked: SearchQueryInput, scope: Scope, *, after: Sequence[Any] | None, skip: int, limit: int
) -> tuple[SearchResults, Key | None]:
    """A page of works, and the key of the last. Without a query, those that most libraries hold."""
    text = asked.query or ""
    query = Query.read(text)
    if text.strip():
        found = await find(driver, query, scope)
        following = [key for key in found.keys if after is None or key < tuple(after)]
        page = following[skip : skip + limit]
    else:
        found = Found(await queries.most_held(driver, scope, after, skip, limit))
        page = list(found.keys)
    rows = await queries.shown(driver, [id_ for _, id_ in page], scope.collection_id) if page else []
    books = [_shown(row, frozenset(query.words), found.meant) for row in rows]
    return SearchResults(input=asked, books=books), page[-1] if page else None


async def find(driver: Driver, query: Query, scope: Scope) -> Found:
    """All that matches, the best first; where that is little, then what is only like it."""
    keys, is_whole = await queries.matching(driver, query, scope)
    if is_whole or len(keys) >= FEW or not query.words:
        return Found(keys)
    meaning = meaning_of(query.words, await queries.near(driver, query.words))
    if not meaning.groups:
        return Found(keys)
    known = {id_ for _, id_ in keys}
    rows, is_all_meant = await queries.like(driver, meaning, scope)
    likes = [(_alike(query.title, row), row[0]) for row in rows if row[0] not in known]
    if not is_all_meant:
        likes = [(likeness, id_) for likeness, id_ in likes if likeness >= LEAST_LIKENESS]
    likes = sorted(((LIKENESS_WEIGHT * likeness, id_) for likeness, id_ in likes), reverse=True)
    return Found([*keys, *likes], meaning.words if likes else frozenset())


def _alike(title: str, row: queries.LikeRow) -> float:
    """How like the query a work is: by its title, its authors, its series, or title and author together; a little
    more so if many hold it."""
    _, known, people, series, holders = row
    texts = [known, *people, *series, *(f"{known} {name}" for name in people), *(f"{name} {known}" for name in people)]
    return likeness(title, *texts) * (0.95 + 0.05 * holders / (holders + 20))


def _shown(row: tuple[Any, ...], begun: frozenset[str], meant: frozenset[str]) -> FoundWork:
    id_, kind, article, title, subtitle, authors, total, available, isbns = row
    people = [" ".join(filter(None, (each["first_name"], each["last_name"]))) for each in authors]
    return FoundWork(
        id=id_,
        type=kind,
        leading_article=article,
        title=title,
        subtitle=subtitle,
        authors=authors,
        highlights=Highlights(
            title=highlighted(title, begun, meant),
            subtitle=None if subtitle is None else highlighted(subtitle, begun, meant),
            authors=[highlighted(name, begun, meant) for name in people],
        ),
        availability=None
        if isbns is None
        else Availability(copies_total=total, copies_available=available, isbns=[display(isbn) for isbn in isbns]),
    )
