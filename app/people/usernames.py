"""User names that we choose for pupils: words that a seven-year-old can type, such as `brave-otter-47`.

They come from `secrets` and two word lists of our own, and say nothing of the child.
"""

import secrets
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.errors import Busy
from app.people.queries import usernames_taken

PROPOSALS = 20
ADJECTIVES, NOUNS = (
    tuple(Path(__file__).with_name(name).read_text(encoding="ascii").split())
    for name in ("adjectives.txt", "nouns.txt")
)


def proposal() -> str:
    """Two words and a number of two digits: one of some ten million."""
    return f"{secrets.choice(ADJECTIVES)}-{secrets.choice(NOUNS)}-{10 + secrets.randbelow(90)}"


async def unused_username(session: AsyncSession, school_id: UUID) -> str:
    """A user name that no pupil of the school has.

    Who stores it may still meet the constraint, where another request was quicker: that is `Busy`, to be tried again.
    """
    (username,) = await unused_usernames(session, [school_id])
    return username


async def unused_usernames(session: AsyncSession, schools: Sequence[UUID]) -> list[str]:
    """For each place, whose school is named, a user name that is unused there: one statement, however many."""
    proposed = [(school, [proposal() for _ in range(PROPOSALS)]) for school in schools]
    names = {name for _, proposals in proposed for name in proposals}
    rows = await session.execute(usernames_taken(set(schools), names)) if schools else ()
    taken = {(school, username) for school, username in rows}
    chosen = []
    for school, proposals in proposed:
        free = next((name for name in proposals if (school, name) not in taken), None)
        if free is None:
            raise Busy("No user name was free among those proposed.")
        taken.add((school, free))
        chosen.append(free)
    return chosen
