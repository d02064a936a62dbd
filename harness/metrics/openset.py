"""Open-set metrics: BAKS and BAUS of the decisions, AUROC of their confidence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Estimate, interval, mean, resamples, rows_a_block
from harness.types import NEW, Decisions


def baks(decisions: Decisions, identity: NDArray[np.str_], known: NDArray[np.bool_]) -> Estimate:
    """Balanced accuracy on known samples: a known query is right when it is answered with its own identity.

    Averaged over the known individuals, each of which counts alike (Adam et al., AnimalCLEF 2025).
    """
    right = (decisions.identities == identity).astype(np.float64)
    return mean(right[known], identity[known], weighted=False)


def baus(decisions: Decisions, identity: NDArray[np.str_], known: NDArray[np.bool_]) -> Estimate:
    """Balanced accuracy on unknown samples: a new query is right when it is answered NEW; averaged over the new
    individuals, each of which counts alike (Adam et al., AnimalCLEF 2025)."""
    right = (decisions.identities == NEW).astype(np.float64)
    return mean(right[~known], identity[~known], weighted=False)


def auroc(confidence: NDArray[np.float64], identity: NDArray[np.str_], known: NDArray[np.bool_]) -> Estimate:
    """Area under the ROC curve of known (positive) against new queries; None where one kind is missing.

    A pair of a known and a new query counts 1 where the known one has the higher confidence, 1/2 where they are equal
    (Hanley and McNeil, Radiology 1982). The interval comes from resampling the individuals of each kind; wins are
    summed by individual, so that the area of a resample is a bilinear form of its draw counts. It is None where a kind
    has a single individual.
    """
    from sklearn.metrics import roc_auc_score

    n = len(known)
    if known.all() or not known.any():
        return Estimate(None, 0)
    value = float(roc_auc_score(known, confidence))
    sizes = [np.unique(identity[mask], return_counts=True)[1].astype(np.float64) for mask in (known, ~known)]
    clusters = [len(size) for size in sizes]
    if min(clusters) < 2:
        return Estimate(value, n)
    wins, block = _wins(confidence, identity, known), rows_a_block(max(clusters))
    draws = [
        ((a @ wins) * b).sum(axis=1) / ((a @ sizes[0]) * (b @ sizes[1]))
        for a, b in zip(resamples(clusters[0], 0, block), resamples(clusters[1], 1, block), strict=True)
    ]
    return Estimate(value, n, *interval(np.concatenate(draws)))


def _wins(confidence: NDArray[np.float64], identity: NDArray[np.str_], known: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pairs won by each (known individual, new individual): [i, j]; ties count half."""
    (_, of_known), (_, of_new) = (np.unique(identity[mask], return_inverse=True) for mask in (known, ~known))
    new = np.sort(confidence[~known])
    order = np.argsort(confidence[~known], kind="stable")
    owner = of_new[order]
    wins = np.zeros((of_known.max() + 1, of_new.max() + 1))
    for row, score in zip(of_known, confidence[known], strict=True):
        below, equal = np.searchsorted(new, score, "left"), np.searchsorted(new, score, "right")
        wins[row] += np.bincount(owner[:below], minlength=wins.shape[1])
        wins[row] += 0.5 * np.bincount(owner[below:equal], minlength=wins.shape[1])
    return wins
