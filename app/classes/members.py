"""Who is in a class: students come into it, and go out of it."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app.classes import queries
from app.classes.models import ClassGroup
from app.classes.queries import STUDENTS
from app.classes.schemas import ClassGroupMemberUpdateIn, ClassGroupMemberUpdateType
from app.core.errors import FieldError, Invalid, pointer


async def move_students(
    session: AsyncSession, group: ClassGroup, members: Sequence[ClassGroupMemberUpdateIn]
) -> dict[str, Any]:
    """Move students into the class and out of it; the ids of those who were moved, for the event."""
    if not members:
        return {}
    rows = await session.execute(queries.students_to_move(group.school_id, (each.user_id for each in members)))
    faults = list(_faults(group, members, known := {row.id: row.class_group_id for row in rows}))
    if faults:
        raise Invalid(errors=faults)
    to: dict[str, list[UUID]] = {
        action.value: [each.user_id for each in members if each.action is action]
        for action in ClassGroupMemberUpdateType
    }
    added = [each for each in to["add"] if known[each] != group.id]
    if added:
        await session.execute(update(STUDENTS).where(STUDENTS.c.id.in_(added)).values(class_group_id=group.id))
    if to["remove"]:
        await session.execute(update(STUDENTS).where(STUDENTS.c.id.in_(to["remove"])).values(class_group_id=None))
    moved = {"added": added, "removed": to["remove"]}
    return {name: [str(each) for each in ids] for name, ids in moved.items() if ids}


def _faults(
    group: ClassGroup, members: Sequence[ClassGroupMemberUpdateIn], known: dict[UUID, UUID | None]
) -> Iterator[FieldError]:
    """What is wrong with a change of members. A person of another school is unknown here, like one that is nobody."""
    times = Counter(each.user_id for each in members)
    for index, each in enumerate(members):
        place = pointer("members", index, "user_id")
        if each.user_id not in known:
            yield FieldError(place, "not_found", "No student of this school has this identifier.")
        elif times[each.user_id] > 1:
            yield FieldError(place, "duplicate", "Name each student once.")
        elif each.action is ClassGroupMemberUpdateType.REMOVE and known[each.user_id] != group.id:
            yield FieldError(place, "not_a_member", "This student is not in this class.")
