"""The open-set rule ``threshold``: known where one score reaches a threshold fitted on validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import CellFailed, Config, OpenSetSpec, QueryScores, hookimpl

Score = Literal["auto", "cosine", "margin", "count", "normalised-count"]


class ThresholdConfig(Config):
    """Which score is compared."""

    score: Score = Field("auto", description="auto: normalised-count where the cell has a matcher, else cosine")


@dataclass(frozen=True)
class Threshold:
    """Known where ``score >= threshold``. ``threshold`` is NaN before :meth:`fit`."""

    score: Score
    threshold: float = float("nan")

    def fit(self, scores: QueryScores, known: NDArray[np.bool_]) -> Self:
        """The threshold with the best balanced accuracy of known against new (Youden's J) on validation.

        It is put half-way to the next lower score, so that it does not hang on one query; among equally good ones the
        highest is taken. Where no threshold is better than none, every query is new.

        Raises:
            CellFailed: validation holds no known, or no new, query; or the cell does not have the score.
        """
        from sklearn.metrics import roc_curve

        if known.all() or not known.any():
            raise CellFailed(
                f"a threshold cannot be fitted: validation has {int(known.sum())} known and {int((~known).sum())} new "
                "queries",
                "Raise protocol.validation_images or protocol.validation_individuals.",
            )
        values = self._values(scores)
        false_rate, true_rate, thresholds = roc_curve(known, values, drop_intermediate=False)
        youden = np.round(true_rate - false_rate, 12)  # equally good ones must not be told apart by float noise
        chosen = thresholds[int(np.argmax(youden))]
        below = values[values < chosen]
        if not np.isfinite(chosen):  # nothing separates: roc_curve's first point, above every score
            return replace(self, threshold=float(np.nextafter(values.max(), np.inf)))
        return replace(self, threshold=float((chosen + below.max()) / 2) if len(below) else float(chosen))

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """(known [q], the score itself as confidence [q]).

        Raises:
            CellFailed: the rule has not been fitted, or the cell does not have the score.
        """
        if np.isnan(self.threshold):
            raise CellFailed(
                "the threshold rule is asked before it is fitted", "Call fit() on validation scores first."
            )
        values = self._values(scores)
        return values >= self.threshold, values

    def _values(self, scores: QueryScores) -> NDArray[np.float64]:
        name = self.score
        if name == "auto":
            name = "normalised-count" if "normalised-count" in scores.columns else "cosine"
        if name not in scores.columns:
            raise CellFailed(
                f"the threshold rule needs {name!r}, but the cell has {', '.join(scores.columns)}",
                "Give the cell a matcher, or write threshold[score=auto].",
            )
        return scores.columns[name]


@hookimpl
def harness_openset_rules() -> Iterator[OpenSetSpec]:
    """The study's rule, with a threshold that is fitted."""
    yield OpenSetSpec(
        name="threshold",
        version="1",
        config=ThresholdConfig,
        build=lambda config: Threshold(config.score),
        needs_matches=lambda config: config.score in ("count", "normalised-count"),
        requires=("sklearn=scikit-learn",),
        summary="known where a score reaches a threshold, fitted on validation (best balanced accuracy)",
        licence="Apache-2.0",
        citation="Kanally & Hargis (normalised match count); Youden, Index for rating diagnostic tests, Cancer 1950",
    )
