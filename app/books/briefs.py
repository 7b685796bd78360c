"""What an edition looks like in a list, stored beside it as JSON, so that a page of holdings builds none.

A fragment is the members ``"work":{WorkBrief}|null,"edition":{EditionBrief}`` of a holding, without outer braces.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.aside import MANY_ROWS, array_of, aside, json_of
from app.core.db import driver_of
from app.core.isbn import display
from app.core.text import UNTITLED, sort_title

_encode = msgspec.json.Encoder().encode


class Heading(NamedTuple):
    """A title in its parts."""

    leading_article: str | None
    title: str | None
    subtitle: str | None


class Facts(NamedTuple):
    """What a fragment is made of."""

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

_LOCK = """
SELECT isbn FROM editions WHERE isbn = ANY(%s::bigint[]) OR work_id = ANY(%s::int[])
 ORDER BY isbn FOR NO KEY UPDATE
"""
_FACTS = """
SELECT e.isbn, e.leading_article, e.edition_title, e.edition_subtitle, e.cover_url, e.work_id,
       w.type, w.leading_article, w.title, w.subtitle, a.id, a.first_name, a.last_name
  FROM editions e
  LEFT JOIN works w ON w.id = e.work_id
  LEFT JOIN author_works aw ON aw.work_id = w.id
  LEFT JOIN authors a ON a.id = aw.author_id
 WHERE e.isbn = ANY(%s::bigint[])
 ORDER BY e.isbn, a.id
"""
_STORE = """
UPDATE editions e SET title = n.title, sort_title = n.sort_title, brief = n.brief, updated_at = now()
  FROM jsonb_to_recordset(%s::jsonb) AS n(isbn bigint, title text, sort_title text, brief text)
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
    locked = await (await driver.execute(_LOCK, [array_of(isbns), array_of(work_ids)])).fetchall()
    if not locked:
        return
    rows = await (await driver.execute(_FACTS, [array_of(isbn for (isbn,) in locked)])).fetchall()
    await driver.execute(_STORE, [await aside(len(rows) > MANY_ROWS, _records_of, rows)])


def _records_of(rows: Iterable[Sequence[Any]]) -> str:
    """What is to be stored, given the rows of `_FACTS`: one for each author of an edition, or one."""
    return json_of([_record_of(list(group)) for _, group in groupby(rows, key=itemgetter(0))])


def _record_of(rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    isbn, *own, cover_url, work_id, work_type, work_article, work_title, work_subtitle, _, _, _ = rows[0]
    works = Heading(work_article, work_title, work_subtitle)
    authors = [(id_, first, last) for *_, id_, first, last in rows if id_ is not None]
    facts = Facts(isbn, Heading(*own), cover_url, work_id, work_type, works, authors)
    heading, brief = shown_heading(facts.own, works), brief_of(facts)
    if brief == unhydrated_brief(isbn):
        return {"isbn": isbn, "title": None, "sort_title": UNTITLED, "brief": None}
    key = sort_title(heading.title, heading.leading_article)
    return {"isbn": isbn, "title": heading.title, "sort_title": key, "brief": brief}
