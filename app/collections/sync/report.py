"""The account of a bulk change: what became of every row."""

from typing import Any

import msgspec

from app.collections.sync.changes import Outcome
from app.collections.sync.plan import Plan
from app.core.isbn import display


class Summary(msgspec.Struct):
    received: int
    added: int
    updated: int
    unchanged: int
    removed: int
    rejected: int
    merged: int
    new_editions: int
    dry_run: bool


class Result(msgspec.Struct):
    index: int
    status: str
    isbn_sent: Any = None
    isbn: str | None = None
    code: str | None = None
    hint: str | None = None


class Report(msgspec.Struct):
    """The answer to a bulk change; schemas.CollectionUpdateSummaryResponse documents it."""

    msg: str
    collection_size: int
    summary: Summary
    results: list[Result]


NOT_HELD = "item_not_held"
NOT_HELD_HINT = "The collection does not hold this book; add it if it should."


def summarise(plan: Plan, outcome: Outcome, *, replacing: bool, dry_run: bool) -> Summary:
    rejected = sum(flaw.fatal for flaw in plan.flaws.values()) + len(_missing_updates(plan, outcome))
    named = len(outcome.added) + len(outcome.updated) + len(outcome.removed) + rejected + len(plan.merged)
    return Summary(
        received=plan.received,
        added=len(outcome.added),
        updated=len(outcome.updated),
        unchanged=plan.received - named,
        removed=outcome.withdrawn if replacing else len(outcome.removed),
        rejected=rejected,
        merged=len(plan.merged),
        new_editions=len(outcome.new_editions),
        dry_run=dry_run,
    )


def results_of(plan: Plan, outcome: Outcome, *, every_row: bool) -> list[Result]:
    """Rows with something to say, or every row, in the order of the request."""
    isbns = {change.index: change.isbn for change in plan.changes.values()}
    unheld_updates = _missing_updates(plan, outcome)
    talking = plan.flaws.keys() | plan.merged.keys() | outcome.missing
    results = []
    for index in range(plan.received) if every_row else sorted(talking):
        flaw = plan.flaws.get(index)
        isbn = isbns.get(plan.merged.get(index, index))
        result = Result(index, _status(index, plan, outcome, unheld_updates), plan.sent.get(index))
        result.isbn = None if isbn is None else display(isbn)
        if flaw is not None:
            result.code, result.hint = flaw.code, flaw.hint
        elif index in plan.merged:
            result.code = "duplicate_in_file"
            result.hint = f"Row {plan.merged[index]} names the same book; the two were joined."
        elif index in outcome.missing:
            result.code, result.hint = NOT_HELD, NOT_HELD_HINT
        results.append(result)
    return results


def _missing_updates(plan: Plan, outcome: Outcome) -> set[int]:
    """Updates of books that are not held: they change nothing and are refused. A removal of one is no news."""
    if not outcome.missing:
        return set()
    return {change.index for change in plan.changes.values() if change.action == "u"} & outcome.missing


def _status(index: int, plan: Plan, outcome: Outcome, unheld_updates: set[int]) -> str:
    flaw = plan.flaws.get(index)
    if (flaw is not None and flaw.fatal) or index in unheld_updates:
        return "rejected"
    if index in plan.merged:
        return "merged"
    if index in outcome.added:
        return "added"
    if index in outcome.updated:
        return "updated"
    return "removed" if index in outcome.removed else "unchanged"
