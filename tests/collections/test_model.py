"""Random histories of a collection against a plain model of what each change means."""

from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.collections.shelves import Library, isbn, library
from tests.world import World

KEEP = object()


@dataclass(frozen=True)
class Held:
    total: int
    available: int
    note: str | None


def rows(actions: list[str]) -> st.SearchStrategy[list[dict[str, Any]]]:
    copies = st.one_of(st.just(KEEP), st.none(), st.integers(0, 4))
    note = st.one_of(st.just(KEEP), st.none(), st.text("abc\t\\\n'\"é😀", min_size=1, max_size=6))

    def row(action: str, book: int, total: Any, available: Any, note: Any) -> dict[str, Any]:
        made: dict[str, Any] = {"isbn": isbn(book), "action": action}
        if total is not KEEP:
            made["copies_total"] = total
        if available is not KEEP:
            made["copies_available"] = available
        if note is not KEEP:
            made["info"] = None if note is None else {"other": {"note": note}}
        return made

    one = st.builds(row, st.sampled_from(actions), st.integers(0, 7), copies, copies, note)
    return st.lists(one, max_size=10, unique_by=lambda row: row["isbn"])


change = st.tuples(st.just("change"), rows(["add", "update", "remove"]))
replacement = st.tuples(st.just("replace"), rows(["add"]))
histories = st.lists(st.one_of(change, replacement), min_size=1, max_size=6)


def applied(held: Held | None, row: dict[str, Any]) -> Held | None:
    """What becomes of one book: absent keeps, null clears, zero is zero, available never exceeds total."""
    if row["action"] == "remove" or (row["action"] == "update" and held is None):
        return None
    known = held or Held(1, -1, None)
    total = row.get("copies_total", known.total)
    total = 1 if total is None else total
    available = row.get("copies_available", known.available)
    available = total if available is None or available < 0 else min(available, total)
    note = known.note
    if "info" in row:
        note = None if row["info"] is None else row["info"]["other"]["note"]
    return replace(known, total=total, available=available, note=note)


async def shelf_of(school: Library) -> dict[str, Held]:
    return {
        name: Held(
            item["copies_total"], item["copies_available"], item["info"]["other"]["note"] if item["info"] else None
        )
        for name, item in (await school.shelf()).items()
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories)
async def test_any_history_ends_as_the_model_says(
    world: World, history: list[tuple[str, list[dict[str, Any]]]]
) -> None:
    school = await library(world)
    model: dict[str, Held] = {}
    withdrawn: dict[str, Held] = {}
    for kind, batch in history:
        before = dict(model)
        named = {row["isbn"] for row in batch}
        for row in batch:
            book = row["isbn"]
            base = model.get(book) or (withdrawn.get(book) if row["action"] == "add" else None)
            after = applied(base, row)
            model.pop(book, None)
            if after is not None:
                model[book] = after
        if kind == "replace":
            model = {book: held for book, held in model.items() if book in named}
        withdrawn |= {book: held for book, held in before.items() if book not in model}
        report = await (school.replace(batch) if kind == "replace" else school.change(batch))
        assert report["collection_size"] == len(model)
        assert await shelf_of(school) == model
        counts = report["summary"]
        assert counts["added"] == len(model.keys() - before.keys())
        assert counts["removed"] == len(before.keys() - model.keys())
        assert counts["updated"] == sum(before[book] != model[book] for book in before.keys() & model.keys())
