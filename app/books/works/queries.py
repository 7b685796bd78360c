"""Selects on works that are worth a name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, func, literal_column, select, tuple_

from app.books.models import AuthorWork, Edition, Work, WorkType
from app.books.queries import SIMPLE
from app.core.acl_sql import allowed
from app.core.text import fold, sort_title

AUTHORS: ColumnElement[Any] = literal_column(
    """ARRAY(SELECT jsonb_build_object('id', a.id, 'first_name', a.first_name, 'last_name', a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id
              WHERE aw.work_id = works.id ORDER BY a.id)"""
)
IN_BRIEF = (
    Work.id,
    Work.type,
    Work.leading_article,
    Work.title,
    Work.subtitle,
    Work.match_title,
    AUTHORS.label("authors"),
)


def works(
    principals: Collection[str],
    *,
    query: str | None = None,
    author_id: int | None = None,
    isbn: str | None = None,
    type_: WorkType | None = WorkType.BOOK,
    after: Sequence[Any] | None = None,
    skip: int = 0,
    limit: int,
) -> Select[Any]:
    """A page of works that have an edition: those with a title in which every word of ``query`` begins a word, in the
    order of their titles; without that filter in the order of their ids.

    ``after`` is the match title and id of the last one seen.
    """
    page = select(*IN_BRIEF).where(
        allowed(Work, "read", principals), exists().where(Edition.work_id == Work.id).correlate(Work)
    )
    if query is not None:
        page = page.where(_has_words(query))
    if author_id is not None:
        by_author = select(AuthorWork.work_id).where(AuthorWork.author_id == author_id)
        page = page.where(Work.id.in_(by_author))
    if isbn is not None:
        page = page.where(Work.id.in_(select(Edition.work_id).where(Edition.isbn == isbn)))
    if type_ is not None:
        page = page.where(Work.type == type_)
    order = (Work.match_title, Work.id) if query is not None else (Work.id,)
    if after is not None:
        page = page.where(tuple_(*order) > tuple_(*after[-len(order) :]))
    return page.order_by(*order).offset(skip).limit(limit)


def _has_words(query: str) -> ColumnElement[bool]:
    words = fold(sort_title(query)).split()
    if not words:
        return false()
    wanted = func.to_tsquery(SIMPLE, " & ".join(f"'{word}':*" for word in words))
    return func.to_tsvector(SIMPLE, Work.match_title).bool_op("@@")(wanted)


SIMILAR = """
SELECT w.id, w.match_title, w.subtitle, array_agg(a.name_key)
  FROM works w JOIN author_works aw ON aw.work_id = w.id JOIN authors a ON a.id = aw.author_id
 WHERE w.match_title = %s AND w.type = %s
 GROUP BY w.id
"""
"""Works of a title that have authors, as matching takes them."""
EDITIONS_OF = "SELECT isbn, work_id FROM editions WHERE isbn = ANY(%s::bigint[]) ORDER BY isbn FOR NO KEY UPDATE"
INTRODUCE = """
INSERT INTO editions (isbn) SELECT given.isbn FROM unnest(%s::bigint[]) AS given(isbn) ORDER BY given.isbn
ON CONFLICT DO NOTHING
RETURNING isbn
"""
ADOPT = "UPDATE editions SET work_id = %s, updated_at = now() WHERE isbn = ANY(%s::bigint[])"
