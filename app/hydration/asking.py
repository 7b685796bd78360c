"""Asking the providers, one after the other, as far as their budgets and their health allow.

Nobody is asked inside of a transaction. What a provider answers is kept at once, in a statement of its own: whoever
comes later, or tries again, finds it. A provider that fails again and again is given a rest; then one request tries.
"""

import asyncio
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.books.schemas import EditionCreateIn, EditionInfo
from app.core.aside import array_of
from app.core.db import driver_of
from app.core.isbn import display
from app.core.log import get_logger
from app.events import service as events
from app.events.models import EventLevel
from app.hydration import queries
from app.hydration.models import AnswerStatus
from app.hydration.providers import Provider, ProviderBusy, ProviderFailed, Raw, Unreadable

PATIENCE = 150.0
"""Seconds after which no further request is begun: the rest is for another task."""
MOST_FAILURES = 5
MOMENT = 5
REST_SECONDS, LONGEST_REST = 60, 3600
PROBE = timedelta(seconds=30)
DAYS = {AnswerStatus.FOUND: 180, AnswerStatus.UNKNOWN: 30, AnswerStatus.UNREADABLE: 1}
"""How long an answer is good."""
TITLES = {"nielsen": "Nielsen", "open-library": "Open Library", "google-books": "Google Books"}
NUL = "\\u0000"
ESSENTIAL = ("title", "authors", "cover_url")


class Desk(Protocol):
    """Where the database is reached, shortly at a time: a claimed task, or whoever asks directly."""

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Statements by themselves."""
        ...

    def applying(self) -> AbstractAsyncContextManager[AsyncSession]:
        """The transaction of the effect."""
        ...


@dataclass(slots=True)
class Findings:
    """What the providers told."""

    editions: dict[str, EditionCreateIn] = field(default_factory=dict)
    """What is known of an ISBN: the word of the first provider counts, the next fill its gaps."""
    raw: dict[str, dict[str, Raw]] = field(default_factory=dict)
    """The answers as they were told, by ISBN and provider."""
    put_off: dict[str, int] = field(default_factory=dict)
    """ISBNs for which the budget was used up, and the seconds until there is some again."""
    failed: dict[str, ProviderFailed] = field(default_factory=dict)
    """ISBNs that a provider failed to answer. What others told of them is not used: it would hide what is missing."""

    @property
    def complete(self) -> dict[str, EditionCreateIn]:
        """What may be taken over: everything that was asked about these was answered, and they have a title."""
        waiting = self.put_off.keys() | self.failed.keys()
        return {isbn: data for isbn, data in self.editions.items() if isbn not in waiting and data.title is not None}

    def take(self, provider: Provider, isbn: str, raw: Raw) -> None:
        told = provider.read(isbn, raw)
        self.raw.setdefault(isbn, {})[provider.name] = raw
        known = self.editions.get(isbn)
        self.editions[isbn] = told if known is None else _completed(known, told)

    def is_unknown(self, isbn: str) -> bool:
        """Whether nobody told even its title: without that, it waits for who could not be asked."""
        return isbn not in self.editions or self.editions[isbn].title is None

    def lacks(self, isbn: str) -> bool:
        """Whether another provider could tell what is missing."""
        if isbn in self.put_off or isbn in self.failed:
            return False
        known = self.editions.get(isbn)
        return known is None or not all(getattr(known, name) for name in ESSENTIAL)


async def ask_all(
    desk: Desk,
    providers: Iterable[Provider],
    isbns: Sequence[str],
    *,
    use_cache: bool = True,
    patience: float = PATIENCE,
) -> Findings:
    """What the providers tell of these ISBNs; each is asked only for what those before it left open.

    Where a budget is used up for a few seconds it is waited for, until ``patience`` is at its end.
    """
    findings, until = Findings(), time.monotonic() + patience
    for provider in providers:
        wanted = [isbn for isbn in isbns if findings.lacks(isbn)]
        kept = await _known(desk, provider, wanted) if use_cache and wanted else {}
        for isbn, raw in kept.items():
            if raw is not None:
                _take_kept(findings, provider, isbn, raw)
        await _ask(desk, provider, [isbn for isbn in wanted if isbn not in kept], findings, until)
    return findings


async def _ask(desk: Desk, provider: Provider, isbns: Sequence[str], findings: Findings, until: float) -> None:
    """Ask a provider in as many requests as it takes and gets."""
    for start in range(0, len(isbns), provider.most):
        rest = isbns[start:]
        refused = await _turn(desk, provider, until)
        if isinstance(refused, ProviderBusy):
            findings.put_off |= dict.fromkeys(filter(findings.is_unknown, rest), refused.retry_after)
            return
        if refused is not None:
            findings.failed |= dict.fromkeys(rest, refused)
            return
        await _request(desk, provider, rest[: provider.most], findings)


async def _turn(desk: Desk, provider: Provider, until: float) -> ProviderBusy | ProviderFailed | None:
    """Wait for a request's place in the budget, if that takes a moment only."""
    while True:
        refused = await _admitted(desk, provider)
        left = until - time.monotonic()
        if not isinstance(refused, ProviderBusy) or refused.retry_after > min(MOMENT, left):
            return refused
        await asyncio.sleep(refused.retry_after)


