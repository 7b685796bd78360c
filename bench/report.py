"""What a run found: a table of targets, and remarks that explain it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Literal

COLUMNS = ("target", "what", "measured", "bound", "")


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured number beside its bound. Only ratios are judged: they hold on a machine of any speed."""

    target: str
    what: str
    value: float
    bound: float
    at: Literal["most", "least"] = "most"
    unit: Literal["x", "ms", "s"] = "x"

    @property
    def holds(self) -> bool:
        return self.value <= self.bound if self.at == "most" else self.value >= self.bound

    @property
    def verdict(self) -> str:
        if self.unit == "x":
            return "met" if self.holds else "NOT MET"
        return "within" if self.holds else "beyond"

    def cells(self) -> tuple[str, ...]:
        sign = "<=" if self.at == "most" else ">="
        return self.target, self.what, _shown(self.value, self.unit), f"{sign} {self.bound:g} {self.unit}", self.verdict


@dataclass(slots=True)
class Report:
    """Everything that a run has to tell."""

    findings: list[Finding] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, *findings: Finding) -> None:
        self.findings += findings

    def remark(self, text: str) -> None:
        self.remarks.append(text)

    def table(self) -> str:
        lines = [COLUMNS, *(finding.cells() for finding in self.findings)]
        widths = [max(len(line[place]) for line in lines) for place in range(len(COLUMNS))]
        return "\n".join(_line(cells, widths) for cells in lines)


def middle(values: Iterable[float]) -> float:
    """The median: what the rounds have in common when one of them was disturbed."""
    return median(values)


def _line(cells: Iterable[str], widths: list[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _shown(value: float, unit: str) -> str:
    return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
