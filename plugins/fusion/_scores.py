"""What the fusions share: the local scores to choose from, and the pair (cosine, local evidence) that they weigh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness import CellFailed, Shortlist

Local = Literal["count", "confidence", "inliers", "normalised"]
Floats = NDArray[np.float64]
Curve = TypeVar("Curve", bound=Callable[[NDArray[np.float64]], NDArray[np.float64]])

LEAST_DEVIATION = 1e-9
"""A source that varies less than this over the validation pairs tells nothing: what varies is rounding."""


def local_score(shortlist: Shortlist, name: Local) -> Floats:
    """A local score of each candidate, float64 [q, k], zero behind padding.

    ``normalised`` is count / sqrt(keypoints of the query x keypoints of the candidate), 0 where either has none.

    Raises:
        CellFailed: the cell has no matcher.
    """
    local = shortlist.local
    if local is None:
        raise CellFailed("the fusion needs match counts, but the cell has no matcher", "Give the cell a matcher.")
    if name != "normalised":
        return np.asarray(getattr(local, name), dtype=np.float64)
    pairs = local.keypoints[:, None].astype(np.float64) * local.candidate_keypoints
    return np.where(pairs > 0, local.count / np.sqrt(np.maximum(pairs, 1)), 0.0)


def sources(shortlist: Shortlist, name: Local) -> tuple[Floats, Floats]:
    """(cosine, log(1 + local score)), each float64 [q, k]; the cosine is zero behind padding.

    The logarithm: the step from 0 to 10 matches says more than that from 200 to 210.
    """
    valid = shortlist.ranking.order >= 0
    return np.where(valid, shortlist.ranking.scores, 0.0), np.log1p(local_score(shortlist, name))


@dataclass(frozen=True)
class Standard:
    """Standardised values, (value - mean) / deviation; 0 everywhere where the deviation is 0."""

    mean: float
    deviation: float

    def __call__(self, values: Floats) -> Floats:
        if self.deviation == 0:
            return np.zeros_like(values)
        return (values - self.mean) / self.deviation


def standard(values: Floats) -> Standard:
    """Mean and (population) deviation of the values [n >= 1]; a deviation of rounding errors counts as 0."""
    deviation = float(values.std())
    return Standard(float(values.mean()), deviation if deviation > LEAST_DEVIATION else 0.0)


def fitted(curves: tuple[Curve, Curve] | None) -> tuple[Curve, Curve]:
    """What was learned of (cosine, local evidence).

    Raises:
        CellFailed: nothing was.
    """
    if curves is None:
        raise CellFailed("the fusion is asked before it is fitted", "Call fit() on validation pairs first.")
    return curves
