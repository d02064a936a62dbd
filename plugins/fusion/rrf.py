"""The fusion ``rrf``: reciprocal rank fusion of the global and the local rank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import Config, FusionSpec, Shortlist, hookimpl

from ._scores import Floats, Local, local_score


class RrfConfig(Config):
    """How steeply a rank counts, and which local score gives the second rank."""

    k: float = Field(60, ge=0, allow_inf_nan=False, description="added to every rank; a small one favours first places")
    local: Local = Field("count", description="local score that is ranked; normalised: count / keypoints of the pair")


@dataclass(frozen=True)
class ReciprocalRank:
    """1 / (k + global rank) + 1 / (k + local rank) (Cormack, Clarke and Buettcher, SIGIR 2009).

    Ranks count from 1 within a query's shortlist. Equal scores share the mean of their ranks, so that the order in
    which candidates came decides nothing, and those without a match stand in the middle of what is left. There is
    nothing to fit.
    """

    k: float
    local: Local

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        """Itself."""
        return self

    def rank(self, shortlist: Shortlist) -> Floats:
        """The sum of both reciprocal ranks, float64 [q, k] in (0, 2 / (k + 1)].

        Raises:
            CellFailed: the cell has no matcher.
        """
        valid, scores = shortlist.ranking.order >= 0, local_score(shortlist, self.local)
        ranks = (_ranks(values, valid) for values in (shortlist.ranking.scores, scores))
        return np.asarray(sum(1 / (self.k + rank) for rank in ranks), dtype=np.float64)


def _ranks(scores: Floats, valid: NDArray[np.bool_]) -> Floats:
    """Ranks [q, k] from 1, the highest score first, padding last."""
    from scipy.stats import rankdata

    if not scores.size:
        return np.ones(scores.shape)
    return np.asarray(rankdata(np.where(valid, -scores, np.inf), axis=1), dtype=np.float64)


@hookimpl
def harness_fusions() -> Iterator[FusionSpec]:
    """Offer ``rrf``."""
    yield FusionSpec(
        name="rrf",
        version="1",
        config=RrfConfig,
        build=lambda config: ReciprocalRank(config.k, config.local),
        requires=("scipy",),
        summary="reciprocal rank fusion of global and local rank; nothing to fit",
        licence="Apache-2.0",
        citation="Cormack, Clarke & Buettcher, Reciprocal rank fusion outperforms Condorcet, SIGIR 2009",
    )
