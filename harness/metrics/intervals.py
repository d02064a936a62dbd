"""Intervals: a bootstrap over identities, since photographs of one animal are not independent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 1000
LEVEL = 0.95
BLOCK_BYTES = 32_000_000
"""Most memory that the draw counts of a block of resamples take."""

Column = NDArray[np.float64]
Average = Literal["query", "identity"]


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


@dataclass(frozen=True, eq=False)
class Draws:
    """A value, the number of queries behind it, and the value of each resample (None where nothing can be drawn)."""

    value: float
    n: int
    resampled: Column | None

    def estimate(self) -> Estimate:
        """With the percentile interval."""
        if self.resampled is None:
            return Estimate(self.value, self.n)
        return Estimate(self.value, self.n, *interval(self.resampled))


def mean(outcomes: Column, clusters: NDArray[np.str_], weighted: bool = True, seed: int = 0) -> Estimate:
    """The mean of outcomes [n]: see :func:`means`. ``weighted``: every query counts alike, else every identity."""
    return means({"": outcomes}, clusters, "query" if weighted else "identity", seed)[""]


def means(
    outcomes: Mapping[str, Column], clusters: NDArray[np.str_], average: Average = "query", seed: int = 0
) -> dict[str, Estimate]:
    """The means of several outcomes, with percentile intervals from resampling whole clusters (identities) [n].

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 8.

    Args:
        outcomes: name -> one number a query [n]; NaN where a query does not count.
        clusters: the identity of each query [n].
        average: ``query``: every query counts alike; ``identity``: every identity (balanced, macro average).
        seed: of the resampling; all outcomes of a call are resampled together.

    Returns:
        ``low`` and ``high`` are None where there is a single identity: nothing can be resampled.
    """
    drawn = draw_means(outcomes, clusters, average, seed)
    return {name: found.estimate() if found else Estimate(None, 0) for name, found in drawn.items()}


def draw_means(
    outcomes: Mapping[str, Column], clusters: NDArray[np.str_], average: Average = "query", seed: int = 0
) -> dict[str, Draws | None]:
    """As :func:`means`, with the resampled values themselves; None where no query counts."""
    _, code = np.unique(clusters, return_inverse=True)
    out: dict[str, Draws | None] = dict.fromkeys(outcomes)
    families: dict[bytes, list[str]] = {}
    for name, values in outcomes.items():
        families.setdefault(np.isnan(values).tobytes(), []).append(name)
    for family in families.values():
        out |= _family({name: outcomes[name] for name in family}, code, average, seed)
    return out


def _family(
    outcomes: Mapping[str, Column], code: NDArray[np.int64], average: Average, seed: int
) -> dict[str, Draws | None]:
    """Outcomes that count the same queries. Only the identities of these are drawn, so that queries that do not count
    change nothing, not even the interval."""
    counted = ~np.isnan(next(iter(outcomes.values())))
    n = int(counted.sum())
    if not n:
        return dict.fromkeys(outcomes)
    _, own, counts = np.unique(code[counted], return_inverse=True, return_counts=True)
    sums = [np.bincount(own, values[counted]) for values in outcomes.values()]
    totals: NDArray[np.float64] = np.stack(sums, axis=1).astype(np.float64)
    weights: Column = counts.astype(np.float64)
    if average == "identity":
        totals, weights = totals / weights[:, None], np.ones(len(weights))
    values = totals.sum(axis=0) / weights.sum()
    drawn = _resampled(totals, weights, seed) if len(weights) > 1 else [None] * len(values)
    return {name: Draws(float(v), n, d) for name, v, d in zip(outcomes, values, drawn, strict=True)}


def mean_of_means(parts: list[Draws]) -> Estimate:
    """The plain average of independent means (one a data set, say), each resampled by itself.

    Without an interval where a part has none.
    """
    if not parts:
        return Estimate(None, 0)
    value, n = float(np.mean([part.value for part in parts])), sum(part.n for part in parts)
    columns = [part.resampled for part in parts if part.resampled is not None]
    if len(columns) < len(parts):
        return Estimate(value, n)
    return Draws(value, n, np.mean(columns, axis=0)).estimate()


def _resampled(totals: NDArray[np.float64], weights: Column, seed: int) -> list[Column]:
    """The ratio of drawn totals [clusters, m] to drawn weights [clusters]: m times float64 [RESAMPLES]."""
    draws = resamples(len(weights), seed)
    return list(np.concatenate([(drawn @ totals) / (drawn @ weights)[:, None] for drawn in draws]).T)


def rows_a_block(clusters: int) -> int:
    """How many resamples of so many clusters are held at once."""
    return max(1, min(RESAMPLES, BLOCK_BYTES // 8 // clusters))


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
