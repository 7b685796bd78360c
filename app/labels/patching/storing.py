"""How labels are read and stored: a fixed number of statements, however many works."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.aside import array_of, json_of
from app.core.db import Driver, driver_of
from app.labels.models import LabelGroup, LabelOrigin
from app.labels.patching.authority import UNLABELLED, WITH_ORIGIN, Labelled, Labels
from app.labels.patching.saying import Words
from app.webhooks.service import announce_labelled

_WORDS = """
SELECT true, key, id FROM hues UNION ALL SELECT false, key, id FROM reading_abilities ORDER BY 1, 3
"""
_KNOWN = """
SELECT l.work_id, l.hue_origin, l.age_origin, l.reading_ability_origin, l.summary_origin, l.recommend_status_origin,
       l.min_age, l.max_age, l.huey_summary, l.recommend_status, l.info, l.checked,
       coalesce((SELECT jsonb_object_agg(lh.ordinal, h.key) FROM labelset_hues lh JOIN hues h ON h.id = lh.hue_id
                  WHERE lh.labelset_id = l.id), '{}'),
       ARRAY(SELECT a.key FROM labelset_reading_abilities la JOIN reading_abilities a ON a.id = la.reading_ability_id
              WHERE la.labelset_id = l.id ORDER BY a.id)
  FROM labelsets l WHERE l.work_id = ANY(%s::int[])
"""
_STORE = """
INSERT INTO labelsets AS known (work_id, hue_origin, min_age, max_age, age_origin, reading_ability_origin,
                                huey_summary, summary_origin, recommend_status, recommend_status_origin,
                                labelled_by_user_id, labelled_by_sa_id, info, checked, checked_at)
SELECT work_id, hue_origin, min_age, max_age, age_origin, reading_ability_origin, huey_summary, summary_origin,
       recommend_status, recommend_status_origin, %(user)s::uuid, %(service_account)s::uuid, info, checked,
       CASE WHEN checked IS NOT NULL THEN now() END
  FROM jsonb_to_recordset(%(rows)s::jsonb)
    AS n(work_id int, hue_origin text, min_age int, max_age int, age_origin text, reading_ability_origin text,
         huey_summary text, summary_origin text, recommend_status text, recommend_status_origin text, info jsonb,
         checked boolean)
ON CONFLICT (work_id) DO UPDATE
   SET hue_origin = excluded.hue_origin, min_age = excluded.min_age, max_age = excluded.max_age,
       age_origin = excluded.age_origin, reading_ability_origin = excluded.reading_ability_origin,
       huey_summary = excluded.huey_summary, summary_origin = excluded.summary_origin,
       recommend_status = excluded.recommend_status, recommend_status_origin = excluded.recommend_status_origin,
       labelled_by_user_id = CASE WHEN %(has_account)s THEN excluded.labelled_by_user_id
                                  ELSE known.labelled_by_user_id END,
       labelled_by_sa_id = CASE WHEN %(has_account)s THEN excluded.labelled_by_sa_id
                                ELSE known.labelled_by_sa_id END,
       info = excluded.info, checked = excluded.checked,
       checked_at = CASE WHEN known.checked IS NOT DISTINCT FROM excluded.checked THEN known.checked_at
                         ELSE excluded.checked_at END,
       updated_at = now()
RETURNING known.work_id, known.id
"""
_FORGET_HUES = "DELETE FROM labelset_hues WHERE labelset_id = ANY(%s::int[])"
_HUES = """
INSERT INTO labelset_hues (labelset_id, ordinal, hue_id)
SELECT labelset_id, ordinal, hue_id FROM jsonb_to_recordset(%s::jsonb) AS n(labelset_id int, ordinal text, hue_id int)
"""
_FORGET_ABILITIES = "DELETE FROM labelset_reading_abilities WHERE labelset_id = ANY(%s::int[])"
_ABILITIES = """
INSERT INTO labelset_reading_abilities (labelset_id, reading_ability_id)
SELECT labelset_id, ability_id FROM jsonb_to_recordset(%s::jsonb) AS n(labelset_id int, ability_id int)
"""
_HISTORY = """
INSERT INTO labelset_changes (labelset_id, work_id, actor, label_group, origin, before, after)
SELECT labelset_id, work_id, %s, label_group, origin, before, after FROM jsonb_to_recordset(%s::jsonb)
    AS n(labelset_id int, work_id int, label_group text, origin text, before jsonb, after jsonb)
"""


@dataclass(frozen=True, slots=True)
class Relabelling:
    """What a work's labels were, and what they are to be."""

    work_id: int
    before: Labels
    after: Labels

    @property
    def changed(self) -> list[LabelGroup]:
        return [group for group in self.after if self.after[group] != self.before[group]]


