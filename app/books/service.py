"""The verbs of the catalogue."""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.books import queries
from app.books.additions.plan import ANOTHER_BOOK
from app.books.additions.report import Report, report_on
from app.books.additions.rows import Batch, addition_of, forbidden_fields
from app.books.additions.statements import add
from app.books.briefs import Heading, shown_heading
from app.books.lookups import look_up
from app.books.merging.redirects import current_id
from app.books.models import Edition, MergeKind
from app.books.schemas import (
    EditionCreateIn,
    EditionDetail,
    EditionFound,
    EditionInfo,
)
from app.core.account import Account
from app.core.aside import MANY_ROWS, array_of, aside
from app.core.db import driver_of, transaction_of
from app.core.errors import (
    AlreadyExists,
    AtomicRejected,
    FieldError,
    FieldForbidden,
    NotFound,
    NothingUsable,
    pointer,
)
from app.core.include import Included, permissions_if
from app.core.isbn import display
from app.events import service as events

SortKey: TypeAlias = tuple[str, str]
"""Sort title and ISBN."""

MAX_FAULTS = 100


async def describe_edition(session: AsyncSession, isbn: str, permissions: list[str] | None = None) -> EditionDetail:
    """All that is shown of an edition, in one statement, with the caller's permissions if they are given.

    Raises ``NotFound``.
    """
    found = await describe_editions(session, [int(isbn)])
    if not found:
        raise NotFound("There is no edition with this ISBN.")
    return found[int(isbn)].model_copy(update={"permissions": permissions})


async def describe_editions(session: AsyncSession, isbns: Iterable[int]) -> dict[int, EditionDetail]:
    """All that is shown of these editions, by ISBN, in one statement; those that are unknown are left out."""
    rows = await (await driver_of(session).execute(queries.EDITION, [array_of(isbns)])).fetchall()
    return {row[6]: _detail(row) for row in rows}


async def list_editions(
    session: AsyncSession,
    account: Account,
    include: Included = None,
    *,
    work_id: int | None,
    query: str | None,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> tuple[list[EditionFound], SortKey | None]:
    """A page of editions (see `queries.editions`), and the key of the last one. All have the same rules."""
    if work_id is not None:
        work_id = await current_id(session, MergeKind.WORK, work_id)
    page = queries.editions(account.principals, work_id=work_id, query=query, after=after, skip=skip, limit=limit)
    rows = (await session.execute(page)).all()
    permissions = permissions_if(include, Edition(), account.principals)
    briefs = [
        EditionFound.model_validate(edition_brief(headings, isbn, work, cover_url) | {"permissions": permissions})
        for *headings, isbn, work, cover_url, _ in rows
    ]
    return briefs, (rows[-1].sort_title, rows[-1].isbn) if rows else None


async def add_edition(session: AsyncSession, account: Account, data: EditionCreateIn) -> EditionDetail:
    """Add an edition, or what a known one lacks; nothing that is known is overwritten, moved or removed.

    An unknown edition finds its work through its relatives (``other_isbns``), or by title and author (see
    `matching`); otherwise a work is made. A name that is known is taken for the person who has it: people who only
    share a name are told apart by an admin. Raises ``AlreadyExists`` if the edition is complete, or known under
    another title.
    """
    if faults := forbidden_fields(data, is_admin=account.is_admin):
        raise FieldForbidden(errors=faults)
    (outcome,), unknown = await add(session, [addition_of(data)])
    if outcome.status == "rejected":
        raise NotFound(errors=[FieldError("/work_id", "not_found", "There is no such work.")])
    if outcome.conflicts:
        raise AlreadyExists(
            outcome.note.hint if outcome.note else "This edition is known, and it lacks nothing of that."
        )
    await look_up(session, unknown, account=account)
    edition = await describe_edition(session, data.isbn)
    if outcome.status != "unchanged":
        events.record(
            session,
            "Edition created" if outcome.status == "created" else "Edition updated",
            account=account,
            description=f"ISBN {data.isbn}",
            info={"isbn": data.isbn, "work_id": edition.work_id, "added": outcome.added},
        )
    return edition


async def add_editions(session: AsyncSession, account: Account, batch: Batch, *, atomic: bool) -> Report:
    """Add many editions by the same rules as one, in a number of statements that does not grow with them.

    Raises ``NothingUsable`` if every row is rejected and, for an ``atomic`` request, ``AtomicRejected`` if one is.
    """
    await transaction_of(session).allow_bulk()
    outcomes, unknown = await add(session, batch.additions)
    report = await aside(batch.received > MANY_ROWS, report_on, batch, outcomes)
    if batch.received and report.summary.rejected == batch.received:
        _refuse(NothingUsable, report)
    if atomic and report.summary.rejected:
        _refuse(AtomicRejected, report)
    await look_up(session, unknown, account=account)
    events.record(
        session,
        "Bulk editions added",
        account=account,
        description=report.msg,
        info=msgspec.structs.asdict(report.summary),
    )
    return report


async def fill_editions(session: AsyncSession, told: Sequence[EditionCreateIn]) -> dict[int, int]:
    """Take over what editions lack from those who were asked about them, by the same rules as anybody's additions.

    The works of those that were taken for the book that was told of, by ISBN.
    """
    additions = [addition_of(data, row, is_hearsay=True) for row, data in enumerate(told)]
    outcomes, _ = await add(session, additions)
    meant = [
        each.isbn
        for each, outcome in zip(additions, outcomes, strict=True)
        if outcome.note is None or outcome.note.code != ANOTHER_BOOK.code
    ]
    rows = await driver_of(session).execute(queries.WORKS_OF, [array_of(meant)])
    return dict(await rows.fetchall())


def _refuse(problem: type[AtomicRejected | NothingUsable], report: Report) -> NoReturn:
    summary = report.summary
    rejected = [result for result in report.results if result.status == "rejected"]
    raise problem(
        f"{summary.rejected} of {summary.received} rows cannot be used; nothing was written.",
        errors=[FieldError(pointer(row.index), row.code, row.hint) for row in rejected[:MAX_FAULTS]],
        summary=msgspec.to_builtins(summary),
        results=msgspec.to_builtins(report.results),
    )


def _detail(row: Sequence[Any]) -> EditionDetail:
    *headings, number, work_id, cover_url, series_name, series_number, published, info, authors, illustrators = row
    return EditionDetail.model_validate(
        {
            **edition_brief(headings, display(number), work_id, cover_url),
            "series_name": series_name,
            "series_number": series_number,
            "authors": authors,
            "illustrators": illustrators,
            "date_published": published,
            "info": None if info is None else EditionInfo.model_validate(info, extra="ignore"),
        }
    )


def edition_brief(
    headings: Sequence[str | None], isbn: str, work_id: int | None, cover_url: str | None
) -> dict[str, Any]:
    """The members of an `EditionBrief`, given the edition's own heading and its work's, three parts each."""
    shown = shown_heading(Heading(*headings[:3]), Heading(*headings[3:]))
    return {**shown._asdict(), "isbn": isbn, "work_id": work_id, "cover_url": cover_url}
