"""The fusion ``replace``: the study's re-ranking, where the match count replaces the global score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import Config, FusionSpec, PairScores, Ranking, hookimpl


class ReplaceConfig(Config):
    """Which local score orders the shortlist."""

    by: Literal["count", "confidence", "inliers"] = Field("count", description="local score that orders the shortlist")


@dataclass(frozen=True)
class Replace:
    """Orders by a local score alone (Kanally & Hargis); equal ones keep the global order. There is nothing to fit."""

    by: str

    def fit(self, ranking: Ranking, local: PairScores, truth: NDArray[np.bool_]) -> Self:
        """Itself."""
        return self

    def rank(self, ranking: Ranking, local: PairScores) -> NDArray[np.float64]:
        """The local score of each candidate, float64 [q, k]."""
        return np.asarray(getattr(local, self.by), dtype=np.float64)


@hookimpl
def harness_fusions() -> Iterator[FusionSpec]:
    """The study's rule."""
    yield FusionSpec(
        name="replace",
        version="1",
        config=ReplaceConfig,
        build=lambda config: Replace(config.by),
        summary="re-rank the shortlist by match count, ties by the global score",
        licence="Apache-2.0",
        citation="Kanally & Hargis, Re-Identification of Individual Animals Using ArcFace Architectures",
    )
