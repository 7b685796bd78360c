"""The verbs of events, for the accounts that no door of this release lets in yet."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.errors import Forbidden
from app.core.security import Claims
from app.events import service
from app.events.models import Event, EventLevel
from app.events.queries import all_titles
from app.events.schemas import EventCreateIn, EventFilter
from tests.world import World

PAGE: dict[str, Any] = {"after": None, "skip": 0, "limit": 100}


def holding(*principals: str, person: UUID | None = None) -> Account:
    """A person who holds these principals, beside those that everybody holds."""
    person, now = person or uuid4(), datetime.now(UTC)
    held = {"system:everyone", "system:authenticated", f"user:{person}", *principals}
    claims = Claims("user-account", person, uuid4().hex, now, now + timedelta(hours=1))
    return Account("user", person, "educator", "Somebody", frozenset(held), claims)


async def planted(world: World) -> tuple[UUID, UUID]:
    """A school and a person with one event each, one of both, and a timeline event of the person."""
    school_id = (await world.school()).wriveted_identifier
    user_id = (await world.admin()).id
    async with world.session() as session:
        for title, columns in {
            "Of the school": {"school_id": school_id},
            "Of the person": {"user_id": user_id},
            "Of both": {"school_id": school_id, "user_id": user_id},
            "Reader timeline event: Finished": {"user_id": user_id},
        }.items():
            session.add(Event(title=title, level=EventLevel.NORMAL, **columns))
    return school_id, user_id


@pytest.mark.parametrize(
    ("principal", "expected"),
    [
        ("schooladmin:{school}", {"Of the school", "Of both"}),
        ("educator:{school}", {"Of the school", "Of both"}),
        ("user:{user}", {"Of the person", "Of both", "Reader timeline event: Finished"}),
        ("parent:{user}", {"Of the person", "Of both", "Reader timeline event: Finished"}),
        ("supporter:{user}", {"Reader timeline event: Finished"}),
        ("student:{school}", set()),
        ("school:{school}", set()),
        ("lms:{school}", set()),
        ("kiosk:{school}", set()),
        ("library:{school}", set()),
        ("role:schooladmin", set()),
        ("system:authenticated", set()),
    ],
)
async def test_everyone_reads_what_is_theirs(world: World, principal: str, expected: set[str]) -> None:
    school_id, user_id = await planted(world)
    account = holding(principal.format(school=school_id, user=user_id))
    async with world.session() as session:
        events = await service.list_events(session, account, EventFilter(), **PAGE)
        titles = await service.list_titles(session, account, None, **PAGE)
    assert {event.title for event in events} == expected
    assert titles == sorted(expected)


async def test_titles_of_others_follow_the_level_and_the_page(world: World) -> None:
    school_id, _ = await planted(world)
    educator = holding(f"educator:{school_id}")
    async with world.session() as session:
        session.add(Event(title="Loud", level=EventLevel.ERROR, school_id=school_id))
        await session.flush()
        loud = await service.list_titles(session, educator, EventLevel.WARNING, **PAGE)
        rest = await service.list_titles(session, educator, None, after="Loud", skip=1, limit=5)
    assert loud == ["Loud"]
    assert rest == ["Of the school"]


def about(**given: Any) -> EventCreateIn:
    return EventCreateIn(title="Finished a book", level=EventLevel.NORMAL, **given)


@pytest.mark.parametrize(
    ("principals", "fields", "may"),
    [
        (["user:{user}"], ["user_id"], True),
        (["parent:{user}"], ["user_id"], True),
        (["school:{school}"], ["school_id"], True),
        (["kiosk:{school}"], ["school_id"], True),
        (["user:{user}", "school:{school}"], ["user_id", "school_id"], True),
        (["parent:{user}", "school:{school}"], ["user_id", "school_id"], True),
        (["user:{user}"], ["user_id", "school_id"], False),
        (["school:{school}"], ["user_id", "school_id"], False),
        (["kiosk:{school}"], ["user_id", "school_id"], False),
        (["lms:{school}"], ["school_id"], False),
        (["educator:{user}", "supporter:{user}", "child:{user}"], ["user_id"], False),
        ([], ["user_id"], False),
        ([], ["school_id"], False),
    ],
)
async def test_who_may_post_about_whom(world: World, principals: list[str], fields: list[str], may: bool) -> None:
    owners = {"school": (await world.school()).wriveted_identifier, "user": (await world.admin()).id}
    person = owners["user"] if "user:{user}" in principals else (await world.admin()).id
    account = holding(*(principal.format(**owners) for principal in principals), person=person)
    given = about(**{field: owners[field.removesuffix("_id")] for field in fields})
    async with world.session() as session:
        if may:
            event = await service.create_event(session, account, given)
            assert event.user is not None
            assert event.user.id == (given.user_id or account.id)
        else:
            with pytest.raises(Forbidden):
                await service.create_event(session, account, given)


async def test_all_titles_are_found_without_reading_all_events(session: AsyncSession) -> None:
    await session.execute(
        text(
            "INSERT INTO events (id, title, description, info, level) "
            "SELECT gen_random_uuid(), 'Many ' || n % 3, '', '{}', 'normal' FROM generate_series(1, 20000) n"
        )
    )
    await session.execute(text("ANALYZE events"))
    query = str(
        all_titles(EventLevel.NORMAL, after="Many", skip=0, limit=3).compile(
            dialect=session.get_bind().dialect, compile_kwargs={"literal_binds": True}
        )
    )
    plan = await session.scalars(text(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {query}"))
    assert "Seq Scan on events" not in "\n".join(plan)
    found = await session.scalars(all_titles(EventLevel.NORMAL, after="Many", skip=0, limit=3))
    assert list(found) == ["Many 0", "Many 1", "Many 2"]
