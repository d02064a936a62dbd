"""The open-set rule ``fixed``: known where one score reaches a threshold that the grid gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from harness import OpenSetSpec, QueryTruth, hookimpl

from ._threshold import ScoreConfig, ThresholdRule, Values, needs_fusion, needs_matches


class FixedConfig(ScoreConfig):
    """The threshold, on the scale of the score."""

    at: float = Field(description="known from this score on", allow_inf_nan=False)


@dataclass(frozen=True)
class Fixed(ThresholdRule):
    """``pooled`` is given; nothing is learnt, and validation may be empty."""

    name = "fixed"
    needs = (0, 0)

    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """What was given."""
        return self.pooled


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """A threshold without a fit."""
    yield OpenSetSpec(
        name="fixed",
        fitted_on=frozenset(),
        version="1",
        config=FixedConfig,
        build=lambda config: Fixed(config.score, pooled=config.at),
        needs_matches=needs_matches,
        needs_fusion=needs_fusion,
        summary="known where a score reaches the threshold `at`; nothing is fitted",
        licence="Apache-2.0",
    )
