"""When a bulk change is refused as a whole, and what its sender is told; nothing is written then."""

from typing import NoReturn

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.collections.models import Collection
from app.collections.sync.changes import Outcome
from app.collections.sync.plan import Plan
from app.collections.sync.report import Summary, results_of, summarise
from app.collections.sync.terms import Terms
from app.core.errors import AlreadyExists, AtomicRejected, FieldError, NothingUsable, RemovalLimitExceeded, pointer
from app.core.isbn import display
from app.schools.models import School

NOTHING_DONE = Outcome(frozenset(), frozenset(), frozenset(), frozenset(), 0, (), ())


def refuse(problem: type[AtomicRejected | NothingUsable], plan: Plan, outcome: Outcome, terms: Terms) -> NoReturn:
    summary = summarise(plan, outcome, replacing=terms.replacing, dry_run=terms.dry_run)
    results = results_of(plan, outcome, every_row=False)
    raise problem(
        f"{summary.rejected} of {summary.received} rows cannot be used; nothing was written.",
        errors=[
            FieldError(pointer(result.index), result.code or "invalid_row", result.hint or "")
            for result in results
            if result.status == "rejected"
        ],
        summary=msgspec.to_builtins(summary),
        results=msgspec.to_builtins(results),
    )


def refuse_conflicts(plan: Plan, outcome: Outcome) -> None:
    """409 for additions of what is held already, where the caller asked for that."""
    held = [change for change in plan.changes.values() if change.action == "a" and change.index not in outcome.added]
    if held:
        raise AlreadyExists(
            f"{len(held)} of the books are held already; nothing was written.",
            errors=[FieldError(pointer(each.index), "already_held", "Use the action `update`.") for each in held],
        )


async def refuse_emptying(
    session: AsyncSession, collection: Collection, outcome: Outcome, summary: Summary, terms: Terms
) -> None:
    """409 if more would be withdrawn than the request, or else the school, allows."""
    if not summary.removed:
        return
    limit = terms.max_removal_percent
    if limit is None and collection.school_id is not None:
        limit = await session.scalar(
            select(School.max_removal_percent).where(School.wriveted_identifier == collection.school_id)
        )
    if limit is None or summary.removed * 100 <= limit * collection.item_count:
        return
    raise RemovalLimitExceeded(
        f"{summary.removed} of {collection.item_count} books would be withdrawn, more than {limit} %. If that is "
        "meant, send the request again with a higher `max_removal_percent`.",
        removed=summary.removed,
        total=collection.item_count,
        limit_percent=limit,
        summary=msgspec.to_builtins(summary),
        withdrawn_isbns=[display(isbn) for isbn in outcome.withdrawn_isbns],
    )
