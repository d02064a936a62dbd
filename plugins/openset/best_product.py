"""The open-set rule ``best-product``: the threshold with the best sqrt(BAKS x BAUS) on validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ThresholdConfig, ThresholdRule, Values, between, needs_fusion, needs_matches


@dataclass(frozen=True)
class BestProduct(ThresholdRule):
    """The threshold with the largest geometric mean of balanced accuracy on known and on new queries.

    Known queries count only where the first answer is right, since no threshold makes a wrong one right; each
    individual counts alike. Among equally good thresholds the highest is taken (Adam et al., AnimalCLEF 2025).
    """

    name = "best-product"

    def counts(self, truth: QueryTruth) -> tuple[int, int]:
        """Known queries whose first answer is right, and new ones."""
        return int(truth.right.sum()), int((~truth.known).sum())

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """Half-way between the lowest score that is taken for known and the next lower one."""
        from sklearn.metrics import roc_curve

        # BAKS is the true rate of the right ones times a constant, the share that is right: it moves no maximum.
        rows = truth.right | ~truth.known
        false_rate, true_rate, thresholds = roc_curve(
            truth.known[rows], values[rows], sample_weight=_each_alike(truth)[rows], drop_intermediate=False
        )
        product = np.round(true_rate * (1 - false_rate), 12)  # equally good ones must not be told apart by float noise
        return between(values, thresholds[int(np.argmax(product))])


def _each_alike(truth: QueryTruth) -> NDArray[np.float64]:
    """1 / queries of the individual, for each query [q]."""
    _, code, counts = np.unique(truth.identity, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[code], dtype=np.float64)


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """The threshold that the challenge's measure asks for."""
    yield OpenSetSpec(
        name="best-product",
        version="1",
        config=ThresholdConfig,
        build=lambda config: BestProduct(config.score, config.per),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        requires=("sklearn=scikit-learn",),
        summary="known where a score reaches the threshold with the best sqrt(BAKS x BAUS) on validation",
        licence="Apache-2.0",
        citation="Adam et al., AnimalCLEF 2025",
    )
