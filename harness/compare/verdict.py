"""Verdicts: what the gate says of a cell and of a whole comparison, and the exit code of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from harness.compare.runs import Cell, Number


class Verdict(Enum):
    """Worst first: a comparison has the verdict of its worst cell."""

    ERROR = "error"
    REGRESSED = "regressed"
    MISSING = "missing"
    NOT_COMPARABLE = "not comparable"
    IMPROVED = "improved"
    OK = "ok"

    @property
    def exit_code(self) -> int:
        """Distinct codes, so that a script need not read the text."""
        return EXIT_CODES[self]


EXIT_CODES = {
    Verdict.OK: 0,
    Verdict.ERROR: 1,
    Verdict.REGRESSED: 10,
    Verdict.IMPROVED: 11,
    Verdict.NOT_COMPARABLE: 12,
    Verdict.MISSING: 13,
}


@dataclass(frozen=True)
class Change:
    """An outcome of the queries, before and after; rates on 0 to 1.

    ``tolerance``: how far another run of the same code may lie off, learnt from ``runs`` of the baseline. ``p``: of the
    paired test by identity, corrected for the comparisons made. ``gained`` and ``lost``: image ids of queries that the
    candidate answers better or worse.
    """

    outcome: str
    n: int
    old: float
    new: float
    tolerance: float
    p: float
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    runs: int = 1

    @property
    def delta(self) -> float:
        """Candidate less baseline."""
        return self.new - self.old


@dataclass(frozen=True)
class Judged:
    """The verdict on a cell, with its reason; ``numbers``: metric -> (baseline, candidate), means over the runs."""

    cell: Cell
    verdict: Verdict
    reason: str = ""
    changes: tuple[Change, ...] = ()
    numbers: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """All cells of a baseline against a candidate; ``extra``: the candidate's cells that the baseline does not have."""

    baseline: str
    exact: bool
    judged: tuple[Judged, ...]
    extra: tuple[Cell, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst cell's."""
        there = {judged.verdict for judged in self.judged}
        return next((verdict for verdict in Verdict if verdict in there), Verdict.ERROR)

    @property
    def summary(self) -> str:
        """One line: how many cells, and how many of each verdict."""
        counts = Counter(judged.verdict for judged in self.judged)
        told = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in reversed(Verdict) if counts[verdict])
        extra = f"; {len(self.extra)} not in the baseline" if self.extra else ""
        return f"{self.verdict.value}: {len(self.judged)} cells against {self.baseline}: {told}{extra}"


def mean_number(cell: Cell, name: str) -> float | None:
    """A metric's mean over the runs of a cell; None where a run does not have it."""
    found: list[Number | None] = [run.numbers.get(name) for run in cell.runs]
    values = [number[0] for number in found if number is not None and number[0] is not None]
    return sum(values) / len(values) if len(values) == len(cell.runs) else None
