"""Books that were liked find their way to lists: the reader's own, the school's, and the class's."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import Student
from app.booklists.liked import NamedList, put_on
from app.books.models import Edition
from app.classes.models import ClassGroup
from app.core.account import Account
from app.core.isbn import NotAnIsbn, parse
from app.events.models import Event
from app.people.schemas import ListType
from app.reactions.schemas import Review, Reviews

LIKED = "Liked Books"


async def note_likes(session: AsyncSession, account: Account, event: Event) -> None:
    """Put the works of the books that a review likes on the lists that they belong to."""
    isbns = [isbn for review in _reviews(event) if review.liked and (isbn := _isbn_of(review)) is not None]
    if not isbns:
        return
    query = select(Edition.isbn, Edition.work_id).where(Edition.isbn.in_(isbns))
    found = {row.isbn: row.work_id for row in await session.execute(query)}
    works = list(dict.fromkeys(work_id for isbn in isbns if (work_id := found.get(isbn)) is not None))
    lists = await _lists(session, event)
    if works and lists:
        await put_on(session, account, lists, works)


def _reviews(event: Event) -> list[Review]:
    """One review, or several in one event."""
    if "reviews" in event.info:
        return Reviews.model_validate(event.info).reviews
    return [Review.model_validate(event.info)]


def _isbn_of(review: Review) -> str | None:
    try:
        return parse(review.isbn)
    except NotAnIsbn:
        return None


async def _lists(session: AsyncSession, event: Event) -> list[NamedList]:
    lists = []
    if event.school_id is not None:
        lists.append(NamedList(LIKED, ListType.SCHOOL, school_id=event.school_id))
    if event.user_id is not None:
        lists.append(NamedList(LIKED, ListType.PERSONAL, user_id=event.user_id))
        query = select(ClassGroup.school_id, ClassGroup.name).join(Student, Student.class_group_id == ClassGroup.id)
        for school_id, name in await session.execute(query.where(Student.id == event.user_id)):
            lists.append(NamedList(f"{name} {LIKED}"[:200], ListType.SCHOOL, school_id=school_id))
    return lists
