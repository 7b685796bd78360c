"""Who is meant by a name or an id, when the people of a work or an edition are named."""

from collections.abc import Collection, Sequence
from typing import TypeVar

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.matching import person_key
from app.books.merging.redirects import current_ids
from app.books.models import Author, Illustrator, MergeKind
from app.books.schemas import ContributorBase
from app.core.errors import FieldError, Invalid, pointer

Person = TypeVar("Person", Author, Illustrator)


async def people_meant(
    session: AsyncSession,
    model: type[Person],
    said: Sequence[ContributorBase | int],
    *,
    at: str,
    context: Collection[int] = (),
) -> list[int]:
    """The ids of these people, each once. Two people may share a name, so a name alone identifies nobody.

    A name is that of the person of ``context`` who has it, else of the only one known by it, else of somebody new.
    Raises ``Invalid``, which points into the list ``at``, where an id does not exist or several have the name.
    """
    numbers = {one for one in said if isinstance(one, int)}
    current = await current_ids(session, MergeKind.AUTHOR, numbers) if model is Author else {n: n for n in numbers}
    keys = {person_key(one.first_name, one.last_name) for one in said if not isinstance(one, int)}
    found = await session.execute(
        select(model.id, model.name_key).where(or_(model.id.in_(current.values()), model.name_key.in_(keys)))
    )
    known: dict[int, str] = {row.id: row.name_key for row in found}
    faults, met, people = list[FieldError](), dict[str, Person](), list[int | Person]()
    for index, one in enumerate(said):
        if isinstance(one, int):
            if current[one] not in known:
                faults.append(FieldError(pointer(at, index), "not_found", "There is no such person."))
            people.append(current[one])
            continue
        key = person_key(one.first_name, one.last_name)
        namesakes = [id_ for id_, name in known.items() if name == key]
        meant = [id_ for id_ in namesakes if id_ in context] or namesakes
        if len(meant) > 1:
            ids = ", ".join(map(str, sorted(meant)))
            faults.append(FieldError(pointer(at, index), "ambiguous", f"Several have this name: give an id of {ids}."))
        people.append(meant[0] if meant else met.setdefault(key, _newcomer(model, one, key)))
    if faults:
        raise Invalid(errors=faults)
    session.add_all(met.values())
    await session.flush()
    return list(dict.fromkeys(one if isinstance(one, int) else one.id for one in people))


def _newcomer(model: type[Person], said: ContributorBase, key: str) -> Person:
    info = getattr(said, "info", None)
    return model(first_name=said.first_name, last_name=said.last_name, name_key=key, info=info)
