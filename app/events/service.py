"""The verbs of events. Other services call ``record`` in the line that did the deed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from psycopg import errors as postgres
from sqlalchemy import Result, Select
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.db import driver_of
from app.core.errors import FieldError, FieldForbidden, Forbidden, Invalid, Malformed, Unavailable, pointer
from app.core.include import Included, permissions_if
from app.core.outbox import Task, store
from app.events.alerts import ALERTED, SendAlert, TellSupporters
from app.events.models import Event, EventLevel
from app.events.queries import all_titles, events_matching, events_with_identities, titles_visible
from app.events.schemas import EventCreateIn, EventDetail, EventFilter, ProcessEvent
from app.events.titles import PROCESSED_TITLES, READING_LOGGED, is_system_title

INFO_PATH_TIMEOUT = "1s"
INFO_OF_THE_SERVER = frozenset({"actor", "impersonator", "slack_channel"})
ORDINARY_LEVELS = frozenset({EventLevel.DEBUG, EventLevel.NORMAL})


def record(
    session: AsyncSession,
    title: str,
    *,
    account: Account | None,
    description: str = "",
    level: EventLevel = EventLevel.NORMAL,
    school_id: UUID | None = None,
    user_id: UUID | None = None,
    info: dict[str, Any] | None = None,
) -> Event:
    """Note what happened, in the caller's transaction. ``user_id`` defaults to the account itself when it is a person.

    Where the event is about another person than the one who acts, ``info.actor`` names who acts; where somebody else
    acts with a minted token, ``info.impersonator`` names who.
    """
    is_user = account is not None and account.kind == "user"
    named = None if account is None or account.is_gone else account.id
    event = Event(
        id=uuid4(),
        title=title,
        description=description,
        level=level,
        school_id=school_id,
        user_id=user_id or (named if is_user else None),
        service_account_id=None if is_user else named,
        info={**(info or {}), **_who_else(account, user_id), "description": description},
    )
    session.add(event)
    if tasks := [*_what_follows(event)]:
        store(session, *tasks, account=account)
    return event


async def list_events(
    session: AsyncSession,
    account: Account,
    wanted: EventFilter,
    include: Included = None,
    *,
    after: tuple[datetime, UUID] | None,
    skip: int,
    limit: int,
) -> list[EventDetail]:
    """One page of the events that the account may read, the newest first."""
    if wanted.info_path is not None and not account.is_admin:
        raise FieldForbidden(
            errors=[FieldError("/query/info_jsonpath_match", "field_forbidden", "Administrators only.")]
        )
    query = events_matching(wanted, account.principals, after=after, skip=skip, limit=limit)
    found = await session.execute(query) if wanted.info_path is None else await _search_info(session, query)
    events = [EventDetail.model_validate(row) for row in found]
    for each in events:
        each.permissions = permissions_if(include, _as_asked(each), account.principals)
    return events


async def list_titles(
    session: AsyncSession,
    account: Account,
    level: EventLevel | None,
    *,
    after: str | None,
    skip: int,
    limit: int,
) -> list[str]:
    """One page of the different titles among the events that the account may read."""
    if account.is_admin:
        query = all_titles(level, after=after, skip=skip, limit=limit)
    else:
        query = titles_visible(account.principals, level, after=after, skip=skip, limit=limit)
    return list(await session.scalars(query))


async def create_event(session: AsyncSession, account: Account, given: EventCreateIn) -> EventDetail:
    """Note what an account says has happened to itself, its child or its school; an administrator, anything."""
    if not account.is_admin:
        _refuse_what_is_not_theirs(account, given)
    info = dict(given.info or {})
    if forged := sorted(INFO_OF_THE_SERVER & info.keys()):
        faults = [FieldError(pointer("info", key), "field_forbidden", "The server says this.") for key in forged]
        raise FieldForbidden(errors=faults)
    if given.slack_channel is not None:
        info["slack_channel"] = given.slack_channel
    event = record(
        session,
        given.title,
        account=account,
        description=given.description or "",
        level=given.level,
        school_id=given.school_id,
        user_id=given.user_id,
        info=info,
    )
    try:
        await session.flush()
    except IntegrityError as error:
        raise Invalid(errors=list(_unknown_owners(error))) from None
    if given.slack_channel is not None:
        store(session, SendAlert(event_id=event.id, channel=given.slack_channel), account=account)
    created = await session.execute(events_with_identities().where(Event.id == event.id))
    return EventDetail.model_validate(created.one())


def _what_follows(event: Event) -> Iterator[Task]:
    """What is to be done about an event afterwards."""
    if event.title in PROCESSED_TITLES:
        yield ProcessEvent(event_id=event.id)
    if event.title == READING_LOGGED and event.user_id is not None:
        yield TellSupporters(event_id=event.id)
    if event.title in ALERTED:
        yield SendAlert(event_id=event.id, channel=ALERTED[event.title])


def _as_asked(detail: EventDetail) -> Event:
    """An event of what the rules look at."""
    return Event(
        title=detail.title,
        school_id=None if detail.school is None else detail.school.wriveted_identifier,
        user_id=None if detail.user is None else detail.user.id,
    )


def _who_else(account: Account | None, user_id: UUID | None) -> dict[str, str]:
    """The identities behind an event that its columns do not name."""
    names: dict[str, str] = {}
    if account is not None and (account.is_gone or (account.kind == "user" and user_id not in (None, account.id))):
        names["actor"] = account.subject
    if account is not None and account.claims.actor is not None:
        names["impersonator"] = str(account.claims.actor)
    return names


def _refuse_what_is_not_theirs(account: Account, given: EventCreateIn) -> None:
    if given.slack_channel is not None:
        raise FieldForbidden(errors=[FieldError("/slack_channel", "field_forbidden", "Administrators only.")])
    if is_system_title(given.title):
        raise Forbidden("The system itself emits events of this title.", permission="create", resource="Event")
    if given.level not in ORDINARY_LEVELS:
        raise Forbidden("Warnings and errors are for administrators to post.", permission="create", resource="Event")
    require_right_to_post_about(account, given.user_id, given.school_id)


def require_right_to_post_about(account: Account, user_id: UUID | None, school_id: UUID | None) -> None:
    """Raises ``Forbidden`` unless an account may say that something happened to this person and this school."""
    if account.is_admin:
        return
    if user_id is not None and account.principals.isdisjoint({f"user:{user_id}", f"parent:{user_id}"}):
        raise Forbidden("You may post events about yourself and your children.", permission="create", resource="Event")
    if school_id is not None and account.principals.isdisjoint({f"school:{school_id}", f"kiosk:{school_id}"}):
        raise Forbidden("You may post events of your own school.", permission="create", resource="Event")


async def _search_info(session: AsyncSession, query: Select[*tuple[Any, ...]]) -> Result[*tuple[Any, ...]]:
    """Run a query with a caller's SQL/JSON path in it: for a second at most, and its faults are the caller's."""
    driver = driver_of(session)
    try:
        async with driver.transaction():
            await driver.execute("SELECT set_config('statement_timeout', %s, true)", (INFO_PATH_TIMEOUT,))
            return await session.execute(query)
    except DBAPIError as error:
        if isinstance(error.orig, postgres.QueryCanceled):
            raise Unavailable(
                "The search for info_jsonpath_match took longer than a second: narrow it with other filters."
            ) from None
        if isinstance(error.orig, postgres.SyntaxError | postgres.DataError):
            raise Malformed(
                "info_jsonpath_match is not an SQL/JSON path predicate that is true or false for every event."
            ) from None
        raise


def _unknown_owners(error: IntegrityError) -> Iterator[FieldError]:
    """The faults of a body that names a school or a user that does not exist."""
    if not isinstance(error.orig, postgres.ForeignKeyViolation):
        raise error
    constraint = error.orig.diag.constraint_name or ""
    for field in ("school_id", "user_id"):
        if field in constraint:
            yield FieldError(f"/{field}", "not_found", "It does not exist.")
