"""The order of a list, and what edits make of it: plain values, nothing of the database."""

import enum
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Info: TypeAlias = dict[str, Any] | None
Order: TypeAlias = dict[int, Info]
"""Works in the order of the list, each with what the list says of it."""


class ItemUpdateType(enum.StrEnum):
    ADD = "add"
    REMOVE = "remove"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Edit:
    """One change. ``position`` None: at the end, or where it is. ``info`` False: as it is; None: cleared; else laid
    over what there is, where None clears a member."""

    action: ItemUpdateType
    work_id: int
    position: int | None = None
    info: Mapping[str, Any] | Literal[False] | None = False


class NotOnTheList(ValueError):
    """An edit, by its place among the edits, of a work that is not on the list."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


def edited(order: Order, edits: Iterable[Edit]) -> Order:
    """The list after the edits, made one after the other. Raises ``NotOnTheList``."""
    works, infos = list(order), dict(order)
    for index, edit in enumerate(edits):
        known = edit.work_id in infos
        if edit.action is ItemUpdateType.UPDATE and not known:
            raise NotOnTheList(index)
        if edit.action is ItemUpdateType.REMOVE and known:
            works.remove(edit.work_id)
            del infos[edit.work_id]
        elif edit.action is ItemUpdateType.ADD and not known:
            works.insert(len(works) if edit.position is None else edit.position, edit.work_id)
            infos[edit.work_id] = _laid_over(None, edit.info)
        elif edit.action is ItemUpdateType.UPDATE:
            if edit.position is not None:
                works.remove(edit.work_id)
                works.insert(edit.position, edit.work_id)
            infos[edit.work_id] = _laid_over(infos[edit.work_id], edit.info)
    return {work: infos[work] for work in works}


def _laid_over(old: Info, new: Mapping[str, Any] | Literal[False] | None) -> Info:
    if new is False:
        return old
    merged = {} if new is None else {**(old or {}), **new}
    return {name: value for name, value in merged.items() if value is not None} or None


@dataclass(frozen=True, slots=True)
class Difference:
    """What turns one order into another: works that go, then rows that change, then rows that come."""

    gone: Sequence[int]
    changed: Sequence[dict[str, Any]]
    new: Sequence[dict[str, Any]]

    def __bool__(self) -> bool:
        return bool(self.gone or self.changed or self.new)


def difference(before: Order, after: Order) -> Difference:
    """Every row is taken out, put in or changed once, however many edits it saw. What is taken out first, the others
    close ranks."""
    places = {work: place for place, work in enumerate(work for work in before if work in after)}
    rows = [{"work_id": work, "order_id": place, "info": info} for place, (work, info) in enumerate(after.items())]
    return Difference(
        gone=[work for work in before if work not in after],
        changed=[
            row
            for row in rows
            if row["work_id"] in before
            and (places[row["work_id"]], before[row["work_id"]]) != (row["order_id"], row["info"])
        ],
        new=[row for row in rows if row["work_id"] not in before],
    )
