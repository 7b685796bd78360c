"""Holdings as JSON, put together from stored fragments: nothing is parsed and encoded again on the way out.

``schemas`` documents the shapes, and tests hold these bytes to them.
"""

from collections.abc import Iterable

import msgspec

from app.books.briefs import unhydrated_brief
from app.collections.queries import CollectionRow, ItemRow
from app.core.schemas import Pagination

NO_BOOK = '"work":null,"edition":null'


def collection_json(row: CollectionRow) -> bytes:
    """One collection: ``schemas.CollectionBrief``."""
    return msgspec.json.encode(
        {
            "id": row.id,
            "name": row.name,
            "book_count": row.item_count,
            "school_id": row.school_id,
            "user_id": row.user_id,
            "updated_at": row.updated_at,
        }
    )


def item_json(row: ItemRow) -> str:
    """One holding."""
    item_id, total, available, info, isbn, brief, _ = row
    if brief is None:
        brief = NO_BOOK if isbn is None else unhydrated_brief(isbn)
    return f'{{"id":{item_id},"copies_total":{total},"copies_available":{available},"info":{info or "null"},{brief}}}'


def array_json(rows: Iterable[ItemRow]) -> bytes:
    """A bare array of holdings."""
    return f"[{','.join(map(item_json, rows))}]".encode()


def page_json(rows: Iterable[ItemRow], pagination: Pagination) -> bytes:
    """A page of holdings in its envelope."""
    return f'{{"data":[{",".join(map(item_json, rows))}],"pagination":{pagination.model_dump_json()}}}'.encode()


def key_of(row: ItemRow) -> tuple[str, int]:
    """Where a holding stands in its collection: what a cursor remembers."""
    return row[6], row[0]
