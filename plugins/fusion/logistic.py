"""The fusion ``logistic``: the mean of the two scores, each made a probability by logistic regression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import FusionSpec, hookimpl

from ._calibration import CITATION, Calibrated, CalibrationConfig
from ._scores import Floats, Standard, standard


@dataclass(frozen=True)
class Logistic:
    """1 / (1 + exp(-(slope x standardised score + intercept))); the slope is never negative."""

    standard: Standard
    slope: float
    intercept: float

    def __call__(self, values: Floats) -> Floats:
        from scipy.special import expit

        return np.asarray(expit(self.slope * self.standard(values) + self.intercept), dtype=np.float64)


def learn(scores: Floats, right: NDArray[np.bool_]) -> Logistic:
    """Platt's curve on standardised scores, with scikit-learn's penalty (C = 1), which keeps the slope finite where the
    scores separate right from wrong.

    A score that is higher for wrong pairs is ignored: its curve is the share of right pairs everywhere.
    """
    from sklearn.linear_model import LogisticRegression

    scale, share = standard(scores), float(right.mean())
    curve = LogisticRegression(tol=1e-8, max_iter=1000).fit(scale(scores)[:, None], right)
    slope = float(curve.coef_[0, 0])
    if slope <= 0:
        return Logistic(scale, 0.0, float(np.log(share / (1 - share))))
    return Logistic(scale, slope, float(curve.intercept_[0]))


@hookimpl
def harness_fusions() -> Iterator[FusionSpec]:
    """Offer ``logistic``."""
    yield FusionSpec(
        name="logistic",
        version="1",
        config=CalibrationConfig,
        build=lambda config: Calibrated(learn, config.local, config.weight),
        requires=("sklearn=scikit-learn", "scipy"),
        summary="mean of cosine and local score, each calibrated by logistic regression on validation",
        licence="Apache-2.0",
        citation=f"{CITATION}; Platt, Probabilistic outputs for support vector machines, 1999",
    )
