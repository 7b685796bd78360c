"""The verbs of supporters: who cheers which reader on."""

from typing import Any

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import SupporterReader, UserAccountType
from app.audit.service import note
from app.core.account import Account
from app.core.errors import NotFound
from app.events.service import record
from app.people.bodies import SupporterLinkIn
from app.people.kinds import READERS, Person
from app.people.queries import supporters_of
from app.people.schemas import SupporterLink, UserIdentity


async def list_supporters(session: AsyncSession, reader: Person) -> list[SupporterLink]:
    """Everybody who is linked with a reader, also where the link is not active."""
    return [SupporterLink.model_validate(row) for row in await session.execute(supporters_of(reader.id))]


async def link(
    session: AsyncSession, account: Account, reader: Person, supporter: Person, given: SupporterLinkIn
) -> SupporterLink:
    """Link a supporter with a reader, or change the link that there is. Raises `NotFound` for whoever is neither."""
    if reader.type not in READERS:
        raise NotFound("There is no such reader.")
    if supporter.type is not UserAccountType.SUPPORTER:
        raise NotFound("There is no such supporter.")
    values = given.model_dump()
    await session.execute(
        insert(SupporterReader)
        .values(reader_id=reader.id, supporter_id=supporter.id, **values)
        .on_conflict_do_update(index_elements=[SupporterReader.supporter_id, SupporterReader.reader_id], set_=values)
    )
    _put_on_record(session, account, "Supporter linked", reader, supporter, is_active=given.is_active)
    who = UserIdentity(id=supporter.id, type=supporter.type, name=supporter.name)
    return SupporterLink(supporter=who, **values)


async def unlink(session: AsyncSession, account: Account, reader: Person, supporter: Person) -> None:
    """End what links a supporter with a reader. Raises `NotFound` where nothing does."""
    gone = await session.execute(
        delete(SupporterReader)
        .where(SupporterReader.reader_id == reader.id, SupporterReader.supporter_id == supporter.id)
        .returning(SupporterReader.reader_id)
    )
    if gone.first() is None:
        raise NotFound("They are not linked.")
    _put_on_record(session, account, "Supporter unlinked", reader, supporter)


def _put_on_record(
    session: AsyncSession, account: Account, title: str, reader: Person, supporter: Person, **details: Any
) -> None:
    info = {"supporter_id": str(supporter.id), **details}
    record(session, title, account=account, school_id=reader.school_id, user_id=reader.id, info=info)
    note(
        session,
        "user.rights_changed",
        account=account,
        subject=supporter.subject,
        school_id=reader.school_id,
        reader_id=str(reader.id),
        linked=title == "Supporter linked",
        **details,
    )
