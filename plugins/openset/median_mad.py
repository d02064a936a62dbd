"""The open-set rule ``median-mad``: known where a score stands out from those of new animals on validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from harness import OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ThresholdConfig, ThresholdRule, Values, needs_fusion, needs_matches


class MedianMadConfig(ThresholdConfig):
    """How far a score must stand out."""

    k: float = Field(3.0, ge=0, allow_inf_nan=False, description="robust standard deviations above the median")


@dataclass(frozen=True)
class MedianMad(ThresholdRule):
    """Above median + k x 1.4826 x median absolute deviation of the scores of new validation queries.

    1.4826 makes the deviation that of a normal distribution (Hampel, The Influence Curve, JASA 1974).
    """

    name = "median-mad"
    needs = (0, 3)  # with two the median is their mean, and the deviation half their difference: no spread is seen
    k: float = 3.0

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """The next number above it: more than half of the new scores can be equal, and those are not to be known."""
        from scipy.stats import median_abs_deviation

        new = values[~truth.known]
        limit = np.median(new) + self.k * median_abs_deviation(new, scale="normal")
        return float(np.nextafter(limit, np.inf))


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """A threshold from new animals alone."""
    yield OpenSetSpec(
        name="median-mad",
        fitted_on=frozenset({"new"}),
        version="1",
        config=MedianMadConfig,
        build=lambda config: MedianMad(config.score, config.per, k=config.k),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        requires=("scipy",),
        summary="known where a score is k robust deviations above the median of the new validation queries",
        licence="Apache-2.0",
        citation="Hampel, The Influence Curve and its Role in Robust Estimation, JASA 1974",
    )
