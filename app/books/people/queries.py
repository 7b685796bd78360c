"""Selects on authors and illustrators that are worth a name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Select, false, func, select, tuple_

from app.books.models import Author, AuthorWork, Illustrator
from app.core.acl_sql import allowed
from app.core.text import name_key


def people(
    model: type[Author] | type[Illustrator],
    principals: Collection[str],
    *,
    query: str | None = None,
    after: Sequence[Any] | None = None,
    skip: int = 0,
    limit: int,
) -> Select[Any]:
    """A page of people in the order of their names, spelled together; with ``query`` those whose name holds it.

    ``after`` is the name key and id of the last one seen.
    """
    page = select(model.id, model.first_name, model.last_name, model.info, model.name_key)
    page = page.where(allowed(model, "read", principals))
    if query is not None:
        wanted = name_key(None, query)
        page = page.where(model.name_key.contains(wanted, autoescape=True) if wanted else false())
    if after is not None:
        page = page.where(tuple_(model.name_key, model.id) > tuple_(*after))
    return page.order_by(model.name_key, model.id).offset(skip).limit(limit)


def author(author_id: int) -> Select[Any]:
    """All that is shown of an author."""
    works = select(func.count()).where(AuthorWork.author_id == author_id).scalar_subquery()
    return select(Author.id, Author.first_name, Author.last_name, Author.info, works.label("book_count")).where(
        Author.id == author_id
    )
