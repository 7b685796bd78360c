"""What an edition looks like in a list, stored beside it as JSON, so that a page of holdings builds none.

A fragment is the members ``"work":{WorkBrief}|null,"edition":{EditionBrief}`` of a holding, without outer braces.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import driver_of
from app.core.isbn import display
from app.core.text import UNTITLED, sort_title

THREAD_FROM_ROWS = 500
"""Fragments from here on are built beside the event loop, so that other requests do not wait."""

_encode = msgspec.json.Encoder().encode


class Heading(NamedTuple):
    """A title in its parts."""

    leading_article: str | None
    title: str | None
    subtitle: str | None


class Facts(NamedTuple):
    """What a fragment is made of, in the order of `_FACTS`."""

    isbn: int
    own: Heading
    cover_url: str | None
    work_id: int | None
    work_type: str | None
    works: Heading
    authors: Sequence[tuple[int, str | None, str]]


def shown_heading(own: Heading, works: Heading) -> Heading:
    """The title to show: the edition's own, else its work's. An article belongs to the title that it stands before."""
    if own.title is not None:
        return own
    return Heading(works.leading_article, works.title, own.subtitle or works.subtitle)


def brief_of(facts: Facts) -> str:
    """The fragment of an edition."""
    heading = shown_heading(facts.own, facts.works)
    work_id = None if facts.work_id is None else str(facts.work_id)
    edition = {
        **heading._asdict(),
        "cover_url": facts.cover_url,
        "work_id": work_id,
        "isbn": display(facts.isbn),
    }
    work: dict[str, Any] | None = None
    if work_id is not None:
        authors = [{"id": str(id_), "first_name": first, "last_name": last} for id_, first, last in facts.authors]
        work = {"id": work_id, "type": facts.work_type, **facts.works._asdict(), "authors": authors}
    return _encode({"work": work, "edition": edition})[1:-1].decode()


def unhydrated_brief(isbn: int) -> str:
    """The fragment of an edition that is known by its number only, whose ``brief`` is NULL."""
    return f'{_NUMBER_ONLY}"{display(isbn)}"}}'


_NUMBER_ONLY = brief_of(
    Facts(0, Heading(None, None, None), None, None, None, Heading(None, None, None), ())
).removesuffix(f'"{display(0)}"}}')

_LOCK = """SELECT isbn FROM editions WHERE isbn = ANY(%(isbns)s::bigint[]) OR work_id = ANY(%(work_ids)s::int[])
            ORDER BY isbn FOR NO KEY UPDATE"""
_FACTS = """
SELECT e.isbn, e.leading_article, e.edition_title, e.edition_subtitle, e.cover_url, e.work_id,
       w.type, w.leading_article, w.title, w.subtitle,
       ARRAY(SELECT jsonb_build_array(a.id, a.first_name, a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id
              WHERE aw.work_id = e.work_id ORDER BY a.id)
  FROM editions e LEFT JOIN works w ON w.id = e.work_id
 WHERE e.isbn = ANY(%s::bigint[])
"""
_STORE = """
UPDATE editions e SET title = n.title, sort_title = n.sort_title, brief = n.brief, updated_at = now()
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) AS n(isbn, title, sort_title, brief)
 WHERE e.isbn = n.isbn AND (e.title, e.sort_title, e.brief) IS DISTINCT FROM (n.title, n.sort_title, n.brief)
"""


async def refresh_briefs(session: AsyncSession, isbns: Iterable[int], work_ids: Iterable[int] = ()) -> None:
    """Bring title, sort title and fragment of these editions, and of all editions of these works, up to date.

    To be called by whatever changed an edition, its work or its authors, in the same transaction. Three statements,
    however many editions: the editions are locked before they are read, so that of two who change parts of one
    fragment the second sees what the first did.
    """
    await session.flush()
    driver = driver_of(session)
    wanted = {"isbns": list(isbns), "work_ids": list(work_ids)}
    locked = [isbn for (isbn,) in await (await driver.execute(_LOCK, wanted)).fetchall()]
    if not locked:
        return
    rows = await (await driver.execute(_FACTS, [locked])).fetchall()
    columns = _columns(rows) if len(rows) < THREAD_FROM_ROWS else await asyncio.to_thread(_columns, rows)
    await driver.execute(_STORE, columns)


def _columns(rows: Iterable[Sequence[Any]]) -> list[list[Any]]:
    """What is to be stored for these rows of `_FACTS`, one array per column of `_STORE`."""
    return [list(column) for column in zip(*(_to_store(_facts_of(row)) for row in rows), strict=True)]


def _facts_of(row: Sequence[Any]) -> Facts:
    isbn, article, title, subtitle, cover_url, work_id, work_type, *works, authors = row
    return Facts(isbn, Heading(article, title, subtitle), cover_url, work_id, work_type, Heading(*works), authors)


def _to_store(facts: Facts) -> tuple[int, str | None, str, str | None]:
    article, title, _ = shown_heading(facts.own, facts.works)
    brief = brief_of(facts)
    if brief == unhydrated_brief(facts.isbn):
        return facts.isbn, None, UNTITLED, None
    return facts.isbn, title, sort_title(title, article), brief
