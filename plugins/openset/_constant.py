"""Rules that give every query the same answer, for a table to be read beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness import QueryScores, QueryTruth


@dataclass(frozen=True)
class Constant:
    """``known`` for all; the confidence is 0 for all, so that no threshold would tell them apart."""

    known: bool

    def fit(self, scores: QueryScores, truth: QueryTruth) -> Self:
        """Itself."""
        return self

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        """(the answer [q], zeros [q])."""
        n = len(scores.query_ids)
        return np.full(n, self.known), np.zeros(n)
