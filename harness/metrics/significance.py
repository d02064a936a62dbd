"""Is the difference of two rows a finding? Paired tests on the same queries, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Estimate, mean, resamples

FLIPS = 9999
"""Random sign patterns of a test, at least; with few identities all patterns are looked at."""
FLIPS_A_COMPARISON = 100
"""Random sign patterns for each comparison of a family, so that the least p-value stays small after the correction."""
ALPHA = 0.05


@dataclass(frozen=True)
class Paired:
    """Two rows on the same queries.

    ``difference``: mean outcome of the first less that of the second, with its interval. ``better`` / ``worse``:
    queries on which the first is right and the second wrong, and the other way round. ``p_identity``: sign-flip test by
    identity. ``p_mcnemar``: exact McNemar test, which takes queries for independent. Both are two-sided.
    """

    difference: Estimate
    better: int
    worse: int
    p_identity: float
    p_mcnemar: float


def compare(
    first: NDArray[np.float64], second: NDArray[np.float64], identity: NDArray[np.str_], comparisons: int = 1
) -> Paired:
    """Compare two rows by their outcomes [q] (1 right, 0 wrong) on the same queries; ``identity`` [q].

    Args:
        comparisons: how many are made in the family, and will be corrected for.

    Raises:
        ValueError: no query, or outcomes of unequal length.
    """
    if not len(first) or not len(first) == len(second) == len(identity):
        raise ValueError(f"{len(first)}, {len(second)} outcomes of {len(identity)} queries cannot be compared")
    gain = first - second
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    flips = max(FLIPS, FLIPS_A_COMPARISON * comparisons)
    return Paired(mean(gain, identity), better, worse, sign_flip(gain, identity, flips), mcnemar(better, worse))


def sign_flip(gain: NDArray[np.float64], identity: NDArray[np.str_], flips: int = FLIPS, seed: int = 0) -> float:
    """Two-sided p-value of "the two rows are equally good", from flipping the sign of whole identities.

    Photographs of one animal are not independent, so all the differences of an identity flip together. Fisher's
    randomisation test; Phipson and Smyth (2010): the observed pattern counts as one of the random ones, so that p is
    never 0.
    """
    from scipy.stats import permutation_test

    _, code = np.unique(identity, return_inverse=True)
    sums = np.bincount(code, gain)
    sums = sums[sums != 0]  # an identity without a difference is the same under either sign
    if len(sums) < 2:
        return 1.0  # one identity, or none: flipping it gives the same size of difference
    found = permutation_test(
        (sums,),
        lambda values, axis: np.abs(values.sum(axis=axis)),
        permutation_type="samples",
        alternative="greater",  # of the size of the difference: both sides
        n_resamples=flips,
        vectorized=True,
        batch=1000,
        rng=np.random.default_rng([seed, 11]),
    )
    return float(min(found.pvalue, 1.0))


def against_best(outcomes: NDArray[np.float64], identity: NDArray[np.str_], seed: int = 0) -> NDArray[np.float64]:
    """P-values [rows] of "this row is as good as the best one", by outcomes [rows, q] and ``identity`` [q].

    The best row is chosen by the very numbers that it is then compared with, so that a plain paired test would call too
    many others worse. Here the difference to the best is held against how far the best and the worst of equally good
    rows lie apart by chance: the range of all rows' means, each less its own mean, over resamples of identities
    (Tukey's range test; resampled as Westfall and Young, Resampling-Based Multiple Testing, 1993). It needs no further
    correction.
    """
    _, code, counts = np.unique(identity, return_inverse=True, return_counts=True)
    sums = np.stack([np.bincount(code, row) for row in outcomes], axis=1)
    means = outcomes.mean(axis=1)
    drawn = [(weights @ sums) / (weights @ counts)[:, None] - means for weights in resamples(len(counts), seed)]
    ranges = np.ptp(np.concatenate(drawn), axis=1)
    behind = means.max() - means
    reached = (ranges[:, None] >= behind - 1e-12).sum(axis=0)
    return np.asarray((1 + reached) / (1 + len(ranges)), np.float64)


def mcnemar(better: int, worse: int) -> float:
    """Two-sided exact p-value of McNemar's test (Psychometrika 1947): are the discordant queries a fair coin?"""
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse, 0.5).pvalue) if better + worse else 1.0


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for their number, so that the chance of any false finding stays below alpha.

    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 1979.
    """
    order = np.argsort(p_values, kind="stable")
    corrected = np.empty(len(p_values))
    highest = 0.0
    for place, index in enumerate(order):
        highest = max(highest, min(1.0, (len(order) - place) * p_values[index]))
        corrected[index] = highest
    return [float(p) for p in corrected]
