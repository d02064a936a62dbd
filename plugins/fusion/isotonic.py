"""The fusion ``isotonic``: the mean of the two scores, each made a probability by isotonic regression."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness import FusionSpec, hookimpl

from ._calibration import CITATION, Calibrated, CalibrationConfig
from ._scores import Floats


@dataclass(frozen=True, eq=False)
class Steps:
    """A rising line through (``scores``, ``probabilities``), both [n], level beyond its ends."""

    scores: Floats
    probabilities: Floats

    def __call__(self, values: Floats) -> Floats:
        return np.interp(values, self.scores, self.probabilities)


def learn(scores: Floats, right: NDArray[np.bool_]) -> Steps:
    """The rising curve nearest to the truth in squares (pool adjacent violators; Zadrozny and Elkan, KDD 2002).

    It has level stretches, on which candidates tie in this source; where both sources tie, the global score decides. A
    score that is higher for wrong pairs gives one level line, and so has no say.
    """
    from sklearn.isotonic import IsotonicRegression

    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, right.astype(np.float64))
    return Steps(np.asarray(curve.X_thresholds_, np.float64), np.asarray(curve.y_thresholds_, np.float64))


@hookimpl
def harness_fusions() -> Iterator[FusionSpec]:
    """Offer ``isotonic``."""
    yield FusionSpec(
        name="isotonic",
        version="1",
        config=CalibrationConfig,
        build=lambda config: Calibrated(learn, config.local, config.weight),
        requires=("sklearn=scikit-learn",),
        summary="mean of cosine and local score, each calibrated by isotonic regression on validation",
        licence="Apache-2.0",
        citation=CITATION,
    )
