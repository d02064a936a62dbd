"""The open-set rule ``quantile``: a threshold that keeps a given share of the known validation queries."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from harness import OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ThresholdConfig, ThresholdRule, Values, needs_fusion, needs_matches


class QuantileConfig(ThresholdConfig):
    """How many known animals are to be recognised as such."""

    keep: float = Field(0.95, gt=0, le=1, description="share of the known validation queries that is said to be known")


@dataclass(frozen=True)
class Quantile(ThresholdRule):
    """The highest threshold that at least the share ``keep`` of the known validation queries reaches."""

    name = "quantile"
    needs = (1, 0)
    keep: float = 0.95

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """The score of the last known query that is kept."""
        known = np.sort(values[truth.known])[::-1]
        kept = math.ceil(round(self.keep * len(known), 9))  # 0.07 x 100 is a little more than 7
        return float(known[max(kept, 1) - 1])


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """A threshold from known animals alone."""
    yield OpenSetSpec(
        name="quantile",
        fitted_on=frozenset({"known"}),
        version="1",
        config=QuantileConfig,
        build=lambda config: Quantile(config.score, config.per, keep=config.keep),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        summary="known where a score reaches a threshold that keeps a share of the known validation queries",
        licence="Apache-2.0",
    )
