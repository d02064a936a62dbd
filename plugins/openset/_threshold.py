"""Rules that say "known" where one score reaches a threshold: the settings, and all but the threshold itself."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import CellFailed, Config, QueryScores, QueryTruth

Score = Literal["auto", "cosine", "margin", "ratio", "count", "normalised-count", "fused"]
Values = NDArray[np.float64]
FEWEST = 10
"""A data set gets a threshold of its own where validation has so many queries of every kind that its rule looks at."""


class ScoreConfig(Config):
    """Which score is compared."""

    score: Score = Field(
        "auto",
        description="auto: normalised-count where the cell has a matcher, else cosine; fused needs a fusion",
    )


class ThresholdConfig(ScoreConfig):
    """Which score is compared, and with how many thresholds."""

    per: Literal["all", "dataset"] = Field(
        "all", description="one threshold for all queries, or one for each data set that has enough of validation"
    )


@dataclass(frozen=True)
class ThresholdRule(ABC):
    """Known where ``score >= threshold``. A subclass says what the threshold is.

    Attributes:
        score: the column that is compared.
        per: ``all`` or ``dataset``.
        pooled: the threshold fitted on all validation queries, NaN before :meth:`fit`.
        own: data set -> its own threshold; one that is missing has the pooled one.
    """

    name: ClassVar[str]
    needs: ClassVar[tuple[int, int]] = (1, 1)
    """How many known and how many new validation queries the threshold cannot do without."""

    score: Score = "auto"
    per: Literal["all", "dataset"] = "all"
    pooled: float = float("nan")
    own: Mapping[str, float] = field(default_factory=dict)

    @abstractmethod
    def threshold(self, values: Values, truth: QueryTruth) -> float:
        """The threshold, from the scores [q] of validation queries of which there are as many as ``needs`` says."""

    def counts(self, truth: QueryTruth) -> tuple[int, int]:
        """How many known and new validation queries there are to learn from."""
        return int(truth.known.sum()), int((~truth.known).sum())

    def fit(self, scores: QueryScores, truth: QueryTruth) -> Self:
        """The threshold of all validation queries, and with ``per = dataset`` those of single data sets.

        Raises:
            CellFailed: validation holds too few known or new queries, or the cell does not have the score.
        """
        values = self._values(scores)
        self._check(truth)
        names = np.unique(scores.dataset).tolist() if self.per == "dataset" else []
        own = {name: self._own(name, values, scores.dataset == name, truth) for name in names}
        found = {name: threshold for name, threshold in own.items() if threshold is not None}
        return replace(self, pooled=float(self.threshold(values, truth)), own=found)

    def _own(self, name: str, values: Values, rows: NDArray[np.bool_], truth: QueryTruth) -> float | None:
        """The threshold of one data set; None where it has too few of the queries that the rule looks at."""
        part = QueryTruth(truth.known[rows], truth.right[rows], truth.identity[rows])
        there = zip(self.counts(part), self.needs, strict=True)
        if any(count < max(FEWEST, least) for count, least in there if least):
            return None
        try:
            return float(self.threshold(values[rows], part))
        except CellFailed as error:
            raise CellFailed(f"data set {name!r}: {error.problem}", error.advice) from error

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], Values]:
        """(known [q], confidence [q]).

        The confidence is the score, less what the data set's own threshold is above the pooled one: so one confidence
        divides known from new in all data sets.

        Raises:
            CellFailed: the rule has not been fitted, or the cell does not have the score.
        """
        if np.isnan(self.pooled):
            raise CellFailed(
                f"the {self.name} rule is asked before it is fitted", "Call fit() on validation scores first."
            )
        values = self._values(scores)
        thresholds = np.array([self.own.get(name, self.pooled) for name in scores.dataset.tolist()], np.float64)
        return values >= thresholds, values - (thresholds - self.pooled)

    def _check(self, truth: QueryTruth) -> None:
        there = self.counts(truth)
        if there[0] >= self.needs[0] and there[1] >= self.needs[1]:
            return
        raise CellFailed(
            f"a threshold cannot be fitted: validation has {there[0]} known and {there[1]} new queries, and "
            f"{self.name} needs {self.needs[0]} and {self.needs[1]}",
            "Raise protocol.validation_images or protocol.validation_individuals.",
        )

    def _values(self, scores: QueryScores) -> Values:
        name = self.score
        if name == "auto":
            name = "normalised-count" if "normalised-count" in scores.columns else "cosine"
        if name not in scores.columns:
            raise CellFailed(
                f"the {self.name} rule needs {name!r}, but the cell has {', '.join(scores.columns)}",
                f"Give the cell a {'fusion' if name == 'fused' else 'matcher'}, or write {self.name}[score=auto].",
            )
        return scores.columns[name]


def needs_matches(config: Any) -> bool:
    """Whether the score is one of a matcher. ``fused`` is not: there are fusions without a matcher."""
    return config.score in ("count", "normalised-count")


def needs_fusion(config: Any) -> bool:
    """Whether the score is what the fusion gave."""
    return config.score == "fused"


def between(values: Values, chosen: float) -> float:
    """Half-way from a chosen score to the next lower one, so that a threshold does not hang on one query.

    A ``chosen`` that is infinite lies above every score, so that every query is new.
    """
    if not np.isfinite(chosen):
        return float(np.nextafter(values.max(), np.inf))
    below = values[values < chosen]
    return float((chosen + below.max()) / 2) if len(below) else float(chosen)
