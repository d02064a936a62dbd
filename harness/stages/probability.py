"""A rule's confidence brought to a probability of "known", learnt on validation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Probability:
    """Platt scaling: P(known) = 1 / (1 + exp(-(intercept + slope x (confidence - centre) / scale))).

    Platt, Probabilistic Outputs for Support Vector Machines, 1999. It takes known animals to be as common among queries
    as they are in validation. ``slope`` is never below 0, so that a higher confidence is never less probable; where it
    is 0 every query gets the same probability, the share of known validation queries.
    """

    intercept: float
    slope: float = 0.0
    centre: float = 0.0
    scale: float = 1.0

    @classmethod
    def fit(cls, confidence: NDArray[np.float64], known: NDArray[np.bool_]) -> Self:
        """Learn from validation queries [q], by logistic regression (C = 1) on the standardised confidence.

        The plain share of known queries is given where nothing can be learnt: one kind is missing, the confidence is
        the same everywhere, or known animals are the less confident ones; 1/2 without any query.
        """
        from scipy.special import logit
        from sklearn.linear_model import LogisticRegression

        share = float(known.mean()) if len(known) else 0.5
        constant = cls(float(logit(share)))
        # The deviation of equal numbers can be rounded to more than 0, that of all but equal ones to 0: ask for both.
        if known.all() or not known.any() or np.ptp(confidence) == 0 or confidence.std() == 0:
            return constant
        centre, scale = float(confidence.mean()), float(confidence.std())
        standard = (confidence - centre) / scale
        model = LogisticRegression(C=1.0, tol=1e-8).fit(standard[:, None], known)
        slope = float(model.coef_[0, 0])
        return cls(float(model.intercept_[0]), slope, centre, scale) if slope > 0 else constant

    def of(self, confidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """P(known) of each query, float64 [q] in [0, 1]."""
        from scipy.special import expit

        return np.asarray(expit(self.intercept + self.slope * ((confidence - self.centre) / self.scale)), np.float64)
