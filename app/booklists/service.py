"""The verbs of booklists."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import Row, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.attributes import flag_modified

from app.booklists import queries
from app.booklists.items import edit_items
from app.booklists.models import BookList, ListSharingType
from app.booklists.schemas import (
    BookListBrief,
    BookListCreateIn,
    BookListInfo,
    BookListInfoIn,
    BookListUpdateIn,
    ListOwner,
    ListSchool,
)
from app.core.account import Account
from app.core.acl import Everyone, may
from app.core.errors import (
    AlreadyExists,
    FieldError,
    Forbidden,
    Invalid,
    NotFound,
    PreconditionFailed,
    Problem,
    pointer,
)
from app.core.include import Included, permissions_if
from app.events import service as events
from app.people.schemas import ListType

SCHOOL_OF_CALLER = ("educator:", "student:", "lms:", "library:", "kiosk:")
ANYBODY = frozenset({Everyone})


class Listing(NamedTuple):
    """A page of lists, how many there are (counted with the first page only), and the last one's sort key."""

    lists: list[BookListBrief]
    total: int | None
    last: tuple[str, str] | None


def etag_of(booklist: BookList) -> str:
    """A strong validator: it changes with every change of the list or of what is on it."""
    return f'"{booklist.id.hex}-{booklist.version}"'


async def list_by_id(session: AsyncSession, list_id: UUID) -> BookList:
    """Raises ``NotFound``."""
    return _found(await session.scalar(select(BookList).where(BookList.id == list_id)))


async def published_list(session: AsyncSession, slug: str) -> BookList:
    """The list that anybody may read under this name; of any other ``NotFound``."""
    clauses = queries.lists_matching(ANYBODY, None, None)
    return _found(await session.scalar(select(BookList).where(BookList.slug == slug, *clauses)))


async def find_lists(
    session: AsyncSession,
    principals: frozenset[str],
    include: Included = None,
    *,
    kind: ListType | None = None,
    sharing: ListSharingType | None = None,
    after: Sequence[Any] | None,
    skip: int,
    limit: int,
) -> Listing:
    """A page of the lists that the holder of these principals may read, the newest first; with the permissions of that
    holder on each, if they are included."""
    which = queries.lists_matching(principals, kind, sharing)
    rows = (await session.execute(queries.page_of(which, after=after, skip=skip, limit=limit))).all()
    total = None if after else await session.scalar(queries.number_of(which))
    last = (rows[-1].created_at.isoformat(), str(rows[-1].id)) if rows else None
    lists = [_brief(row, permissions_if(include, _ruled(row), principals)) for row in rows]
    return Listing(lists, total, last)


async def describe(session: AsyncSession, booklist: BookList, permissions: list[str] | None = None) -> BookListBrief:
    """A list without what is on it, with the caller's permissions if they are given."""
    return _brief((await session.execute(queries.briefs().where(BookList.id == booklist.id))).one(), permissions)


def unborn(account: Account, given: BookListCreateIn) -> BookList:
    """The list about to be born. Raises ``Invalid`` where it cannot be told whose it is to be."""
    user_id, school_id = owner_of(account, given.type, given.user_id, given.school_id)
    booklist = BookList(
        id=uuid4(),
        name=given.name,
        type=given.type,
        sharing=given.sharing or ListSharingType.PRIVATE,
        slug=given.slug,
        info=_stored_info(None, given.info),
        user_id=user_id,
        school_id=school_id,
        book_count=0,
        version=1,
    )
    _refuse_wrong_slug(booklist)
    return booklist


def owner_of(
    account: Account, kind: ListType, user_id: UUID | None, school_id: UUID | None
) -> tuple[UUID | None, UUID | None]:
    """The user or the school that a list of this type belongs to: the one that is named, else the caller's own."""
    wanted = {ListType.PERSONAL: "user_id", ListType.SCHOOL: "school_id"}.get(kind)
    given = {"user_id": user_id, "school_id": school_id}
    stray = [name for name, value in given.items() if value is not None and name != wanted]
    if stray:
        hint = f"A {kind} list does not have this owner: leave it out."
        raise Invalid(errors=[FieldError(pointer(name), "other_owner", hint) for name in stray])
    if wanted == "user_id" and user_id is None:
        user_id = account.id if account.kind == "user" else None
    if wanted == "school_id" and school_id is None:
        school_id = _school_of(account)
    if wanted is not None and (user_id or school_id) is None:
        raise Invalid(errors=[FieldError(pointer(wanted), "required", "Say whose list it is.")])
    return user_id, school_id


async def create(session: AsyncSession, account: Account, booklist: BookList, given: BookListCreateIn) -> BookListBrief:
    """Store a new list with its first works: all of it or, where a work is unknown, nothing."""
    session.add(booklist)
    await _flush(session)
    await edit_items(session, booklist, given.items or ())
    flag_modified(booklist, "version")  # a new list is version 1, whatever the trigger counted
    _record(session, "Booklist created", account, booklist)
    return await describe(session, booklist)


