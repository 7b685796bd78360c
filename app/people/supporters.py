"""The verbs of supporters: who cheers which reader on."""

from typing import Any
from uuid import uuid4

from sqlalchemy import delete, func, literal_column, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.accounts.models import SupporterReader, User, UserAccountType
from app.audit.service import note
from app.core.account import Account
from app.core.errors import Busy, Conflict, NotFound
from app.events.service import record
from app.messages.service import Draft, write
from app.people.bodies import SupporterInviteIn, SupporterLinkIn
from app.people.kinds import READERS, Person, insert_people
from app.people.queries import supporters_of
from app.people.schemas import SupporterLink, UserIdentity
from app.people.service import find_person


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
    is_new = await session.scalar(
        insert(SupporterReader)
        .values(reader_id=reader.id, supporter_id=supporter.id, **values)
        .on_conflict_do_update(index_elements=[SupporterReader.supporter_id, SupporterReader.reader_id], set_=values)
        .returning(literal_column("xmax = 0"))
    )
    if is_new and given.is_active and given.allow_email:
        invitation = Draft("supporter_invitation", {"nickname": given.supporter_nickname}, user_id=supporter.id)
        await write(session, invitation, account=account)
    _put_on_record(session, account, "Supporter linked", reader, supporter, is_active=given.is_active)
    who = UserIdentity(id=supporter.id, type=supporter.type, name=supporter.name)
    return SupporterLink(supporter=who, **values)


async def invite(session: AsyncSession, account: Account, reader: Person, given: SupporterInviteIn) -> SupporterLink:
    """Link whoever has an e-mail address with a reader: a supporter that there is, or a new one. Raises `NotFound` for
    whoever is no reader, and `Conflict` where the address is that of an account of another kind."""
    if reader.type not in READERS:
        raise NotFound("There is no such reader.")
    made = uuid4()
    row = {"id": made, "type": UserAccountType.SUPPORTER, "name": given.supporter_nickname, "email": given.email}
    taken = func.lower(User.email) == given.email.lower()
    if await session.scalar(select(User.id).where(taken)) is None:
        try:
            await insert_people(session, [{**row, "is_active": True, "newsletter": False, "info": {}}])
        except IntegrityError:
            raise Busy from None  # somebody else invites the same address in this moment
        info = {"type": UserAccountType.SUPPORTER}
        record(session, "User created", account=account, user_id=made, info=info)
        note(session, "user.created", account=account, subject=f"user:{made}", type=UserAccountType.SUPPORTER)
    supporter_id = await session.scalar(select(User.id).where(taken, User.type == UserAccountType.SUPPORTER))
    if supporter_id is None:
        raise Conflict("This address cannot be invited: it is that of an account of another kind.")
    supporter = await find_person(session, supporter_id)
    link_ = SupporterLinkIn(**given.model_dump(exclude={"email"}))
    return await link(session, account, reader, supporter, link_)


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
