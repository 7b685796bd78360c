"""The verbs of works, as far as they need no labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.briefs import refresh_briefs
from app.books.changes.people import people_meant
from app.books.lookups import look_up
from app.books.matching import Description, KnownWork, best_match, match_title, person_key
from app.books.merging.locking import lock_catalogue
from app.books.merging.redirects import current_id
from app.books.models import Author, AuthorWork, MergeKind, Work, WorkType
from app.books.schemas import AuthorCreateIn
from app.books.works import queries
from app.books.works.schemas import WorkCreateWithEditionsIn, WorkFound
from app.core.account import Account
from app.core.aside import array_of
from app.core.db import driver_of
from app.core.errors import AlreadyExists, FieldError, FieldForbidden, NotFound, pointer
from app.core.include import Included, permissions_if
from app.core.isbn import display
from app.core.text import fold
from app.events import service as events

SortKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which works a list is to hold."""

    query: str | None
    author_id: int | None
    isbn: str | None
    type: WorkType | None


async def list_works(
    session: AsyncSession,
    account: Account,
    wanted: Wanted,
    include: Included = None,
    *,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> tuple[list[WorkFound], SortKey | None]:
    """A page of works (see `queries.works`), and the key of the last one. All have the same rules."""
    author_id = wanted.author_id and await current_id(session, MergeKind.AUTHOR, wanted.author_id)
    page = queries.works(
        account.principals,
        query=wanted.query,
        author_id=author_id,
        isbn=wanted.isbn,
        type_=wanted.type,
        after=after,
        skip=skip,
        limit=limit,
    )
    rows = (await session.execute(page)).all()
    permissions = permissions_if(include, Work(), account.principals)
    found = [WorkFound.model_validate({**row._asdict(), "permissions": permissions}) for row in rows]
    return found, (rows[-1].match_title, rows[-1].id) if rows else None


async def locked_work(session: AsyncSession, work_id: int) -> Work:
    """A work that is about to be changed. Raises ``NotFound``, which for one that was merged names the other."""
    work = await session.scalar(select(Work).where(Work.id == work_id).with_for_update(key_share=True))
    if work is None:
        current = await current_id(session, MergeKind.WORK, work_id)
        raise NotFound("There is no work with this id." if current == work_id else f"It is now part of work {current}.")
    return work


async def create_work(session: AsyncSession, account: Account, new: WorkCreateWithEditionsIn) -> int:
    """Store a work with its editions; its id.

    Raises ``Invalid`` where an author is not to be made out; and where the account is no admin's, ``FieldForbidden``
    for an edition that has another work, and ``AlreadyExists`` for a work that is known.
    """
    driver = driver_of(session)
    await lock_catalogue(driver)
    isbns = array_of({int(isbn) for isbn in new.editions})
    introduced = await (await driver.execute(queries.INTRODUCE, [isbns])).fetchall()
    owners = dict(await (await driver.execute(queries.EDITIONS_OF, [isbns])).fetchall())
    moved = {isbn: work_id for isbn, work_id in owners.items() if work_id is not None}
    if not account.is_admin:
        _refuse_moves(new, moved)
        await _refuse_known(session, new)
    authors = await people_meant(session, Author, new.authors, at="authors")
    work = _work_of(new)
    session.add(work)
    await session.flush()
    if authors:
        await session.execute(insert(AuthorWork), [{"work_id": work.id, "author_id": id_} for id_ in authors])
    await driver.execute(queries.ADOPT, [work.id, isbns])
    await refresh_briefs(session, owners)
    await look_up(session, [isbn for (isbn,) in introduced], account=account)
    events.record(
        session,
        "Work created",
        account=account,
        description=f"Work {work.id}: {work.title}",
        info={
            "work_id": work.id,
            "title": work.title,
            "author_ids": authors,
            "editions": [display(isbn) for isbn in owners],
            "moved_from": {display(isbn): work_id for isbn, work_id in moved.items()},
        },
    )
    return work.id


def _work_of(new: WorkCreateWithEditionsIn) -> Work:
    return Work(
        type=new.type,
        leading_article=new.leading_article,
        title=new.title,
        subtitle=new.subtitle,
        match_title=match_title(new.title, new.leading_article),
        info=None if new.info is None else new.info.model_dump(mode="json"),
    )


async def credit_work(session: AsyncSession, work: Work, said: Sequence[AuthorCreateIn | int]) -> None:
    """Have a locked work be by those who are named, and nobody else. A name is first looked for among its authors."""
    known = set(await session.scalars(select(AuthorWork.author_id).where(AuthorWork.work_id == work.id)))
    authors = await people_meant(session, Author, said, at="authors", context=known)
    if gone := known.difference(authors):
        await session.execute(delete(AuthorWork).where(AuthorWork.work_id == work.id, AuthorWork.author_id.in_(gone)))
    if added := [id_ for id_ in authors if id_ not in known]:
        await session.execute(insert(AuthorWork), [{"work_id": work.id, "author_id": id_} for id_ in added])


async def delete_work(session: AsyncSession, work: Work) -> list[int]:
    """Delete a work; its editions stay, without a work, and with them who holds and reads them. Their ISBNs.

    The catalogue is locked, and no edition of the work.
    """
    driver = driver_of(session)
    editions = await driver.execute(
        "SELECT isbn FROM editions WHERE work_id = %s ORDER BY isbn FOR NO KEY UPDATE", [work.id]
    )
    isbns = [isbn for (isbn,) in await editions.fetchall()]
    await session.execute(delete(Work).where(Work.id == work.id))
    await refresh_briefs(session, isbns)
    return isbns


def _refuse_moves(new: WorkCreateWithEditionsIn, moved: dict[int, int]) -> None:
    faults = [
        FieldError(pointer("editions", index), "field_forbidden", f"It belongs to work {moved[int(isbn)]}.")
        for index, isbn in enumerate(new.editions)
        if int(isbn) in moved
    ]
    if faults:
        raise FieldForbidden("Only an admin moves editions from work to work.", errors=faults)


async def _refuse_known(session: AsyncSession, new: WorkCreateWithEditionsIn) -> None:
    title = match_title(new.title, new.leading_article)
    found = await driver_of(session).execute(queries.SIMILAR, [title, new.type])
    works = [
        KnownWork(id_, key, fold(subtitle or ""), set(names), set())
        for id_, key, subtitle, names in await found.fetchall()
    ]
    named = frozenset(
        person_key(one.first_name, one.last_name) for one in new.authors if isinstance(one, AuthorCreateIn)
    )
    known = best_match(works, Description(title, fold(new.subtitle or ""), named, None))
    if known is not None:
        raise AlreadyExists(f"This is work {known.id}: add its editions to it instead.")
