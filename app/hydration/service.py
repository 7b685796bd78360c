"""The verbs of hydration: filling in what is known of books by their ISBN alone."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from app.books import service as books
from app.books.lookups import look_up
from app.books.schemas import ContributorBase, EditionCreateIn
from app.core.account import Account
from app.core.aside import array_of
from app.core.db import Database, driver_of, transaction_of
from app.core.errors import NotFound, TooManyRequests, Unavailable
from app.core.outbox import enqueue
from app.events import service as events
from app.hydration import queries
from app.hydration.asking import Desk, Findings, ask_all
from app.hydration.inference import infer_labels
from app.hydration.providers import Provider
from app.hydration.schemas import EstimatedLabelSet, HydratedBookData, HydrationQueued
from app.labels.models import LabelGroup
from app.labels.patching.authority import UNLABELLED, Labels
from app.labels.patching.inferred import label_works
from app.labels.schemas import GenerateLabels

ACTOR = "system:hydration"
AGAIN_IN = timedelta(minutes=10)
AWAY_SECONDS = 60
LONGEST_LOOK = 15.0
"""Seconds after which one who waits is told that it takes too long."""


@dataclass(frozen=True, slots=True)
class Direct:
    """The desk of one who asks directly: each look and the effect in a short transaction of its own."""

    database: Database

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        async with self.database.transaction(reading=True) as transaction:
            yield transaction.session

    @asynccontextmanager
    async def applying(self) -> AsyncIterator[AsyncSession]:
        async with self.database.transaction() as transaction:
            yield transaction.session


async def hydrate(
    desk: Desk, providers: Sequence[Provider], isbns: Sequence[str], *, account: Account | None, labelling: bool
) -> None:
    """Ask the providers about editions and take over what they tell, in one transaction.

    What the budgets do not cover now, and what a provider failed to answer while it answered for others, is left to
    further tasks. Raises ``Unavailable``, and nothing is written, where a provider is away.
    """
    findings = await ask_all(desk, providers, list(dict.fromkeys(isbns)))
    if findings.failed and not findings.complete and not findings.put_off:
        _refuse_failure(findings)
    async with desk.applying() as session:
        await transaction_of(session).allow_bulk()
        await _take_over(session, findings, account, labelling)
        if put_off := findings.put_off:
            pause = timedelta(seconds=max(put_off.values()))
            await look_up(session, list(map(int, put_off)), account=account, due_in=pause)
        if failed := findings.failed.keys() - put_off.keys():
            await look_up(session, list(map(int, failed)), account=account, due_in=AGAIN_IN)


async def hydrate_one(
    desk: Desk,
    providers: Sequence[Provider],
    isbn: str,
    *,
    account: Account | None,
    use_cache: bool,
    dry: bool,
    labelling: bool,
) -> HydratedBookData:
    """What the providers know about an ISBN, and, unless ``dry``, have it taken over into the catalogue.

    Raises ``NotFound`` if nobody knows it, ``TooManyRequests`` if a budget is used up, ``Unavailable`` if a provider
    is away.
    """
    try:
        async with asyncio.timeout(LONGEST_LOOK):
            findings = await ask_all(desk, providers, [isbn], use_cache=use_cache, patience=0)
    except TimeoutError:
        raise Unavailable("The providers do not answer in time.", retry_after=AWAY_SECONDS) from None
    if findings.put_off:
        raise TooManyRequests("The provider may not be asked so often.", retry_after=findings.put_off[isbn])
    if findings.failed:
        _refuse_failure(findings)
    if isbn not in findings.complete:
        raise NotFound("No provider knows this ISBN.")
    if not dry:
        async with desk.applying() as session:
            await _take_over(session, findings, account, labelling)
    async with desk.reading() as session:
        row = await (await driver_of(session).execute(queries.HYDRATED_AT, [int(isbn)])).fetchone()
    return _shown(findings, isbn).model_copy(update={"hydrated_on": row and row[0]})


async def queue(session: AsyncSession, account: Account, isbns: Collection[str], *, limit: int) -> HydrationQueued:
    """Have editions looked up: those that are named, else those of the backlog that most libraries hold."""
    await transaction_of(session).allow_bulk()
    wanted = list(dict.fromkeys(map(int, isbns)))
    if not wanted:
        rows = await driver_of(session).execute(queries.BACKLOG, [limit])
        wanted = [isbn for (isbn,) in await rows.fetchall()]
    tasks = await look_up(session, wanted, account=account)
    events.record(
        session,
        "Hydration: Begin batch",
        account=account,
        description=f"{len(wanted)} editions",
        info={"editions": len(wanted), "tasks": tasks},
    )
    return HydrationQueued(msg=f"Queued {len(wanted)} editions for hydration.", queued=len(wanted), tasks=tasks)


def _refuse_failure(findings: Findings) -> None:
    failure = next(iter(findings.failed.values()))
    raise Unavailable(f"{failure.provider} is away ({failure.reason}).", retry_after=AWAY_SECONDS)


async def _take_over(session: AsyncSession, findings: Findings, account: Account | None, labelling: bool) -> None:
    told = findings.complete
    if not told:
        return
    works = await books.fill_editions(session, list(told.values()))
    said = [(work_id, labels) for isbn, work_id in works.items() if (labels := _labels(told, isbn))]
    labelled = await label_works(session, ACTOR, said) if said else []
    unlabelled = await _unlabelled(session, set(works.values())) if labelling else []
    if unlabelled:
        await enqueue(session, GenerateLabels(work_ids=unlabelled), account=account)
    events.record(
        session,
        "Hydration: Finish",
        account=account,
        description=f"{len(works)} of {len(told)} editions",
        info={
            "editions": {isbn: sorted(findings.raw[isbn]) for isbn in told},
            "works_labelled": labelled,
            "put_off": len(findings.put_off),
            "failed": len(findings.failed),
        },
    )


def _labels(told: Mapping[str, EditionCreateIn], isbn: int) -> Labels:
    return infer_labels(told[f"{isbn:013}"])


async def _unlabelled(session: AsyncSession, works: Collection[int]) -> list[int]:
    rows = await driver_of(session).execute(queries.UNLABELLED, [array_of(works)])
    return [id_ for (id_,) in await rows.fetchall()]


def _shown(findings: Findings, isbn: str) -> HydratedBookData:
    data = findings.editions[isbn]
    people = {
        name: [ContributorBase(first_name=each.first_name, last_name=each.last_name) for each in said or ()]
        for name, said in (("authors", data.authors), ("illustrators", data.illustrators))
    }
    return HydratedBookData(
        isbn=isbn,
        other_isbns=data.other_isbns or [],
        title=data.title,
        leading_article=data.leading_article,
        subtitle=data.subtitle,
        series_name=data.series_name,
        series_number=None if data.series_number is None else str(data.series_number),
        authors=people["authors"],
        illustrators=people["illustrators"],
        cover_url=data.cover_url,
        date_published=data.date_published,
        info=data.info,
        labelset=_estimated(infer_labels(data)),
        hydrated_on=None,
        raw=findings.raw[isbn],
    )


def _estimated(said: Labels) -> EstimatedLabelSet:
    labels = {**UNLABELLED, **said}
    ages, status = labels[LabelGroup.AGE].value, LabelGroup.RECOMMEND_STATUS
    return EstimatedLabelSet(
        min_age=ages["min_age"],
        max_age=ages["max_age"],
        age_origin=labels[LabelGroup.AGE].origin,
        reading_abilities=labels[LabelGroup.READING_ABILITY].value,
        reading_ability_origin=labels[LabelGroup.READING_ABILITY].origin,
        huey_summary=labels[LabelGroup.SUMMARY].value,
        summary_origin=labels[LabelGroup.SUMMARY].origin,
        recommend_status=said[status].value if status in said else None,
        recommend_status_origin=labels[status].origin,
    )
