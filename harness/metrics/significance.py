"""Is the difference of two rows a finding? Paired tests on the same queries, and the correction for many of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Estimate, mean

FLIPS = 9999
"""Random sign patterns of a test; with few identities all patterns are looked at."""
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
    first: NDArray[np.float64], second: NDArray[np.float64], identity: NDArray[np.str_], seed: int = 0
) -> Paired:
    """Compare two rows by their outcomes [q] (1 right, 0 wrong) on the same queries; ``identity`` [q].

    Raises:
        ValueError: no query, or outcomes of unequal length.
    """
    if not len(first) or not len(first) == len(second) == len(identity):
        raise ValueError(f"{len(first)}, {len(second)} outcomes of {len(identity)} queries cannot be compared")
    gain = first - second
    better, worse = int((gain > 0).sum()), int((gain < 0).sum())
    return Paired(mean(gain, identity), better, worse, sign_flip(gain, identity, seed), mcnemar(better, worse))


def sign_flip(gain: NDArray[np.float64], identity: NDArray[np.str_], seed: int = 0) -> float:
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
        lambda values, axis: values.sum(axis=axis),
        permutation_type="samples",
        n_resamples=FLIPS,
        vectorized=True,
        batch=1000,
        rng=np.random.default_rng([seed, 11]),
    )
    return float(min(found.pvalue, 1.0))


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
