"""The verbs of supporters' feedback."""

import hashlib
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.service import Issuer
from app.audit.service import note
from app.core.account import Account
from app.core.config import Settings
from app.core.errors import AlreadyExists, FieldError, Forbidden, Invalid, Malformed, NotFound, Unauthenticated
from app.core.work import Work
from app.events.alerts import TellSupporters
from app.events.models import TIMELINE_PREFIX, Event
from app.events.queries import events_with_identities
from app.events.schemas import EventDetail
from app.events.service import record
from app.feedback import queries
from app.feedback.models import FeedbackLink, SupporterFeedback
from app.feedback.schemas import FeedbackToken, ReadingLogEventDetail, ReadingLogEventFeedback
from app.messages.service import Draft, write

AREA = "feedback"
METHOD = "feedback_link"
CODE_BYTES = 16
LINK_LIFETIME = timedelta(days=7)
MOST_A_DAY = 5
"""Notices to one supporter about one reader."""
LARGEST_ID = 2**31 - 1
SOME_BOOK = "A book"
READER = "Your reader"


async def timeline_event(session: AsyncSession, event_id: UUID) -> Event:
    """An event of a reader's timeline. Raises `NotFound` and `Malformed`."""
    event = await session.get(Event, event_id)
    if event is None:
        raise NotFound("There is no such event.")
    if not event.is_timeline or event.user_id is None:
        raise Malformed(f"Feedback is about events of a reader's timeline (`{TIMELINE_PREFIX} …`).")
    return event


async def describe(session: AsyncSession, account: Account, event: Event) -> ReadingLogEventDetail:
    """What a supporter is told of an event of the reader's timeline. Raises `Forbidden` for whoever is none."""
    info = event.info
    item = info.get("collection_item_id")
    is_id = isinstance(item, int) and not isinstance(item, bool) and 0 <= item <= LARGEST_ID
    values = {"reader_id": event.user_id, "supporter_id": account.id, "item_id": item if is_id else None}
    found = (await session.execute(queries.READING, values)).one_or_none()
    if found is None:
        raise _no_supporter()
    return ReadingLogEventDetail(
        reader_name=found.first_name or READER,
        supporter_nickname=found.supporter_nickname,
        book_title=found.title or SOME_BOOK,
        cover_url=found.cover_url,
        emoji=_short(info.get("emoji")),
        descriptor=_short(info.get("descriptor")),
        timestamp=event.timestamp,
        finished=info.get("finished") is True,
        stopped=info.get("stopped") is True,
    )


async def give(session: AsyncSession, account: Account, event: Event, given: ReadingLogEventFeedback) -> EventDetail:
    """Pass a supporter's words on to the reader: once for each event. Raises `Invalid` and `AlreadyExists`."""
    if given.event_id != event.id:
        raise Invalid(errors=[FieldError("/event_id", "not_of_the_path", "It has to be the event of the path.")])
    reading = await describe(session, account, event)
    row = {"event_id": event.id, "supporter_id": account.id, "reader_id": event.user_id}
    said = insert(SupporterFeedback).values(row).on_conflict_do_nothing().returning(SupporterFeedback.id)
    if await session.scalar(said) is None:
        raise AlreadyExists("You have answered this already.")
    words = {"event_id": str(event.id), "comment": given.comment, "gif_url": given.gif_url}
    sent = record(
        session,
        "Supporter encouragement: Reading feedback sent",
        account=account,
        info={**words, "reader_id": str(event.user_id)},
    )
    school_id = await session.scalar(queries.HOME, {"reader_id": event.user_id})
    record(
        session,
        "Notification: Supporter left feedback",
        account=account,
        description=given.comment,
        school_id=school_id,
        user_id=event.user_id,
        info={**words, "supporter_nickname": reading.supporter_nickname},
    )
    await session.flush()
    shown = await session.execute(events_with_identities().where(Event.id == sent.id))
    return EventDetail.model_validate(shown.one())


async def open_link(session: AsyncSession, issuer: Issuer, code: str) -> FeedbackToken:
    """Exchange the code of a link, which opens once, for a short token to give feedback. Raises `Unauthenticated`."""
    found = (await session.execute(queries.USE, {"hash": _hash(code)})).one_or_none()
    if found is None:
        refusal = Unauthenticated("This link is no longer good: it opens once, within a week.")
        raise refusal.on_record("sign_in.refused", method=METHOD)
    subject = f"user:{found.supporter_id}"
    note(session, "sign_in.succeeded", account=None, subject=subject, method=METHOD, event_id=str(found.event_id))
    lifetime = issuer.settings.access_token_lifetime
    return FeedbackToken(
        access_token=issuer.narrow(found.supporter_id, AREA, lifetime),
        expires_in=int(lifetime.total_seconds()),
        event_id=found.event_id,
    )


async def tell_supporters(work: Work[TellSupporters], settings: Settings) -> None:
    """Write to whoever cheers a reader on that there is reading news. The e-mail tells neither who nor what."""
    async with work.applying() as session:
        await session.execute(queries.FORGET)
        event = await session.get(Event, work.task.event_id)
        if event is None or event.user_id is None:
            return
        values = {"reader_id": event.user_id, "most": MOST_A_DAY}
        supporters = (await session.execute(queries.SUPPORTERS, values)).all()
        codes = [secrets.token_urlsafe(CODE_BYTES) for _ in supporters]
        base = settings.app_url or settings.public_url
        session.add_all(_link(event, each.supporter_id, code) for each, code in zip(supporters, codes, strict=True))
        drafts = [
            Draft(
                "reading_notice",
                {"nickname": each.supporter_nickname, "link": f"{base}/reader-feedback/?event_id={event.id}#{code}"},
                user_id=each.supporter_id,
            )
            for each, code in zip(supporters, codes, strict=True)
        ]
        await write(session, *drafts, account=work.account)
        if drafts:
            info = {"event_id": str(event.id), "supporters": len(drafts)}
            record(session, "Notification Sent: Reading Logged", account=None, user_id=event.user_id, info=info)


def _link(event: Event, supporter_id: UUID, code: str) -> FeedbackLink:
    expires_at = datetime.now(UTC) + LINK_LIFETIME
    return FeedbackLink(
        hash=_hash(code), event_id=event.id, supporter_id=supporter_id, reader_id=event.user_id, expires_at=expires_at
    )


def _hash(code: str) -> bytes:
    """A hash is enough: there is nothing to guess in 16 random bytes."""
    return hashlib.sha256(code.encode()).digest()


def _short(value: Any) -> str:
    return value[:100] if isinstance(value, str) else ""


def _no_supporter() -> Forbidden:
    return Forbidden("You cheer this reader on no more.", permission="read", resource="SupporterFeedback")