async def _request(desk: Desk, provider: Provider, isbns: Sequence[str], findings: Findings) -> None:
    """One request. Whatever becomes of it concerns these ISBNs alone."""
    answers: Mapping[str, Raw | None] | None = None
    try:
        answers = await provider.ask(isbns)
    except ProviderBusy as busy:
        await _note_busy(desk, busy)
        findings.put_off |= dict.fromkeys(isbns, busy.retry_after)
        return
    except ProviderFailed as failure:
        await _note_failure(desk, failure)
        findings.failed |= dict.fromkeys(isbns, failure)
        return
    except Unreadable as error:
        get_logger().warning("hydration.unreadable", provider=provider.name, exc_info=error)
        if len(isbns) > 1:
            nonsense = ProviderFailed(provider.name, "unreadable")
            await _note_failure(desk, nonsense)
            findings.failed |= dict.fromkeys(isbns, nonsense)
            return
    noted = [_noted(findings, provider, isbn, answers) for isbn in isbns]
    well = any(each["status"] != AnswerStatus.UNREADABLE for each in noted)
    async with desk.reading() as session:
        parameters = {"provider": provider.name, "answers": _json(noted), "well": well}
        await driver_of(session).execute(queries.NOTE_ANSWERS, parameters)
    if not well:
        await _note_failure(desk, ProviderFailed(provider.name, "unreadable"))


def _noted(
    findings: Findings, provider: Provider, isbn: str, answers: Mapping[str, Raw | None] | None
) -> dict[str, Any]:
    """What is to be kept of an answer; one that can be read is taken up."""
    raw, status = None if answers is None else answers.get(isbn), AnswerStatus.UNKNOWN
    if answers is None:
        status = AnswerStatus.UNREADABLE
    elif raw is not None:
        status = AnswerStatus.FOUND
        try:
            if NUL in _json(raw):
                raise Unreadable("NUL")
            findings.take(provider, isbn, raw)
        except Unreadable as error:
            get_logger().warning("hydration.unreadable", provider=provider.name, exc_info=error)
            status, raw = AnswerStatus.UNREADABLE, None
    return {"isbn": int(isbn), "status": status, "raw": raw, "days": DAYS[status]}


def _take_kept(findings: Findings, provider: Provider, isbn: str, raw: Raw) -> None:
    try:
        findings.take(provider, isbn, raw)
    except Unreadable as error:  # read by an earlier release, whose reading this one does not share
        get_logger().warning("hydration.unreadable", provider=provider.name, exc_info=error)


async def _known(desk: Desk, provider: Provider, isbns: Sequence[str]) -> dict[str, Raw | None]:
    async with desk.reading() as session:
        rows = await driver_of(session).execute(queries.ANSWERS, [provider.name, array_of(map(int, isbns))])
        return {display(isbn): raw for isbn, _, raw in await rows.fetchall()}


async def _admitted(desk: Desk, provider: Provider) -> ProviderBusy | ProviderFailed | None:
    """Take a request out of the budget; or why there is none."""
    budget = provider.budget
    values = {"provider": provider.name, "burst": budget.burst, "rate": budget.per_second, "probe": PROBE}
    async with desk.reading() as session:
        driver = driver_of(session)
        if await (await driver.execute(queries.ADMIT, values)).fetchone():
            return None
        is_resting, seconds, failures = await (await driver.execute(queries.WAIT, values)).fetchone() or (False, 1, 0)
    if is_resting and failures >= MOST_FAILURES:
        return ProviderFailed(provider.name, "resting")
    return ProviderBusy(provider.name, math.ceil(seconds))


async def _note_failure(desk: Desk, failure: ProviderFailed) -> None:
    get_logger().warning("hydration.failed", provider=failure.provider, reason=failure.reason)
    values = {"provider": failure.provider, "most": MOST_FAILURES, "rest": REST_SECONDS, "longest": LONGEST_REST}
    async with desk.reading() as session:
        rows = await driver_of(session).execute(queries.NOTE_FAILURE, values)
        failures, is_resting = await rows.fetchone() or (0, False)
        if is_resting:
            _tell(session, failure.provider, "API error", {"failures": failures, "reason": failure.reason})


async def _note_busy(desk: Desk, busy: ProviderBusy) -> None:
    async with desk.reading() as session:
        values = {"provider": busy.provider, "seconds": busy.retry_after}
        await driver_of(session).execute(queries.NOTE_BUSY, values)
        _tell(session, busy.provider, "rate limit error", {"retry_after": busy.retry_after})


def _tell(session: AsyncSession, provider: str, what: str, info: dict[str, Any]) -> None:
    title = f"Hydration: {TITLES[provider]} {what}"
    events.record(session, title, account=None, level=EventLevel.WARNING, info={"provider": provider, **info})


def _completed(known: EditionCreateIn, told: EditionCreateIn) -> EditionCreateIn:
    """What is known, with its gaps filled by what another told. An article goes with its title, a number with its
    series."""
    gaps = {name for name in type(known).model_fields if not getattr(known, name)}
    gaps -= {"leading_article"} if known.title else set()
    gaps -= {"series_number"} if known.series_name else set()
    filled = {name: getattr(told, name) for name in gaps if getattr(told, name)}
    return known.model_copy(update=filled | {"info": _completed_info(known.info, told.info)})


def _completed_info(known: EditionInfo | None, told: EditionInfo | None) -> EditionInfo | None:
    if known is None or told is None:
        return known or told
    gaps = [name for name in type(known).model_fields if getattr(known, name) in (None, "", [], {})]
    return known.model_copy(update={name: getattr(told, name) for name in gaps})


def _json(value: Mapping[str, Any] | Sequence[Any]) -> str:
    return msgspec.json.encode(value).decode()
