"""The open-set rule ``extreme-value``: a threshold from a model of the highest scores of new animals."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from harness import CellFailed, OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ThresholdConfig, ThresholdRule, Values, needs_fusion, needs_matches

SHORTEST = 9
"""Fewest scores that a tail has."""


class ExtremeValueConfig(ThresholdConfig):
    """How often a new animal may be taken for a known one, and what the model is fitted to."""

    false_alarms: float = Field(0.05, gt=0, lt=1, description="modelled share of new queries that is said to be known")
    tail: float = Field(
        0.25, gt=0, le=0.5, description="share of the new validation scores that the model is fitted to"
    )

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.false_alarms >= self.tail:
            raise ValueError("false_alarms must be below tail: the model knows nothing of the other scores")
        return self


@dataclass(frozen=True)
class ExtremeValue(ThresholdRule):
    """A generalised Pareto distribution fitted to the upper tail of the new validation scores, by maximum likelihood.

    The tail is the highest ``tail`` of them, but at least SHORTEST, and all that equal its last. Their excess over the
    next lower score is modelled, P(score > t) = share of the tail x P(excess > t - next lower), and solved for t
    (Pickands, Annals of Statistics 1975; Coles, An Introduction to Statistical Modeling of Extreme Values, 2001,
    section 4).
    """

    name = "extreme-value"
    needs = (0, SHORTEST + 1)
    false_alarms: float = 0.05
    tail: float = 0.25

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """The score that a new query exceeds with probability ``false_alarms``.

        Raises:
            CellFailed: too many scores are equal, or the fit gives no number.
        """
        from scipy.stats import genpareto

        new = np.sort(values[~truth.known])[::-1]
        last = new[max(math.ceil(self.tail * len(new)), SHORTEST) - 1]
        lower = new[new < last]
        if not len(lower):
            raise self._failed(f"{int((new == last).sum())} of {len(new)} have the lowest score, {last:g}")
        # Above a score, not from it: many equal ones, an excess of 0, would pull all of the model to 0.
        excess = new[new > lower[0]] - lower[0]
        unit = excess.mean()  # the search of the fit starts near 1
        shape, _, scale = genpareto.fit(excess / unit, floc=0)
        above = genpareto.isf(self.false_alarms * len(new) / len(excess), shape, scale=scale * unit)
        if not np.isfinite(above):
            raise self._failed(f"the fit gave shape {shape:g} and scale {scale:g}")
        return float(lower[0] + above)

    def _failed(self, why: str) -> CellFailed:
        return CellFailed(
            f"{self.name} cannot model the new validation queries: {why}",
            "Choose another score or rule, or raise protocol.validation_individuals.",
        )


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """A threshold for rare false alarms."""
    yield OpenSetSpec(
        name="extreme-value",
        fitted_on=frozenset({"new"}),
        version="1",
        config=ExtremeValueConfig,
        build=lambda c: ExtremeValue(c.score, c.per, false_alarms=c.false_alarms, tail=c.tail),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        requires=("scipy",),
        summary="known where a score is higher than a modelled share of new animals reaches (generalised Pareto tail)",
        licence="Apache-2.0",
        citation="Pickands, Statistical Inference Using Extreme Order Statistics, Annals of Statistics 1975",
    )
