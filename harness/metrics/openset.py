"""Open-set metrics: how well known animals are told from new ones, and named, at one threshold and at all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions
from harness.metrics.calibration import Calibration
from harness.metrics.curves import Curves
from harness.metrics.intervals import Column, Estimate, interval, mean, resamples, rows_a_block
from harness.types import NEW

NAMES = (
    "AUROC",
    "FPR95",
    "OSCR",
    "DIR@FAR1",
    "DIR@FAR10",
    "BAKS",
    "BAUS",
    "BAKS-BAUS mean",
    "BAKS-BAUS area",
    "calibration error",
)
"""The metrics of :func:`open_set`, in the order of a table."""
BOTH_KINDS = tuple(name for name in NAMES if name not in ("BAKS", "BAUS"))
"""Those that need known and new queries; their n is that of all queries."""


def open_set(
    decisions: Decisions, right: NDArray[np.bool_], identity: NDArray[np.str_], known: NDArray[np.bool_]
) -> dict[str, Estimate]:
    """Every open-set metric of a cell.

    ``AUROC``, ``FPR95``, ``OSCR``, ``DIR@FAR1``, ``DIR@FAR10`` and ``BAKS-BAUS area`` look at the confidence, not at
    the threshold, and are defined in :mod:`harness.metrics.curves`; ``calibration error`` in
    :mod:`harness.metrics.calibration`. ``BAKS`` and ``BAUS`` look at the answers; ``BAKS-BAUS mean`` is their geometric
    mean sqrt(BAKS x BAUS) (Adam et al., AnimalCLEF 2025).

    Args:
        decisions: of a rule.
        right: whether the first answer of the ranking, before any rejection, shows the query's individual [q].
        identity: [q]; ``known``: whether the individual is in the gallery [q].

    Returns:
        Name -> value in [0, 1] with its interval: known and new individuals are resampled separately, each kind as many
        times as there are, with all of their photographs. A kind that is missing leaves None with n = 0; one with a
        single individual leaves no interval.
    """
    found = _both_kinds(decisions, right, identity, known)
    found |= {"BAKS": baks(decisions, identity, known), "BAUS": baus(decisions, identity, known)}
    return {name: found[name] for name in NAMES}


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
    return mean(right[~known], identity[~known], weighted=False, seed=1)


def _both_kinds(
    decisions: Decisions, right: NDArray[np.bool_], identity: NDArray[np.str_], known: NDArray[np.bool_]
) -> dict[str, Estimate]:
    """The metrics that need both kinds, drawn together: seed 0 for known individuals and seed 1 for new ones."""
    n = len(known)
    if known.all() or not known.any():
        return {name: Estimate(None, 0) for name in BOTH_KINDS}
    numbers = _Numbers(decisions, right, identity, known)
    clusters = numbers.clusters
    values = {name: float(column[0]) for name, column in numbers.of(*(np.ones((1, c)) for c in clusters)).items()}
    if min(clusters) < 2:
        return {name: Estimate(value, n) for name, value in values.items()}
    block = rows_a_block(8 * n)  # of the widest array, so small that a block stays in the processor's cache
    drawn = zip(*(resamples(c, seed, block) for seed, c in enumerate(clusters)), strict=True)
    blocks = [numbers.of(a, b) for a, b in drawn]
    bounds = {name: interval(np.concatenate([part[name] for part in blocks])) for name in BOTH_KINDS}
    return {name: Estimate(value, n, *bounds[name]) for name, value in values.items()}


class _Numbers:
    """All metrics of both kinds as functions of how often each individual is drawn."""

    def __init__(
        self, decisions: Decisions, right: NDArray[np.bool_], identity: NDArray[np.str_], known: NDArray[np.bool_]
    ) -> None:
        self.curves = Curves.of(decisions.confidence, right, identity, known)
        self.calibration = Calibration.of(decisions.probability, identity, known)
        self.named = _share(decisions.identities == identity, identity, known)
        self.rejected = _share(decisions.identities == NEW, identity, ~known)
        self.clusters = len(self.named), len(self.rejected)

    def of(self, known: Column, new: Column) -> dict[str, Column]:
        """Each metric [rows], from draw counts [rows, known individuals] and [rows, new individuals]."""
        product = (known @ self.named / known.sum(axis=1)) * (new @ self.rejected / new.sum(axis=1))
        return {
            **self.curves.numbers(known, new),
            "BAKS-BAUS mean": np.sqrt(product),
            "calibration error": self.calibration.error(known, new),
        }


def _share(outcome: NDArray[np.bool_], identity: NDArray[np.str_], of: NDArray[np.bool_]) -> Column:
    """The share of each individual's queries that have the outcome, in the order of the identities' names."""
    _, code, counts = np.unique(identity[of], return_inverse=True, return_counts=True)
    return np.asarray(np.bincount(code, outcome[of].astype(np.float64)) / counts, dtype=np.float64)
