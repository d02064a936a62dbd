"""Calibration of the global and the local score, each to the probability that a pair is right, and their mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import CellFailed, Config, Shortlist

from ._scores import Floats, Local, fitted, sources

Curve = Callable[[Floats], Floats]
"""Scores of any shape -> probabilities of that shape; it never falls."""
CITATION = "Cermak et al., WildFusion: Individual animal identification with calibrated similarity fusion, 2024"
DECIMALS = 12
"""Scores are rounded to this: what differs by less is a tie of two sums, not an answer."""


class CalibrationConfig(Config):
    """Which local score is calibrated beside the cosine, and how much it weighs."""

    local: Local = Field("count", description="local score that is calibrated; normalised: / keypoints of the pair")
    weight: float = Field(0.5, ge=0, le=1, description="weight of the local probability; the global one has the rest")


@dataclass(frozen=True)
class Calibrated:
    """The weighted mean of two calibrated scores (WildFusion), in [0, 1].

    ``learn`` makes a curve of scores [n] and whether each is right, bool [n]. ``curves`` is None before :meth:`fit`.
    """

    learn: Callable[[Floats, NDArray[np.bool_]], Curve]
    local: Local
    weight: float
    curves: tuple[Curve, Curve] | None = None

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        """The curves of cosine and log(1 + local score) over all validation pairs, those of new animals too.

        Raises:
            CellFailed: no validation pair is right, or none is wrong; or the cell has no matcher.
        """
        valid = shortlist.ranking.order >= 0
        right = truth[valid]
        if right.all() or not right.any():
            raise CellFailed(
                f"scores cannot be calibrated: of the {len(right)} validation pairs {int(right.sum())} are right, and "
                "both right and wrong ones are needed",
                "Raise protocol.validation_images or protocol.shortlist.",
            )
        cosine, local = sources(shortlist, self.local)
        return replace(self, curves=(self.learn(cosine[valid], right), self.learn(local[valid], right)))

    def rank(self, shortlist: Shortlist) -> Floats:
        """(1 - weight) P(right | cosine) + weight P(right | local score), float64 [q, k] in [0, 1].

        Raises:
            CellFailed: it has not been fitted, or the cell has no matcher.
        """
        of_cosine, of_local = fitted(self.curves)
        cosine, local = sources(shortlist, self.local)
        mean = (1 - self.weight) * of_cosine(cosine) + self.weight * of_local(local)
        return np.clip(np.round(mean, DECIMALS), 0.0, 1.0)
