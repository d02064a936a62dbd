"""The fusion ``replace``: the study's re-ranking, where the match count replaces the global score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import Config, FusionSpec, Shortlist, hookimpl

from ._scores import Floats, Local, local_score


class ReplaceConfig(Config):
    """Which local score orders the shortlist."""

    by: Local = Field("count", description="local score that orders the shortlist; normalised: / keypoints of the pair")


@dataclass(frozen=True)
class Replace:
    """Orders by a local score alone (Kanally & Hargis); equal ones keep the global order. There is nothing to fit."""

    by: Local

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        """Itself."""
        return self

    def rank(self, shortlist: Shortlist) -> Floats:
        """The local score of each candidate, float64 [q, k].

        Raises:
            CellFailed: the cell has no matcher.
        """
        return local_score(shortlist, self.by)


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