async def change(
    session: AsyncSession, account: Account, list_id: UUID, patch: BookListUpdateIn, if_match: str | None
) -> tuple[BookListBrief, str]:
    """Change a list and what is on it, and the new ETag. The caller needs the right to update the list as it is under
    its lock, and as it is going to be."""
    booklist = _found(await session.scalar(queries.list_locked(list_id)))
    _require_right(account, booklist)
    _require_version(booklist, if_match)
    _apply(account, booklist, patch)
    _require_right(account, booklist)
    _refuse_wrong_slug(booklist)
    changed = session.is_modified(booklist)
    await _flush(session)
    if await edit_items(session, booklist, patch.items or ()) or changed:
        booklist.version += 1
        booklist.updated_at = datetime.now(UTC)
        await session.flush()
        _record(session, "Booklist updated", account, booklist, changed=sorted(patch.model_fields_set))
    return await describe(session, booklist), etag_of(booklist)


async def remove(session: AsyncSession, account: Account, booklist: BookList) -> BookListBrief:
    """Delete a list; what it was."""
    brief = await describe(session, booklist)
    await session.execute(delete(BookList).where(BookList.id == booklist.id))
    _record(session, "Booklist deleted", account, booklist)
    return brief


def _found(booklist: BookList | None) -> BookList:
    if booklist is None:
        raise NotFound("There is no such list.")
    return booklist


def _require_right(account: Account, booklist: BookList) -> None:
    if not may(booklist, "update", account.principals):
        raise Forbidden(permission="update", resource="BookList")


def _require_version(booklist: BookList, if_match: str | None) -> None:
    """412 unless the caller has seen the present state, or does not say what it has seen."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag_of(booklist) not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed(headers={"ETag": etag_of(booklist)})


def _apply(account: Account, booklist: BookList, patch: BookListUpdateIn) -> None:
    """The columns that a patch names."""
    named = patch.model_fields_set
    if patch.name is not None:
        booklist.name = patch.name
    if patch.type not in (None, booklist.type) or patch.user_id is not None or patch.school_id is not None:
        booklist.type = patch.type or booklist.type
        booklist.user_id, booklist.school_id = owner_of(account, booklist.type, patch.user_id, patch.school_id)
    if "sharing" in named:
        booklist.sharing = patch.sharing or ListSharingType.PRIVATE
    if "slug" in named:
        booklist.slug = patch.slug
    if "info" in named:
        booklist.info = _stored_info(booklist.info, patch.info)


def _stored_info(old: dict[str, Any] | None, new: BookListInfoIn | None) -> dict[str, Any] | None:
    if new is None:
        return None
    merged = {**(old or {}), **new.model_dump(mode="json", exclude_unset=True)}
    return {name: value for name, value in merged.items() if value is not None} or None


def _refuse_wrong_slug(booklist: BookList) -> None:
    """A Huey list that is public has a slug, and no other type of list has one."""
    if booklist.slug is None and booklist.is_published:
        hint = "A public Huey list needs a slug, its name in the address."
    elif booklist.slug is not None and booklist.type is not ListType.HUEY:
        hint = "Only a Huey list has a slug: make it null."
    else:
        return
    raise Invalid(hint, errors=[FieldError(pointer("slug"), "slug", hint)])


def _school_of(account: Account) -> UUID | None:
    """The one school that the caller belongs to or works for."""
    held = (principal.partition(":") for principal in account.principals if principal.startswith(SCHOOL_OF_CALLER))
    schools = {school for _, _, school in held}
    return UUID(schools.pop()) if len(schools) == 1 else None


async def _flush(session: AsyncSession) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise _refusal_of(error) from None


def _refusal_of(error: IntegrityError) -> Problem:
    """What a constraint of ``book_lists`` means to the caller."""
    constraint = (error.orig.diag.constraint_name if isinstance(error.orig, psycopg.Error) else None) or ""
    if isinstance(error.orig, psycopg.errors.UniqueViolation):
        return AlreadyExists(errors=[FieldError(pointer("slug"), "already_exists", "Another list has this slug.")])
    field = "user_id" if "user_id" in constraint else "school_id"
    return Invalid("The owner does not exist.", errors=[FieldError(pointer(field), "not_found", "Name one that does.")])


def _record(session: AsyncSession, title: str, account: Account, booklist: BookList, **more: Any) -> None:
    events.record(
        session,
        title,
        account=account,
        description=f"{booklist.type} list {booklist.name}"[:200],
        school_id=booklist.school_id,
        user_id=booklist.user_id,
        info={
            "booklist_id": str(booklist.id),
            "type": booklist.type.value,
            "sharing": booklist.sharing.value,
            **more,
        },
    )


def _ruled(row: Row[Any]) -> BookList:
    """As much of a list as its rules name."""
    return BookList(type=row.type, sharing=row.sharing, user_id=row.user_id, school_id=row.school_id)


def _brief(row: Row[Any], permissions: list[str] | None) -> BookListBrief:
    school_id = row.school_id
    return BookListBrief(
        id=row.id,
        name=row.name,
        type=row.type,
        book_count=row.book_count,
        created_at=row.created_at,
        updated_at=row.updated_at,
        user=None if row.user_id is None else ListOwner(id=row.user_id, type=row.user_type, name=row.user_name),
        school=None if school_id is None else ListSchool(wriveted_identifier=school_id, name=row.school_name),
        sharing=row.sharing,
        slug=row.slug,
        info=None if row.info is None else BookListInfo.model_validate(row.info),
        permissions=permissions,
    )
