"""The open-set rule ``threshold``: known where one score reaches a threshold fitted on validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness import OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ThresholdConfig, ThresholdRule, Values, between, needs_fusion, needs_matches


@dataclass(frozen=True)
class Threshold(ThresholdRule):
    """The threshold with the best balanced accuracy of known against new (Youden's J).

    Among equally good ones the highest is taken. Where no threshold is better than none, every query is new.
    """

    name = "threshold"

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """Half-way between the lowest score that is taken for known and the next lower one."""
        from sklearn.metrics import roc_curve

        false_rate, true_rate, thresholds = roc_curve(truth.known, values, drop_intermediate=False)
        youden = np.round(true_rate - false_rate, 12)  # equally good ones must not be told apart by float noise
        return between(values, thresholds[int(np.argmax(youden))])


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """The study's rule, with a threshold that is fitted."""
    yield OpenSetSpec(
        name="threshold",
        version="1",
        config=ThresholdConfig,
        build=lambda config: Threshold(config.score, config.per),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        requires=("sklearn=scikit-learn",),
        summary="known where a score reaches a threshold, fitted on validation (best balanced accuracy)",
        licence="Apache-2.0",
        citation="Kanally & Hargis (normalised match count); Youden, Index for rating diagnostic tests, Cancer 1950",
    )
