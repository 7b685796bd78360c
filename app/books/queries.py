"""Selects on the catalogue that are worth a name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, false, func, literal, literal_column, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from app.books.models import Edition, Work
from app.core.acl_sql import allowed
from app.core.text import fold, sort_title

# Written as the index is, or it would not be used.
SIMPLE: ColumnElement[Any] = literal_column("'simple'::regconfig")

EDITION = """
SELECT e.leading_article, e.edition_title, e.edition_subtitle, w.leading_article, w.title, w.subtitle,
       e.isbn, e.work_id, e.cover_url, coalesce(e.series_name, s.title),
       coalesce(e.series_number, CASE WHEN e.series_name IS NULL OR e.series_name = s.title THEN s.order_id END),
       e.date_published, e.info,
       ARRAY(SELECT jsonb_build_object('id', a.id, 'first_name', a.first_name, 'last_name', a.last_name)
               FROM author_works aw JOIN authors a ON a.id = aw.author_id
              WHERE aw.work_id = e.work_id ORDER BY a.id),
       ARRAY(SELECT jsonb_build_object('id', i.id, 'first_name', i.first_name, 'last_name', i.last_name,
                                       'info', i.info)
               FROM illustrator_editions ie JOIN illustrators i ON i.id = ie.illustrator_id
              WHERE ie.edition_isbn = e.isbn ORDER BY i.id)
  FROM editions e
  LEFT JOIN works w ON w.id = e.work_id
  LEFT JOIN LATERAL (
      SELECT s.title, sw.order_id FROM series_works_association sw JOIN series s ON s.id = sw.series_id
       WHERE sw.work_id = e.work_id ORDER BY sw.primary_works DESC, s.id LIMIT 1
  ) s ON true
 WHERE e.isbn = ANY(%s::bigint[])
"""
"""All that is shown of these editions: for each its own heading, its work's, then the rest. A series is its own, or its
work's."""


IN_BRIEF: tuple[InstrumentedAttribute[Any], ...] = (
    Edition.leading_article,
    Edition.edition_title,
    Edition.edition_subtitle,
    Work.leading_article,
    Work.title,
    Work.subtitle,
    Edition.isbn,
    Edition.work_id,
    Edition.cover_url,
    Edition.sort_title,
)


def editions(
    principals: Collection[str],
    *,
    work_id: int | None = None,
    query: str | None = None,
    after: Sequence[Any] | None = None,
    skip: int = 0,
    limit: int,
) -> Select[Any]:
    """A page of editions in brief: of a work, or with a title in which every word of ``query`` begins a word, in the
    order of their titles; without a filter in the order of the ISBNs.

    ``after`` is the sort title and ISBN of the last one seen.
    """
    page = select(*IN_BRIEF).outerjoin(Edition.work).where(allowed(Edition, "read", principals))
    if work_id is not None:
        page = page.where(Edition.work_id == work_id)
    if query is not None:
        page = page.where(Edition.title.is_not(None), _has_words(query))
    order: tuple[InstrumentedAttribute[Any], ...] = (Edition.sort_title, Edition.isbn)
    if work_id is None and query is None:
        order = order[1:]
    if after is not None:
        seen = [literal(value, by.type) for value, by in zip(after[-len(order) :], order, strict=True)]
        page = page.where(tuple_(*order) > tuple_(*seen))
    return page.order_by(*order).offset(skip).limit(limit)


def _has_words(query: str) -> ColumnElement[bool]:
    words = fold(sort_title(query)).split()
    if not words:
        return false()
    wanted = func.to_tsquery(SIMPLE, " & ".join(f"'{word}':*" for word in words))
    return func.to_tsvector(SIMPLE, Edition.sort_title).op("@@")(wanted)


WORKS_OF = "SELECT isbn, work_id FROM editions WHERE isbn = ANY(%s::bigint[]) AND work_id IS NOT NULL"
"""The works of editions, by ISBN."""
