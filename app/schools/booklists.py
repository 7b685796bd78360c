"""What a school shows of its booklists. Their domain stands above this one: the table is joined by name, and a test
holds what is shown to who may read a list."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, String, Uuid, column, false, func, select, table

BOOK_LISTS = table(
    "book_lists", column("id", Uuid), column("name", String), column("school_id", Uuid), column("sharing")
)
MOST_SHOWN = 100


def lists_seen(school_id: UUID, principals: Collection[str]) -> ColumnElement[Any]:
    """The ids and names of the school's lists, by name, as a JSON array, or NULL: for its staff all of them, for its
    other members those that are shared."""
    lists = BOOK_LISTS.c
    query = select(lists.id, lists.name).where(lists.school_id == school_id)
    staff = {"role:admin", f"schooladmin:{school_id}", f"educator:{school_id}"}
    if staff.isdisjoint(principals):
        query = query.where(lists.sharing != "private" if f"school:{school_id}" in principals else false())
    seen = query.order_by(lists.name, lists.id).limit(MOST_SHOWN).subquery()
    return select(func.jsonb_agg(func.jsonb_build_object("id", seen.c.id, "name", seen.c.name))).scalar_subquery()
