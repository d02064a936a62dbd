"""The open-set rule ``equal-error``: a threshold at which known and new animals are mistaken equally often."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness import OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ThresholdConfig, ThresholdRule, Values, between, needs_fusion, needs_matches


@dataclass(frozen=True)
class EqualError(ThresholdRule):
    """The threshold where the shares of known queries said to be new and of new ones said to be known differ least.

    Among equally good ones that with the fewer mistakes is taken, then the highest.
    """

    name = "equal-error"

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """Half-way between the lowest score that is taken for known and the next lower one."""
        from sklearn.metrics import roc_curve

        false_rate, true_rate, thresholds = roc_curve(truth.known, values, drop_intermediate=False)
        missed = 1 - true_rate
        # Rounded, since equally good ones must not be told apart by float noise; the sort is stable, highest first.
        best = np.lexsort((np.round(missed + false_rate, 12), np.round(np.abs(missed - false_rate), 12)))[0]
        return between(values, thresholds[best])


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """The operating point of biometrics."""
    yield OpenSetSpec(
        name="equal-error",
        version="1",
        config=ThresholdConfig,
        build=lambda config: EqualError(config.score, config.per),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        requires=("sklearn=scikit-learn",),
        summary="known where a score reaches the threshold of equal error rates on validation",
        licence="Apache-2.0",
        citation="Jain, Flynn and Ross (eds), Handbook of Biometrics, Springer 2008",
    )
