"""What follows from an event, once for each: how things stand with a book that is read, and lists of what is liked."""

from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.collections import activity
from app.collections.models import CollectionItemReadStatus
from app.core.account import Account
from app.core.db import driver_of
from app.core.errors import Forbidden, Invalid
from app.core.log import get_logger
from app.core.work import Work
from app.events.models import Event
from app.events.schemas import ProcessEvent
from app.events.service import require_right_to_post_about
from app.events.titles import BOOK_REVIEWED, READING_LOGGED
from app.reactions.reviews import note_likes
from app.reactions.schemas import ReadingLogged


async def process(work: Work[ProcessEvent]) -> None:
    """Let follow what does, by the present rights of whoever posted the event. An event that does not say what it
    should, or is not its poster's to post, has no effect: asking again would not change it."""
    async with work.applying() as session:
        event = await session.scalar(select(Event).where(Event.id == work.task.event_id))
        if event is None or work.account is None:
            return
        try:
            require_right_to_post_about(work.account, event.user_id, event.school_id)
            if event.title == READING_LOGGED:
                await _note_reading(session, work.account, event)
            elif event.title == BOOK_REVIEWED:
                await note_likes(session, work.account, event)
        except (ValidationError, Invalid, Forbidden) as refusal:
            get_logger().info("event.without_effect", event_id=event.id, reason=type(refusal).__name__)


async def _note_reading(session: AsyncSession, account: Account, event: Event) -> None:
    """The reader's activity, of the moment that the event is of: tasks come in any order."""
    said = ReadingLogged.model_validate(event.info)
    if event.user_id is None:
        return
    reading = await activity.reading_of(driver_of(session), event.user_id)
    activity.require_right_to_log(account, reading)
    await activity.log(session, account, reading, said.collection_item_id, _status_of(said), at=event.timestamp)


def _status_of(said: ReadingLogged) -> CollectionItemReadStatus:
    if said.finished:
        return CollectionItemReadStatus.READ
    return CollectionItemReadStatus.STOPPED_READING if said.stopped else CollectionItemReadStatus.READING
