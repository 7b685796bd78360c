"""Labels that the system itself infers, for many works at once."""

from collections.abc import Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.aside import array_of
from app.core.db import driver_of
from app.labels.patching.authority import Labels, relabel
from app.labels.patching.bulk import LOCK
from app.labels.patching.storing import Relabelling, read_labels, read_words, store_labels


async def label_works(session: AsyncSession, actor: str, said: Sequence[tuple[int, Labels]]) -> list[int]:
    """Give works the labels that were said of them, in their order, where they may stand (see `authority`).

    ``actor`` is the part of the system that says so, for the history. The works whose labels changed.
    """
    wanted = array_of({work_id for work_id, _ in said})
    locked = await (await driver_of(session).execute(LOCK, [wanted])).fetchall()
    before = await read_labels(session, [id_ for (id_,) in locked])
    after = dict(before)
    for work_id, labels in said:
        if work_id in after:
            after[work_id] = relabel(after[work_id], labels)
    changes = [Relabelling(work_id, before[work_id], after[work_id]) for work_id in before]
    await store_labels(session, actor, changes, await read_words(session))
    return [each.work_id for each in changes if each.changed]
