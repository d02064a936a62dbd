"""Intervals: a bootstrap over identities, since photographs of one animal are not independent."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its sample size and interval; all but ``n`` are None where there is nothing to estimate."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a record."""
        return asdict(self)


def mean(outcomes: NDArray[np.float64], clusters: NDArray[np.str_], weighted: bool = True, seed: int = 0) -> Estimate:
    """The mean of outcomes [n] with a percentile interval from resampling whole clusters (identities) [n].

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 8.

    Args:
        outcomes: one number a query.
        clusters: the identity of each query.
        weighted: True: every query counts alike; False: every identity counts alike (balanced, macro average).
        seed: of the resampling.

    Returns:
        ``low`` and ``high`` are None where there is a single identity: nothing can be resampled.
    """
    n = len(outcomes)
    if n == 0:
        return Estimate(None, 0)
    _, code = np.unique(clusters, return_inverse=True)
    totals: NDArray[np.float64] = np.bincount(code, outcomes).astype(np.float64)
    counts = np.bincount(code).astype(np.float64)
    if not weighted:
        totals, counts = totals / counts, np.ones(len(counts))
    value = float(totals.sum() / counts.sum())
    if len(totals) < 2:
        return Estimate(value, n)
    draws = np.concatenate([(w @ totals) / (w @ counts) for w in resamples(len(totals), seed)])
    return Estimate(value, n, *interval(draws))


def rows_a_block(clusters: int) -> int:
    """How many resamples of so many clusters are held at once: 32 MB of counts."""
    return max(1, min(RESAMPLES, 4_000_000 // clusters))


def resamples(clusters: int, seed: int, block: int | None = None) -> Iterator[NDArray[np.float64]]:
    """How often each cluster is drawn when as many as there are are drawn with replacement.

    RESAMPLES rows in all, float64 [block, clusters] at a time.
    """
    rng = np.random.default_rng([seed, 7])
    size = block or rows_a_block(clusters)
    for start in range(0, RESAMPLES, size):
        rows = min(size, RESAMPLES - start)
        drawn = rng.integers(clusters, size=(rows, clusters)) + clusters * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * clusters).reshape(rows, clusters).astype(np.float64)


def interval(draws: NDArray[np.float64]) -> tuple[float, float]:
    """The central share ``LEVEL`` of the draws."""
    low, high = np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
