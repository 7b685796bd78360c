"""The verbs of labelling."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.aside import array_of, json_of
from app.core.db import driver_of
from app.core.errors import NotFound
from app.core.outbox import enqueue
from app.core.work import Work
from app.events import service as events
from app.events.models import EventLevel
from app.labelling import queries
from app.labelling.labellers import MOST_EDITIONS, Book, Labeller, Labellers, Refused, Unavailable, Used, book_of
from app.labelling.models import RunOutcome
from app.labelling.money import hand_in, reserve, settle
from app.labelling.saying import labels_of
from app.labelling.schemas import Judgement, LabellingQueued
from app.labels.models import LabelGroup, LabelOrigin
from app.labels.patching.authority import WEIGHTS, Labels, relabel
from app.labels.patching.bulk import LOCK
from app.labels.patching.storing import Relabelling, read_labels, read_words, store_labels
from app.labels.schemas import MOST_WORKS, GenerateLabels

AT_ONCE = 4
"""Books that a labeller is asked about at the same time."""
BEGINNING = 50.0
"""Seconds in which an attempt still asks about another book; what is left becomes a task of its own."""
PAUSE = timedelta(minutes=1)
"""Before what a labeller was not reached for is asked again, where it was reached for the rest."""
JUDGED = (LabelGroup.HUES, LabelGroup.AGE, LabelGroup.READING_ABILITY)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of asking a labeller about a work."""

    labeller: Labeller
    used: Used
    judgement: Judgement | None


@dataclass(slots=True)
class Sitting:
    """An attempt at many works: what has been said, and what remains to be asked."""

    work: Work[Any]
    labellers: Labellers
    runs: dict[int, list[Run]] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    unreached: list[int] = field(default_factory=list)
    until: float = field(default_factory=lambda: time.monotonic() + BEGINNING)


async def queue_labelling(
    session: AsyncSession, account: Account | None, work_ids: Iterable[int], *, again: bool
) -> LabellingQueued:
    """Have works labelled: tasks of at most 500, for those of the ids that are works."""
    asked = sorted(set(work_ids))
    rows = await (await driver_of(session).execute(queries.KNOWN, [array_of(asked)])).fetchall()
    known = [id_ for (id_,) in rows]
    parts = [known[start : start + MOST_WORKS] for start in range(0, len(known), MOST_WORKS)]
    await enqueue(session, *(GenerateLabels(work_ids=part, again=again) for part in parts), account=account)
    if known:
        events.record(
            session,
            "Labelling requested",
            account=account,
            description=f"{len(known)} works",
            info={"work_ids": known},
        )
    unknown = [str(id_) for id_ in asked if id_ not in set(known)]
    return LabellingQueued(status="ok", works=len(known), unknown=unknown)


async def queue_labelling_of(session: AsyncSession, account: Account, work_id: int) -> LabellingQueued:
    """Have one work labelled. Raises ``NotFound``."""
    queued = await queue_labelling(session, account, [work_id], again=True)
    if not queued.works:
        raise NotFound("There is no work with this id.")
    return queued


async def queue_unlabelled(session: AsyncSession, most: int) -> int:
    """Have held works labelled that lack labels, those that most libraries hold first. How many."""
    rows = await (await driver_of(session).execute(queries.UNLABELLED, [most])).fetchall()
    return (await queue_labelling(session, None, [id_ for (id_,) in rows], again=False)).works


async def generate_labels(work: Work[GenerateLabels], labellers: Labellers) -> None:
    """Ask about the works of a task, then store what was said where it may stand, and what it cost.

    Raises ``Unavailable`` if nothing could be asked. What was not come to, or not reached for, is a task of its own.
    """
    async with work.reading() as session:
        books = await read_books(session, work.task.work_ids)
        labels = await read_labels(session, books)
    asked = Sitting(work, labellers)
    wanted = [id_ for id_ in books if _is_wanted(labels[id_], labellers.first.origin, again=work.task.again)]
    await _ask(asked, {id_: books[id_] for id_ in wanted})
    if asked.unreached and not asked.runs:
        raise Unavailable
    async with work.applying() as session:
        changed = await _store(session, work, asked.runs)
        await hand_in(session, work, labellers)
        again = work.task.again
        if asked.left:
            await enqueue(session, GenerateLabels(work_ids=asked.left, again=again), account=work.account)
        if asked.unreached:
            rest = GenerateLabels(work_ids=asked.unreached, again=again)
            await enqueue(session, rest, account=work.account, due_in=PAUSE)
        _record(session, work.account, asked.runs, changed)


async def read_books(session: AsyncSession, work_ids: Sequence[int]) -> dict[int, Book]:
    """These works, as far as there are such, as labellers are told of them."""
    values = {"ids": array_of(dict.fromkeys(work_ids)), "most": MOST_EDITIONS}
    rows = await (await driver_of(session).execute(queries.BOOKS, values)).fetchall()
    return {id_: book_of(title, authors, series, info, infos) for id_, title, info, authors, series, infos in rows}


