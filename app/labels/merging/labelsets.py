"""The labels of two works that are made one."""

from typing import Any

from psycopg.types.json import Jsonb
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.db import driver_of
from app.labels.models import LabelGroup, LabelOrigin
from app.labels.patching.authority import WEIGHTS, WITH_ORIGIN, Labelled, Labels, relabel
from app.labels.patching.storing import Relabelling, read_labels, read_words, store_labels

_HAS_BOTH = "SELECT count(*) = 2 FROM labelsets WHERE work_id = ANY(%s)"
_TAKE = """
DELETE FROM labelsets l WHERE work_id = %s
RETURNING jsonb_build_object(
    'labelsets', jsonb_build_array(to_jsonb(l)),
    'labelset_hues', (SELECT jsonb_agg(to_jsonb(h)) FROM labelset_hues h WHERE h.labelset_id = l.id),
    'labelset_reading_abilities',
    (SELECT jsonb_agg(to_jsonb(a)) FROM labelset_reading_abilities a WHERE a.labelset_id = l.id))
"""
_PUT_BACK = """
WITH put_back AS (
    INSERT INTO labelsets SELECT n.* FROM jsonb_populate_recordset(NULL::labelsets, %(taken)s -> 'labelsets') n
    RETURNING id
),
hues AS (
    INSERT INTO labelset_hues
    SELECT n.* FROM jsonb_populate_recordset(
        NULL::labelset_hues, coalesce(nullif(%(taken)s -> 'labelset_hues', 'null'), '[]')) n
)
INSERT INTO labelset_reading_abilities
SELECT n.* FROM jsonb_populate_recordset(
    NULL::labelset_reading_abilities, coalesce(nullif(%(taken)s -> 'labelset_reading_abilities', 'null'), '[]')) n
"""


async def join_labels(session: AsyncSession, account: Account, from_id: int, into_id: int) -> dict[str, Any]:
    """Give the survivor what the duplicate's labels know better, and take the duplicate's away; what undoing it takes.

    Of each group the stronger origin's stands, of equals the survivor's. Nothing is done unless both have labels.
    """
    driver = driver_of(session)
    both = await (await driver.execute(_HAS_BOTH, [[from_id, into_id]])).fetchone()
    if both != (True,):
        return {}
    labels = await read_labels(session, [from_id, into_id])
    before, after = labels[into_id], relabel(labels[into_id], _better(labels[into_id], labels[from_id]))
    await store_labels(session, account, [Relabelling(into_id, before, after)], await read_words(session))
    taken = await (await driver.execute(_TAKE, [from_id])).fetchone()
    changed = [group for group in after if after[group] != before[group]]
    return {
        "labels": {
            "taken": taken and taken[0],
            "before": {group: before[group] for group in changed},
            "after": {group: after[group] for group in changed},
        }
    }


async def part_labels(session: AsyncSession, account: Account, into_id: int, was: dict[str, Any]) -> None:
    """Undo that: the duplicate, which is back, gets its labels; the survivor's go back where nobody changed them."""
    await driver_of(session).execute(_PUT_BACK, {"taken": Jsonb(was["taken"])})
    known = (await read_labels(session, [into_id]))[into_id]
    before, after = (_labels(was[moment]) for moment in ("before", "after"))
    parted = {
        group: before[group] if group in before and labelled == after[group] else labelled
        for group, labelled in known.items()
    }
    await store_labels(session, account, [Relabelling(into_id, known, parted)], await read_words(session))


def _better(survivor: Labels, duplicate: Labels) -> Labels:
    """The groups of a duplicate that are from a stronger origin, and what else it knows."""
    better = {
        group: duplicate[group]
        for group in WITH_ORIGIN
        if _weight(survivor[group].origin) < _weight(duplicate[group].origin)
    }
    infos = (labels[LabelGroup.INFO].value or {} for labels in (duplicate, survivor))
    theirs, ours = infos
    return {**better, LabelGroup.INFO: Labelled({**theirs, **ours} or None)}


def _weight(origin: LabelOrigin | None) -> float:
    return -1 if origin is None else WEIGHTS[origin]


def _labels(stored: dict[str, Any]) -> Labels:
    return {
        LabelGroup(group): Labelled(value, None if origin is None else LabelOrigin(origin))
        for group, (value, origin) in stored.items()
    }