async def read_words(session: AsyncSession) -> Words:
    """The keys that there are."""
    rows = await (await driver_of(session).execute(_WORDS)).fetchall()
    hues = {key: id_ for is_hue, key, id_ in rows if is_hue}
    return Words(hues, {key: id_ for is_hue, key, id_ in rows if not is_hue})


async def read_labels(session: AsyncSession, work_ids: Iterable[int]) -> dict[int, Labels]:
    """The labels of these works; a work without any is labelled as nothing."""
    numbers = list(work_ids)
    rows = await (await driver_of(session).execute(_KNOWN, [array_of(numbers)])).fetchall()
    return dict.fromkeys(numbers, UNLABELLED) | {row[0]: _labels(row[1:]) for row in rows}


async def store_labels(
    session: AsyncSession, account: Account | str, relabellings: Sequence[Relabelling], words: Words
) -> None:
    """Store what changed, by whom, and the history of it. The works are under the transaction's lock.

    ``account`` is who says so, or what: the name of a part of the system, which leaves the one who labelled last.
    """
    changed = [each for each in relabellings if each.changed]
    if not changed:
        return
    driver = driver_of(session)
    by: dict[str, Any] = {"user": None, "service_account": None, "has_account": not isinstance(account, str)}
    by |= {} if isinstance(account, str) else {account.kind: account.id}
    rows = json_of([_row(each) for each in changed])
    ids = dict(await (await driver.execute(_STORE, {**by, "rows": rows})).fetchall())
    await _store_hues(driver, changed, ids, words)
    await _store_abilities(driver, changed, ids, words)
    history = [row for each in changed for row in _history(each, ids[each.work_id])]
    actor = account if isinstance(account, str) else account.subject
    await driver.execute(_HISTORY, [actor, json_of(history)])
    cause = None if isinstance(account, str) else account
    await announce_labelled(session, [each.work_id for each in changed], account=cause)


async def _store_hues(driver: Driver, changed: Sequence[Relabelling], ids: Mapping[int, int], words: Words) -> None:
    sets = {ids[each.work_id]: each.after[LabelGroup.HUES] for each in changed if LabelGroup.HUES in each.changed}
    if not sets:
        return
    await driver.execute(_FORGET_HUES, [array_of(sets)])
    rows = [
        {"labelset_id": id_, "ordinal": ordinal, "hue_id": words.hues[key]}
        for id_, hues in sets.items()
        for ordinal, key in hues.value.items()
    ]
    await driver.execute(_HUES, [json_of(rows)])


async def _store_abilities(
    driver: Driver, changed: Sequence[Relabelling], ids: Mapping[int, int], words: Words
) -> None:
    group = LabelGroup.READING_ABILITY
    sets = {ids[each.work_id]: each.after[group] for each in changed if group in each.changed}
    if not sets:
        return
    await driver.execute(_FORGET_ABILITIES, [array_of(sets)])
    rows = [
        {"labelset_id": id_, "ability_id": words.abilities[key]}
        for id_, abilities in sets.items()
        for key in abilities.value
    ]
    await driver.execute(_ABILITIES, [json_of(rows)])


def _labels(row: Sequence[Any]) -> Labels:
    *origins, lowest, highest, summary, status, info, checked, hues, abilities = row
    values = (hues, {"min_age": lowest, "max_age": highest}, list(abilities), summary, status)
    said = [None if origin is None else LabelOrigin(origin) for origin in origins]
    return {
        **{group: Labelled(value, origin) for group, value, origin in zip(WITH_ORIGIN, values, said, strict=True)},
        LabelGroup.INFO: Labelled(info),
        LabelGroup.CHECKED: Labelled(checked),
    }


def _row(each: Relabelling) -> dict[str, Any]:
    labels = each.after
    return {
        "work_id": each.work_id,
        "hue_origin": labels[LabelGroup.HUES].origin,
        **labels[LabelGroup.AGE].value,
        "age_origin": labels[LabelGroup.AGE].origin,
        "reading_ability_origin": labels[LabelGroup.READING_ABILITY].origin,
        "huey_summary": labels[LabelGroup.SUMMARY].value,
        "summary_origin": labels[LabelGroup.SUMMARY].origin,
        "recommend_status": labels[LabelGroup.RECOMMEND_STATUS].value,
        "recommend_status_origin": labels[LabelGroup.RECOMMEND_STATUS].origin,
        "info": labels[LabelGroup.INFO].value,
        "checked": labels[LabelGroup.CHECKED].value,
    }


def _history(each: Relabelling, labelset_id: int) -> Iterator[dict[str, Any]]:
    for group in each.changed:
        yield {
            "labelset_id": labelset_id,
            "work_id": each.work_id,
            "label_group": group,
            "origin": each.after[group].origin,
            "before": each.before[group]._asdict(),
            "after": each.after[group]._asdict(),
        }
