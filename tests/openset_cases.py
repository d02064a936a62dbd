"""Queries for tests of the open-set metrics, and every metric of them from its definition."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from harness.answers import Decisions
from harness.metrics.intervals import Estimate
from harness.metrics.openset import open_set
from harness.types import NEW


@dataclass(frozen=True)
class Case:
    """Queries with all that the metrics look at."""

    confidence: np.ndarray
    right: np.ndarray
    identity: np.ndarray
    known: np.ndarray
    probability: np.ndarray
    at: float = 0.5

    def estimates(self) -> dict[str, Estimate]:
        n = len(self.known)
        answers = np.where(self.confidence < self.at, NEW, np.where(self.right, self.identity, "somebody else"))
        ids = np.array([f"q{i}" for i in range(n)], dtype=np.str_)
        made = Decisions(ids, answers.astype(np.str_), self.confidence, self.probability)
        return open_set(made, self.right, self.identity, self.known)

    def take(self, rows: np.ndarray) -> Case:
        columns = ("confidence", "right", "identity", "known", "probability")
        return replace(self, **{name: getattr(self, name)[rows] for name in columns})


def herd(seed: int = 0, count: int = 300) -> Case:
    """Confidence with many ties, 30 known and 12 new individuals."""
    rng = np.random.default_rng(seed)
    known = rng.random(count) < 0.7
    identity = np.where(known, rng.integers(0, 30, count), 100 + rng.integers(0, 12, count)).astype(str)
    confidence = np.round(rng.normal(0.8 * known, 1), 1)
    return Case(confidence, known & (rng.random(count) < 0.7), identity, known, rng.random(count))


def brute(case: Case, edges: np.ndarray) -> dict[str, float]:
    """Every metric from its definition, threshold by threshold; probabilities up to edges[i] are in bin i."""
    known, new = case.known, ~case.known
    thresholds = [np.inf, *np.unique(case.confidence)[::-1]]
    kept = [case.confidence >= t for t in thresholds]
    hits = [(k & case.right)[known].mean() for k in kept]
    alarms = [k[new].sum() for k in kept]
    share = [a / new.sum() for a in alarms]
    pairs = [(a > b) + (a == b) / 2 for a in case.confidence[known] for b in case.confidence[new]]
    enough = next(i for i, k in enumerate(kept) if 20 * k[known].sum() >= 19 * known.sum())
    balanced = [(by_individual(case, k & case.right, known), by_individual(case, ~k, new)) for k in kept]
    said = case.confidence >= case.at
    bins = [case.probability <= edge for edge in (*edges, np.inf)]
    bins = [b & ~before for b, before in zip(bins, [np.zeros_like(known), *bins], strict=False)]
    gaps = [abs((case.probability - known)[b].sum()) for b in bins]
    named, rejected = by_individual(case, said & case.right, known), by_individual(case, ~said, new)
    return {
        "AUROC": float(np.mean(pairs)),
        "FPR95": share[enough],
        "OSCR": float(np.trapezoid(hits, share)),
        "DIR@FAR1": max(h for h, a in zip(hits, alarms, strict=True) if 100 * a <= new.sum()),
        "DIR@FAR10": max(h for h, a in zip(hits, alarms, strict=True) if 10 * a <= new.sum()),
        "BAKS": named,
        "BAUS": rejected,
        "BAKS-BAUS mean": float(np.sqrt(named * rejected)),
        "BAKS-BAUS area": -float(np.trapezoid([b for b, _ in balanced], [u for _, u in balanced])),
        "calibration error": sum(gaps) / len(known),
    }


def by_individual(case: Case, outcome: np.ndarray, of: np.ndarray) -> float:
    return float(np.mean([outcome[case.identity == name].mean() for name in np.unique(case.identity[of])]))


def edges_of(case: Case) -> np.ndarray:
    return np.quantile(case.probability, np.arange(1, 15) / 15)
