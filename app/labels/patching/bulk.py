"""Labels for many works at once, each named by the ISBN of an edition."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.account import Account
from app.core.aside import array_of
from app.core.db import driver_of, transaction_of
from app.core.errors import AtomicRejected, FieldError, Invalid, Problem, pointer, unknown_field
from app.core.isbn import display, understand
from app.core.strict_json import parse_json
from app.events import service as events
from app.labels.patching.authority import Labels, kept, relabel
from app.labels.patching.saying import Words, labels_said, origins_said
from app.labels.patching.storing import Relabelling, read_labels, read_words, store_labels
from app.labels.schemas import LabelPatchReport, LabelPatchResult, LabelSetCreateIn, LabelSetPatch

_WORKS = "SELECT isbn, work_id FROM editions WHERE isbn = ANY(%s::bigint[]) AND work_id IS NOT NULL"
LOCK = "SELECT id FROM works WHERE id = ANY(%s::int[]) ORDER BY id FOR NO KEY UPDATE"
MAX_FAULTS = 100
UNKNOWN = "The edition is not known, or it has no work to label."


@dataclass(slots=True)
class Item:
    """What one item asks, as far as it could be read: an edition and its labels, or a fault."""

    index: int
    isbn: int | None = None
    patch: LabelSetCreateIn | None = None
    fault: FieldError | None = None


@dataclass(slots=True)
class Progress:
    """The labels of the works so far, as they were and as they are to be."""

    before: Mapping[int, Labels]
    after: dict[int, Labels]
    words: Words
    account: Account
    results: list[LabelPatchResult] = field(default_factory=list)


def read_items(body: bytes) -> list[Item]:
    """The items of a JSON array of at most 1,000; one that is not as documented costs only itself."""
    document = parse_json(body)
    if not isinstance(document, list):
        raise Invalid(errors=[FieldError("", "list_type", "Send an array of items.")])
    return [_read_item(index, sent) for index, sent in enumerate(document)]


async def patch_labelsets(
    session: AsyncSession, account: Account, items: Sequence[Item], *, atomic: bool
) -> LabelPatchReport:
    """Label many works, in their order, in a number of statements that does not grow with them.

    Raises ``AtomicRejected`` if the request is ``atomic`` and one item is unknown or faulty.
    """
    await transaction_of(session).allow_bulk()
    driver = driver_of(session)
    isbns = array_of({item.isbn for item in items if item.isbn is not None})
    works = dict(await (await driver.execute(_WORKS, [isbns])).fetchall())
    locked = await (await driver.execute(LOCK, [array_of(set(works.values()))])).fetchall()
    before = await read_labels(session, [id_ for (id_,) in locked])
    progress = Progress(before, dict(before), await read_words(session), account)
    for item in items:
        progress.results.append(_apply(progress, item, works.get(item.isbn)))
    report = _report(progress.results)
    if atomic and (report.unknown or report.errors):
        _refuse(report)
    changed = [Relabelling(work_id, before[work_id], progress.after[work_id]) for work_id in before]
    await store_labels(session, account, changed, progress.words)
    events.record(
        session,
        "Labelsets updated",
        account=account,
        description=f"{report.patched} patched, {report.unknown} unknown, {report.errors} errors",
        info={
            **report.model_dump(exclude={"results"}),
            "work_ids": [each.work_id for each in changed if each.changed],
        },
    )
    return report


def _read_item(index: int, sent: Any) -> Item:
    try:
        given = LabelSetPatch.model_validate(sent)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        fault = FieldError(pointer(index, *first["loc"]), first["type"], first["msg"])
        if first["type"] == "extra_forbidden":
            known = LabelSetPatch if len(first["loc"]) == 1 else LabelSetCreateIn
            fault = unknown_field(known.model_fields, index, *first["loc"])
        return Item(index, fault=fault)
    isbn, code, hint, _ = understand(given.isbn)
    if isbn is None:
        return Item(index, fault=FieldError(pointer(index, "isbn"), code or "", hint or ""))
    return Item(index, isbn, given.patch_data)


def _apply(progress: Progress, item: Item, work_id: int | None) -> LabelPatchResult:
    """Work one item into the labels."""
    isbn = None if item.isbn is None else display(item.isbn)
    result = LabelPatchResult(index=item.index, status="error", isbn=isbn, work_id=None, kept=[], code=None, hint=None)
    if item.fault is not None or item.patch is None:
        return _faulty(result, item.fault)
    at = (item.index, "patch_data")
    try:
        origins = origins_said(item.patch, progress.account, at)
        if work_id is None or work_id not in progress.after:
            return result.model_copy(update={"status": "unknown", "code": "not_found", "hint": UNKNOWN})
        known = progress.after[work_id]
        said = labels_said(item.patch, origins, known, progress.words, progress.account, at)
    except Problem as refusal:
        return _faulty(result, refusal.errors[0])
    progress.after[work_id] = relabel(known, said)
    status: Literal["patched", "unchanged"] = "unchanged" if progress.after[work_id] == known else "patched"
    return result.model_copy(update={"status": status, "work_id": str(work_id), "kept": kept(known, said)})


def _faulty(result: LabelPatchResult, fault: FieldError | None) -> LabelPatchResult:
    if fault is None:
        return result
    return result.model_copy(update={"code": fault.code, "hint": f"{fault.pointer}: {fault.detail}"})


def _report(results: list[LabelPatchResult]) -> LabelPatchReport:
    statuses = [result.status for result in results]
    return LabelPatchReport(
        patched=statuses.count("patched") + statuses.count("unchanged"),
        unknown=statuses.count("unknown"),
        errors=statuses.count("error"),
        results=results,
    )


def _refuse(report: LabelPatchReport) -> None:
    wrong = [result for result in report.results if result.status in ("unknown", "error")]
    raise AtomicRejected(
        f"{len(wrong)} of {len(report.results)} items cannot be used; nothing was written.",
        errors=[FieldError(pointer(each.index), each.code or "", each.hint or "") for each in wrong[:MAX_FAULTS]],
        summary=report.model_dump(exclude={"results"}),
        results=msgspec.to_builtins([each.model_dump() for each in report.results]),
    )
