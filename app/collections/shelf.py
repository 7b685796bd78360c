"""Holdings as JSON, put together from stored fragments: nothing is parsed and encoded again on the way out.

``schemas`` documents the shapes, and tests hold these bytes to them.
"""

from collections.abc import Iterable, Sequence

import msgspec

from app.books.briefs import unhydrated_brief
from app.collections.queries import CollectionRow, ItemRow
from app.core.schemas import Pagination

NO_BOOK = '"work":null,"edition":null'


def collection_json(row: CollectionRow, permissions: Sequence[str] | None = None) -> bytes:
    """One collection: ``schemas.CollectionBrief``."""
    shown = {
        "id": row.id,
        "name": row.name,
        "book_count": row.item_count,
        "school_id": row.school_id,
        "user_id": row.user_id,
        "updated_at": row.updated_at,
    }
    return msgspec.json.encode(shown if permissions is None else shown | {"permissions": permissions})


def permissions_member(permissions: Sequence[str] | None) -> str:
    """What follows the members of a holding; nothing where permissions were not asked for."""
    return "" if permissions is None else f',"permissions":{msgspec.json.encode(permissions).decode()}'


def item_json(row: ItemRow, more: str = "") -> str:
    """One holding, with ``more`` members at its end."""
    id_, total, free, info, isbn, brief, _ = row
    if brief is None:
        brief = NO_BOOK if isbn is None else unhydrated_brief(isbn)
    return f'{{"id":{id_},"copies_total":{total},"copies_available":{free},"info":{info or "null"},{brief}{more}}}'


def array_json(rows: Iterable[ItemRow]) -> bytes:
    """A bare array of holdings."""
    return f"[{','.join(map(item_json, rows))}]".encode()


def page_json(rows: Iterable[ItemRow], pagination: Pagination, permissions: Sequence[str] | None = None) -> bytes:
    """A page of holdings in its envelope. All have the same rules, those of their collection."""
    more = permissions_member(permissions)
    items = (item_json(row, more) for row in rows) if more else map(item_json, rows)
    return f'{{"data":[{",".join(items)}],"pagination":{pagination.model_dump_json()}}}'.encode()


def key_of(row: ItemRow) -> tuple[str, int]:
    """Where a holding stands in its collection: what a cursor remembers."""
    return row[6], row[0]
