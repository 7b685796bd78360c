"""What a request about booklists names: the list, and the right to it."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Path

from app.booklists import service
from app.booklists.models import BookList
from app.booklists.schemas import SLUG, BookListCreateIn
from app.collections.queries import CollectionRow, collection_row
from app.core.db import RequestTransaction, Session
from app.core.errors import NotFound
from app.core.guards import Caller, Permission

IfMatch = Annotated[
    str | None,
    Header(max_length=200, description="The list's ETag as last read; 412 if it has changed since."),
]


async def get_list(booklist_identifier: UUID, session: Session) -> BookList:
    return await service.list_by_id(session, booklist_identifier)


async def get_new_list(booklist: BookListCreateIn, caller: Caller) -> BookList:
    """The list about to be born."""
    return service.unborn(caller, booklist)


async def get_published_list(
    booklist_slug: Annotated[str, Path(pattern=SLUG, max_length=200)], session: Session
) -> BookList:
    return await service.published_list(session, booklist_slug)


async def get_collection(collection_id: UUID, transaction: RequestTransaction) -> CollectionRow:
    collection = await collection_row(transaction, collection_id)
    if collection is None:
        raise NotFound("There is no such collection.")
    return collection


Creatable = Annotated[BookList, Permission("create", get_new_list)]
Readable = Annotated[BookList, Permission("read", get_list)]
Changeable = Annotated[BookList, Permission("update", get_list)]
Deletable = Annotated[BookList, Permission("delete", get_list)]
Published = Annotated[BookList, Depends(get_published_list)]
ReadableCollection = Annotated[CollectionRow, Permission("read", get_collection)]
