"""Which differences are findings: rows compared per query, and corrected for the number of comparisons in a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.leaderboard.tables import ranked, recipe, training
from harness.metrics.intervals import Estimate
from harness.metrics.ranking import within
from harness.metrics.significance import ALPHA, Paired, against_best, compare, holm
from harness.record import RunRecord, unpack_hits
from harness.results import Queries

Queried = Mapping[str, Queries]
"""Protocol hash -> its queries."""


@dataclass(frozen=True)
class Difference:
    """A row against another in R-1: ``test`` per known query, ``p`` corrected for the comparisons of its family."""

    row: RunRecord
    other: RunRecord
    test: Paired
    p: float

    @property
    def finding(self) -> bool:
        """Whether the difference is significant at 5 % for all comparisons of the family together."""
        return self.p < ALPHA

    @property
    def text(self) -> str:
        """Difference in points with interval and p, for tables."""
        return f"{points(self.test.difference)}, p {self.p:.2g}{' *' if self.finding else ''}"


@dataclass(frozen=True)
class Differences:
    """By recipe: each row against its own coarse ranking, and against the best row of the table."""

    coarse: Mapping[tuple[str, ...], Difference]
    best: Mapping[tuple[str, ...], Difference]


@dataclass(frozen=True)
class Arm:
    """What one way of re-ranking does to the backbones of a table, in R-1 against their coarse rankings."""

    matcher: str
    fusion: str
    rows: int
    better: int
    worse: int
    mean: float
    least: float
    most: float


def differences(group: Iterable[RunRecord], queries: Queries | None) -> Differences:
    """All comparisons of a table; empty where the queries were not kept.

    Two families: re-ranked rows against the coarse ranking of the same backbone, loss, training and seed (sign-flip
    test by identity, Holm's correction), and all rows against the best one (range test, which allows for the choice).
    """
    rows = [r for r in ranked(group) if r.kind != "reference" and comparable(r, queries)]
    if queries is None or not rows:
        return Differences({}, {})
    coarse = {_backbone(r): r for r in rows if r.fusion == "none"}
    pairs = [(r, coarse[_backbone(r)]) for r in rows if r.fusion != "none" and _backbone(r) in coarse]
    known = _Known(queries)
    return Differences(_against_coarse(pairs, known), _against_best(rows, known))


def comparable(record: RunRecord, queries: Queries | None) -> bool:
    """Whether the row holds an outcome for each of these queries."""
    return queries is not None and bool(record.first_hits) and len(unpack_hits(record.first_hits)) == len(queries)


def arms(found: Differences) -> list[Arm]:
    """The ways of re-ranking, those that never make a backbone worse first."""
    groups: dict[tuple[str, str], list[Difference]] = {}
    for difference in found.coarse.values():
        groups.setdefault((difference.row.matcher, difference.row.fusion), []).append(difference)
    return sorted((_arm(*name, group) for name, group in groups.items()), key=lambda arm: (arm.worse, -arm.mean))


def _arm(matcher: str, fusion: str, group: Sequence[Difference]) -> Arm:
    gains = [100 * (difference.test.difference.value or 0.0) for difference in group]
    signs = [np.sign(gain) for gain, difference in zip(gains, group, strict=True) if difference.finding]
    mean = float(np.mean(gains))
    return Arm(matcher, fusion, len(group), signs.count(1), signs.count(-1), mean, min(gains), max(gains))


def points(estimate: Estimate) -> str:
    """A difference in points with its interval; a dash for nothing."""
    if estimate.value is None:
        return "-"
    value = f"{100 * estimate.value:+.1f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({100 * estimate.low:+.1f} to {100 * estimate.high:+.1f})"


def _against_coarse(pairs: Sequence[tuple[RunRecord, RunRecord]], known: _Known) -> dict[tuple[str, ...], Difference]:
    tests = [_compared(row.first_hits, other.first_hits, known, len(pairs)) for row, other in pairs]
    corrected = holm([test.p_identity for test in tests])
    rows = zip(pairs, tests, corrected, strict=True)
    return {recipe(row): Difference(row, other, test, p) for (row, other), test, p in rows}


def _against_best(rows: Sequence[RunRecord], known: _Known) -> dict[tuple[str, ...], Difference]:
    if not known.rows.any():
        return {}
    right = np.stack([_right(row.first_hits, known) for row in rows])
    best = int(right.mean(axis=1).argmax())
    p_values = against_best(right, known.identity)
    return {
        recipe(row): Difference(row, rows[best], _compared(row.first_hits, rows[best].first_hits, known, 1), float(p))
        for place, (row, p) in enumerate(zip(rows, p_values, strict=True))
        if place != best
    }


def _right(first_hits: str, known: _Known) -> NDArray[np.float64]:
    return within(unpack_hits(first_hits), 1)[known.rows]


class _Known:
    """The known queries, equal where image ids are: a key for remembered comparisons."""

    def __init__(self, queries: Queries) -> None:
        self.rows: NDArray[np.bool_] = queries.known
        self.identity = queries.identity[queries.known]
        self._key = hash((queries.image_id.tobytes(), queries.known.tobytes(), queries.identity.tobytes()))

    def __hash__(self) -> int:
        return self._key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Known) and self._key == other._key


@lru_cache(maxsize=4096)
def _compared(first: str, second: str, known: _Known, comparisons: int) -> Paired:
    """The test of two packed rows; a run writes its leaderboard more than once."""
    if not known.rows.any():
        return Paired(Estimate(None, 0), 0, 0, 1.0, 1.0)
    return compare(_right(first, known), _right(second, known), known.identity, comparisons)


def _backbone(record: RunRecord) -> tuple[str, ...]:
    return (record.kind, record.backbone, record.loss, training(record), str(record.seed))
