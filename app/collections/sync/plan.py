"""From rows as sent to one change per book: what a bulk change means, before the database is asked anything.

Rows of one request are read in their order. Rows that name the same book become one change: copies of added rows
are summed (a file with a line per copy is common), later updates overwrite earlier ones, a removal undoes what
came before it. Nothing here waits or touches the database, so it runs beside the event loop.
"""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET

from app.collections.sync.rows import Action, Flaw, Row, Rows
from app.core.isbn import understand
from app.core.text import fold, sort_title

Key: TypeAlias = int | str
"""The book a change is about: its ISBN as a number, or ``id:…``, ``title:…`` or ``row:…`` for one without."""

Letter: TypeAlias = Literal["a", "u", "r"]
LETTERS: dict[Action, Letter] = {Action.ADD: "a", Action.UPDATE: "u", Action.REMOVE: "r"}
SAME_AS_TOTAL = -1
"""``available`` that was cleared: it becomes the total."""
CLEARED_INFO = "null"
MEANS_NOTHING = Flaw(
    "unknown_field_ignored",
    "`action` and `id` were ignored: here the rows are the whole collection. Send changes with PATCH.",
    fatal=False,
)


class Change(msgspec.Struct, gc=False):
    """What is to become of one book. None keeps what is stored."""

    index: int
    """The first row that named the book: outcomes are reported there."""
    action: Letter
    isbn: int | None = None
    item_id: int | None = None
    local_key: str | None = None
    sort_title: str | None = None
    total: int | None = None
    available: int | None = None
    info: str | None = None


@dataclass(slots=True)
class Plan:
    """The changes of a request, and what is to be said about its rows."""

    received: int
    changes: dict[Key, Change] = field(default_factory=dict)
    flaws: dict[int, Flaw] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    """Rows that were joined to the change of an earlier row: index to that row's index."""
    sent: dict[int, Any] = field(default_factory=dict)

    def add(self, key: Key, change: Change) -> None:
        """Take up a change; one about a book that an earlier row named is joined to that row's."""
        earlier = self.changes.get(key)
        if earlier is None:
            self.changes[key] = change
        else:
            self.merged[change.index] = earlier.index
            _join(earlier, change)


def plan_changes(rows: Rows, *, replacing: bool) -> Plan:
    """One change per book. ``replacing``: the rows are the whole collection, so every row is an addition, and books
    without an ISBN are recognised by title and author instead of being added anew."""
    plan = Plan(received=len(rows.rows), flaws=rows.flaws, sent=rows.sent)
    for index, row in enumerate(rows.rows):
        if row is None:
            continue
        change = _change(index, row, plan, replacing)
        if change is not None:
            plan.add(_key_without_isbn(change, replacing) if change.isbn is None else change.isbn, change)
    return plan


def _change(index: int, row: Row, plan: Plan, replacing: bool) -> Change | None:
    action = "a" if replacing else LETTERS[row.action]
    sent = row.sent_isbn
    if sent is not None or row.id is None or action == "a":
        isbn, code, hint, _ = understand(sent)
        if code is not None and not (code == "isbn_missing" and _is_usable_without(row, action)):
            plan.sent[index] = sent
            plan.flaws[index] = Flaw(code, hint or "", fatal=isbn is None)
            if isbn is None:
                return None
        elif code is not None:
            plan.flaws[index] = Flaw(
                code, "Kept by its title; send an ISBN so that it can be recommended.", fatal=False
            )
    else:
        isbn = None
    if replacing and (row.id is not None or row.action is not Action.ADD):
        plan.flaws.setdefault(index, MEANS_NOTHING)
    change = Change(index, action, isbn, None if isbn or replacing else row.id)
    if row.copies_total is not UNSET:
        change.total = 1 if row.copies_total is None else row.copies_total
    if row.copies_available is not UNSET:
        change.available = SAME_AS_TOTAL if row.copies_available is None else row.copies_available
    if change.total is not None and change.available is not None and change.available > change.total:
        plan.flaws.setdefault(index, Flaw("copies_available_reduced", "Available copies were cut to the total.", False))
    if row.info is not UNSET:
        change.info = CLEARED_INFO if row.info is None else msgspec.json.encode(row.info).decode()
    if isbn is None and row.info and action == "a":
        change.local_key = f"{fold(row.info.title or '')}|{fold(row.info.author or '')}"
        change.sort_title = sort_title(row.info.title)
    return change


def _is_usable_without(row: Row, action: str) -> bool:
    """A book without an ISBN can be added if it has a title."""
    return action == "a" and isinstance(row.info, msgspec.Struct) and bool((row.info.title or "").strip())


def _key_without_isbn(change: Change, replacing: bool) -> Key:
    if change.item_id is not None and change.action != "a":
        return f"id:{change.item_id}"
    return f"title:{change.local_key}" if replacing else f"row:{change.index}"


def _join(earlier: Change, later: Change) -> None:
    """Make of two changes of one book the one that they amount to."""
    if earlier.action == "r" and later.action == "u":
        return
    if "r" in (earlier.action, later.action):
        earlier.action, earlier.total = later.action, later.total
        earlier.available, earlier.info = later.available, later.info
        return
    if later.action == "a" and earlier.action == "a":
        given = earlier.available is not None or later.available is not None
        available = _available(earlier) + _available(later)
        earlier.total = _total(earlier) + _total(later)
        earlier.available = available if given else None
    else:
        earlier.total = earlier.total if later.total is None else later.total
        earlier.available = earlier.available if later.available is None else later.available
        earlier.action = "a" if "a" in (earlier.action, later.action) else "u"
    earlier.info = earlier.info if later.info is None else later.info


def _total(change: Change) -> int:
    return 1 if change.total is None else change.total


def _available(change: Change) -> int:
    total = _total(change)
    if change.available is None or change.available == SAME_AS_TOTAL:
        return total
    return min(change.available, total)
