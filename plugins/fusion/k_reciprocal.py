"""The fusion ``k-reciprocal``: re-ranking by who is near whom both ways, from embeddings alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import CellFailed, Config, FusionSpec, Ranking, Shortlist, hookimpl

from ._reciprocal import encoded, expanded, farthest, first, grown, overlap, reciprocal
from ._scores import Floats

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DECIMALS = 12
"""Scores are rounded to this: what differs by less is the order of a sum."""


class ReciprocalConfig(Config):
    """Sizes of the neighbourhoods, and how much of the cosine is kept; the paper's values are the defaults."""

    k1: int = Field(20, ge=1, description="gallery images that count as near")
    k2: int = Field(6, ge=1, description="encodings that are averaged, the image's own among them; 1 averages none")
    lambda_: float = Field(0.3, ge=0, le=1, description="weight of the cosine distance; the Jaccard one has the rest")


@dataclass(frozen=True)
class KReciprocal:
    """Re-ranking with k-reciprocal encoding (Zhong et al., CVPR 2017), one query at a time.

    Unlike the paper's, the pool holds the gallery and no other query, so that a query's answer is its own. The query
    is among a gallery image's nearest where its cosine reaches that of the image's k1-th gallery neighbour; it stands
    in no encoding. Distances are cosine distances, 1 - cosine. There is nothing to fit.
    """

    config: ReciprocalConfig

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        """Itself."""
        return self

    def rank(self, shortlist: Shortlist) -> Floats:
        """1 - (1 - lambda) Jaccard distance - lambda cosine distance, float64 [q, k] in [-lambda, 1].

        Raises:
            CellFailed: the gallery's neighbours are missing, or are fewer than k1.
        """
        ranking, neighbours = shortlist.ranking, self._neighbours(shortlist)
        jaccard = overlap(*self._encodings(ranking, neighbours), ranking.order)
        cosine = np.where(ranking.order >= 0, ranking.scores, 0.0)
        kept = self.config.lambda_
        return np.round(1 - (1 - kept) * (1 - jaccard) - kept * (1 - cosine), DECIMALS)

    def _neighbours(self, shortlist: Shortlist) -> Ranking:
        found = shortlist.neighbours
        wanted = max(0, min(self.config.k1, len(shortlist.ranking.gallery_ids) - 1))
        if found is None or found.order.shape[1] < wanted:
            has = "no" if found is None else f"only {found.order.shape[1]}"
            raise CellFailed(
                f"k-reciprocal needs {wanted} gallery neighbours of each gallery image and was handed {has} neighbours",
                "Hand it as many as its spec's neighbours() says.",
            )
        return found

    def _encodings(self, ranking: Ranking, neighbours: Ranking) -> tuple[csr_array, csr_array]:
        """Encodings of the queries [q, g] and of the gallery [g, g]."""
        from scipy.sparse import eye_array

        k1, k2 = self.config.k1, self.config.k2
        fewer = max(1, round(k1 / 2))
        own, reach = eye_array(len(ranking.gallery_ids), format="csr"), farthest(neighbours, k1)
        half = reciprocal(neighbours, fewer, farthest(neighbours, fewer)) + own
        near = grown(reciprocal(neighbours, k1, reach) + own, half)
        gallery = encoded(near, neighbours, own)
        asked = encoded(grown(reciprocal(ranking, k1, reach), half), ranking)
        return expanded(asked, first(ranking, k2 - 1), gallery), expanded(gallery, first(neighbours, k2 - 1), gallery)


@hookimpl
def harness_fusions() -> Iterator[FusionSpec]:
    """Offer ``k-reciprocal``."""
    yield FusionSpec(
        name="k-reciprocal",
        version="1",
        config=ReciprocalConfig,
        build=KReciprocal,
        needs_matches=lambda config: False,
        neighbours=lambda config: config.k1,
        requires=("scipy",),
        summary="re-rank without a matcher, by the neighbours that query and candidate share",
        licence="Apache-2.0",
        citation="Zhong et al., Re-ranking person re-identification with k-reciprocal encoding, CVPR 2017",
    )
