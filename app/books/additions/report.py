"""The account of a bulk addition: what became of every row. schemas.BulkReport documents it."""

from collections import Counter
from typing import Any

import msgspec

from app.books.additions.plan import Outcome, Status
from app.books.additions.rows import Batch, Note
from app.core.isbn import display


class Summary(msgspec.Struct):
    received: int
    created: int
    updated: int
    unchanged: int
    rejected: int


class Result(msgspec.Struct):
    index: int
    status: Status
    isbn_sent: Any
    isbn: str | None
    code: str
    hint: str


class Report(msgspec.Struct):
    msg: str
    summary: Summary
    results: list[Result]


def report_on(batch: Batch, outcomes: list[Outcome]) -> Report:
    """The account of a batch, given what became of its additions in their order."""
    counts = Counter(outcome.status for outcome in outcomes)
    summary = Summary(
        received=batch.received,
        created=counts["created"],
        updated=counts["updated"],
        unchanged=counts["unchanged"],
        rejected=counts["rejected"] + batch.received - len(outcomes),
    )
    msg = f"Bulk load of {batch.received} editions complete. Created {summary.created} new editions."
    return Report(msg, summary, _results(batch, outcomes))


def _results(batch: Batch, outcomes: list[Outcome]) -> list[Result]:
    """The rows with something to say, in the order of the request."""
    rejected = {index: note for index, note in batch.notes.items() if note.rejects}
    results = [_result(batch, index, "rejected", None, note) for index, note in rejected.items()]
    for addition, outcome in zip(batch.additions, outcomes, strict=True):
        note = outcome.note
        if note is None or not note.rejects:
            note = batch.notes.get(addition.row, note)
        if note is not None:
            results.append(_result(batch, addition.row, outcome.status, addition.isbn, note))
    return sorted(results, key=lambda result: result.index)


def _result(batch: Batch, index: int, status: Status, isbn: int | None, note: Note) -> Result:
    understood = None if isbn is None else display(isbn)
    return Result(index, status, batch.sent.get(index), understood, note.code, note.hint)
