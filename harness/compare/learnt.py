"""The gate on real data or a GPU: a change must exceed what repeats differ by, and be a finding on the queries.

Two hurdles. **Repeats**: an outcome of C more runs of unchanged code lies within
t(1 - alpha / 2m, df) s sqrt(1/R + 1/C) of the mean of the R runs of the baseline (a prediction interval for a mean;
Hahn and Meeker, Statistical Intervals, 1991). s is the standard deviation of the cell's own runs, but no less than that
of all cells together; df are their degrees of freedom (cells that share a training count once), and m is the number of
outcomes that differ between runs. Where all runs of a cell gave the same ones, it is deterministic: its tolerance is 0.
**Queries**: the sign-flip test by identity on what each query gained or lost, corrected by Holm for all outcomes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.compare.runs import Asked, Cell
from harness.compare.verdict import Change, Judged, Verdict
from harness.metrics.ranking import within
from harness.metrics.significance import compare, holm
from harness.results import Queries

Rates = NDArray[np.float64]
OUTCOMES = ("R-1", "decision")
"""``R-1``: the first answer to a known query is right. ``decision``: a known query is called known and answered
rightly, or a new one is called new."""


@dataclass(frozen=True, eq=False)
class Pair:
    """An outcome of a cell in all runs of either side [runs, queries], with identity and image id of each query."""

    before: Cell
    outcome: str
    old: Rates
    new: Rates
    identity: NDArray[np.str_]
    image_id: NDArray[np.str_]

    @cached_property
    def spread(self) -> float:
        """Standard deviation of the outcome's mean over the baseline's runs, of which there are several."""
        return float(self.old.mean(axis=1).std(ddof=1))

    @property
    def repeats(self) -> int:
        """Degrees of freedom that the baseline's runs give; 0 where there is one, or where all are alike."""
        return 0 if (self.old == self.old[0]).all() else len(self.old) - 1

    @property
    def content(self) -> tuple[bytes, bytes]:
        """Equal for cells with the same outcomes, which are one comparison and not two."""
        return self.old.tobytes(), self.new.tobytes()


def judged(cells: Sequence[tuple[Cell, Cell]], asked: Asked, alpha: float) -> list[Judged]:
    """The verdicts on cells that ran with all their queries."""
    pairs = [pair for before, after in cells for pair in _pairs(before, after, asked[before.protocol_hash])]
    changes = _changes(pairs, alpha)
    return [_judged(before, [changes[id(p)] for p in pairs if p.before is before], alpha) for before, _ in cells]


def _judged(cell: Cell, changes: Sequence[Change], alpha: float) -> Judged:
    worse = [change for change in changes if _beyond(change, alpha) and change.delta < 0]
    better = [change for change in changes if _beyond(change, alpha) and change.delta > 0]
    verdict = Verdict.REGRESSED if worse else Verdict.IMPROVED if better else Verdict.OK
    told = worse or better or [change for change in changes if change.gained or change.lost]
    return Judged(cell, verdict, "; ".join(map(_told, told)), tuple(changes))


def _beyond(change: Change, alpha: float) -> bool:
    return abs(change.delta) > change.tolerance and change.p < alpha


def _told(change: Change) -> str:
    known = f"repeats differ by up to {100 * change.tolerance:.1f}" if change.runs > 1 else "no repeats to learn from"
    told = f"{change.outcome} {100 * change.old:.1f} -> {100 * change.new:.1f} ({100 * change.delta:+.1f} points"
    return f"{told}; {known}; {len(change.gained)} queries better, {len(change.lost)} worse, p {change.p:.2g})"


def _pairs(before: Cell, after: Cell, queries: Queries) -> Iterable[Pair]:
    rows = {"R-1": queries.known, "decision": np.ones(len(queries), bool)}
    for outcome in OUTCOMES:
        old, new = (_outcomes(cell, outcome, queries) for cell in (before, after))
        if old is not None and new is not None and rows[outcome].any():
            old, new = old[:, rows[outcome]], new[:, rows[outcome]]
            identity, ids = queries.identity[rows[outcome]], queries.image_id[rows[outcome]]
            yield Pair(before, outcome, old, new, identity, ids)


def _outcomes(cell: Cell, outcome: str, queries: Queries) -> Rates | None:
    """Right or wrong [runs, q]; None where a run does not hold it."""
    first = np.stack([within(run.hits(), 1) for run in cell.runs])
    if outcome == "R-1":
        return first
    if not all(run.said_known for run in cell.runs):
        return None
    said = np.stack([run.said() for run in cell.runs])
    return np.where(queries.known, first * said, ~said).astype(np.float64)


def _changes(pairs: Sequence[Pair], alpha: float) -> Mapping[int, Change]:
    """Each pair's change, by the pair's id; pairs of the same content are tested once."""
    distinct = {pair.content: pair for pair in pairs}
    tests = {
        content: compare(pair.new.mean(axis=0), pair.old.mean(axis=0), pair.identity, len(distinct)).p_identity
        for content, pair in distinct.items()
    }
    p_values = dict(zip(tests, holm(list(tests.values())), strict=True))
    pooled = {outcome: _pooled([p for p in distinct.values() if p.outcome == outcome]) for outcome in OUTCOMES}
    noisy = sum(bool(pair.repeats) for pair in distinct.values())
    return {
        id(pair): _change(pair, p_values[pair.content], tolerance(pair, *pooled[pair.outcome], noisy, alpha))
        for pair in pairs
    }


def _change(pair: Pair, p: float, allowed: float) -> Change:
    old, new = pair.old.mean(axis=0), pair.new.mean(axis=0)
    gained, lost = (tuple(pair.image_id[rows].tolist()) for rows in (new > old, new < old))
    return Change(pair.outcome, len(old), float(old.mean()), float(new.mean()), allowed, p, gained, lost, len(pair.old))


def _pooled(pairs: Sequence[Pair]) -> tuple[float, int]:
    """Standard deviation of the runs of all cells of an outcome together, and its degrees of freedom."""
    trainings: dict[tuple[str, ...], list[Pair]] = {}
    for pair in pairs:
        if pair.repeats:
            trainings.setdefault(pair.before.trained, []).append(pair)
    if not trainings:
        return 0.0, 0
    variances = [float(np.mean([pair.spread**2 for pair in same])) for same in trainings.values()]
    freedom = [same[0].repeats for same in trainings.values()]
    return float(np.sqrt(np.average(variances, weights=freedom))), sum(freedom)


def tolerance(pair: Pair, pooled: float, freedom: int, comparisons: int, alpha: float) -> float:
    """How far the mean of new runs of unchanged code may lie from that of the baseline's runs; see the module."""
    from scipy.stats import t

    if not pair.repeats:
        return 0.0
    quantile = float(t.ppf(1 - alpha / (2 * comparisons), freedom))
    return quantile * max(pair.spread, pooled) * float(np.sqrt(1 / len(pair.old) + 1 / len(pair.new)))
