"""Several matchers on the same pairs of views: precision and recall with intervals, and recall at equal precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.matcher_training.quality import Answers, precision_recall, threshold_at
from harness.metrics.intervals import Estimate, interval, resamples

Column = NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """A matcher on p pairs of views, beside the first one of its table.

    ``precision`` and ``recall`` at its own threshold; ``recall_at``: its recall when only its surest matches count, so
    many that they are as precise as those of the first; ``gain``: how much more that is than the first one's recall.
    Each with a 95 % interval, bootstrapped over individuals.
    """

    name: str
    precision: Estimate
    recall: Estimate
    recall_at: Estimate
    gain: Estimate


def compared(names: Sequence[str], found: Sequence[Answers], individual: NDArray[np.int64]) -> list[Quality]:
    """The quality of each matcher; ``individual`` int64 [p] is that of each pair. The thresholds for equal precision
    are chosen on all pairs and stay as they are in every resample."""
    clusters = np.unique(individual, return_inverse=True)[1]
    target = precision_recall(found[0])[0]
    base = _Shares(found[0], 0.0, clusters)
    out = []
    for name, answers in zip(names, found, strict=True):
        own = _Shares(answers, 0.0, clusters)
        level = own if answers is found[0] else _Shares(answers, threshold_at(answers, target), clusters)
        gain = _estimate(level.recall - base.recall, len(individual))
        out.append(
            Quality(
                name,
                _estimate(own.precision, len(individual)),
                _estimate(own.recall, len(individual)),
                _estimate(level.recall, len(individual)),
                gain,
            )
        )
    return out


class _Shares:
    """Precision and recall of the answers above a threshold: of all pairs first, then of every resample of clusters."""

    def __init__(self, answers: Answers, threshold: float, clusters: NDArray[np.int64]) -> None:
        columns = (*answers.above(threshold), answers.true)
        totals = np.stack([np.bincount(clusters, weights=column) for column in columns], axis=1)
        drawn = np.concatenate([weights @ totals for weights in resamples(len(totals), 0)])
        right, said, recalled, true = np.concatenate([totals.sum(axis=0, keepdims=True), drawn]).T
        with np.errstate(invalid="ignore", divide="ignore"):
            self.precision: Column = right / said
            self.recall: Column = recalled / true


def _estimate(values: Column, n: int) -> Estimate:
    """Of a number and its resamples."""
    if not np.isfinite(values[0]):
        return Estimate(None, n)
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = interval(drawn) if len(drawn) else (None, None)
    return Estimate(float(values[0]), n, low, high)