def _is_wanted(labels: Labels, origin: LabelOrigin, *, again: bool) -> bool:
    """Whether asking would change something: not where a person found the labels right, or those stronger have said
    all; and unless again, not where those as strong have."""
    if labels[LabelGroup.CHECKED].value:
        return False
    weights = [WEIGHTS[said] for group in JUDGED if (said := labels[group].origin) is not None]
    if len(weights) < len(JUDGED):
        return True
    return min(weights) <= WEIGHTS[origin] if again else min(weights) < WEIGHTS[origin]


async def _ask(asked: Sitting, books: Mapping[int, Book]) -> None:
    places = asyncio.Semaphore(AT_ONCE)

    async def one(work_id: int, book: Book) -> None:
        async with places:
            await asyncio.sleep(0)
            if time.monotonic() > asked.until:
                asked.left.append(work_id)
            elif asked.unreached:
                asked.unreached.append(work_id)
            else:
                await _ask_about(asked, work_id, book)

    async with asyncio.TaskGroup() as group:
        for work_id, book in books.items():
            group.create_task(one(work_id, book))


async def _ask_about(asked: Sitting, work_id: int, book: Book) -> None:
    """Ask the first labeller while there is money, and the other one where it has nothing to say."""
    try:
        runs = await _ask_first(asked, book)
    except Unavailable:
        asked.unreached.append(work_id)
        return
    if not runs or runs[0].judgement is None:
        judgement, used = await asked.labellers.otherwise.label(book)
        runs.append(Run(asked.labellers.otherwise, used, judgement))
    asked.runs[work_id] = runs


async def _ask_first(asked: Sitting, book: Book) -> list[Run]:
    """What the first labeller says of a book, for money that is set aside; none where there is not enough."""
    first = asked.labellers.first
    reserved = await reserve(asked.work, asked.labellers, book)
    if reserved is None:
        return []
    judgement: Judgement | None = None
    try:
        judgement, used = await first.label(book)
    except Refused as refusal:
        used = refusal.used
    except Unavailable:
        await settle(asked.work, reserved, Decimal(0))
        raise
    await settle(asked.work, reserved, used.cost)
    return [Run(first, used, judgement)]


async def _store(session: AsyncSession, work: Work[Any], runs: Mapping[int, Sequence[Run]]) -> list[int]:
    """Store runs, and the labels that may stand. The works whose labels changed."""
    driver = driver_of(session)
    locked = await (await driver.execute(LOCK, [array_of(runs)])).fetchall()
    before = await read_labels(session, [id_ for (id_,) in locked])
    words = await read_words(session)
    changes: dict[str, list[Relabelling]] = {}
    for work_id, known in before.items():
        for run in runs[work_id]:
            if run.judgement is not None and not known[LabelGroup.CHECKED].value:
                said = labels_of(run.judgement, run.labeller.origin, known, words)
                actor = f"labeller:{run.labeller.name}"
                changes.setdefault(actor, []).append(Relabelling(work_id, known, relabel(known, said)))
    first, *others = (changes or {"": []}).items()
    await store_labels(session, first[0], first[1], words)
    for actor, each in others:
        await store_labels(session, actor, each, words)
    rows = [_row(work_id, run) for work_id, each in runs.items() for run in each]
    await driver.execute(queries.RUNS, {"task": work.id, "rows": json_of(rows)})
    return sorted(each.work_id for some in changes.values() for each in some if each.changed)


def _row(work_id: int, run: Run) -> dict[str, Any]:
    certainty = None if run.judgement is None else run.judgement.certainty
    return {
        "work_id": work_id,
        "labeller": run.labeller.name,
        "model": run.labeller.model,
        "outcome": RunOutcome.REFUSED if run.judgement is None else RunOutcome.LABELLED,
        "input_tokens": run.used.input_tokens,
        "output_tokens": run.used.output_tokens,
        "cost": str(run.used.cost),
        "certainty": {group.value: sure for group, sure in certainty.items()} if certainty else None,
    }


def _record(
    session: AsyncSession, account: Account | None, runs: Mapping[int, Sequence[Run]], changed: Sequence[int]
) -> None:
    refused = sorted(work_id for work_id, each in runs.items() if any(run.judgement is None for run in each))
    if refused:
        events.record(
            session,
            "GPT Labeling Failed",
            account=account,
            level=EventLevel.WARNING,
            description=f"{len(refused)} works were labelled by rules instead",
            info={"work_ids": refused},
        )
    if changed:
        cost = sum((run.used.cost for each in runs.values() for run in each), Decimal(0))
        events.record(
            session,
            "Labels generated",
            account=account,
            description=f"{len(changed)} works",
            info={"work_ids": list(changed), "cost": str(cost)},
        )
