"""The terms of a bulk change, which its sender chooses."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Terms:
    """How a bulk change is to be made."""

    replacing: bool = False
    atomic: bool = False
    dry_run: bool = False
    merge_info: bool = False
    ignore_conflicts: bool = True
    max_removal_percent: int | None = None
    every_row: bool = False
