"""The fuse stage: a fitted fusion re-orders the shortlist, and nothing enters or leaves it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Fusion
from harness.errors import CellFailed
from harness.stages.ties import order_rows, tie_hash
from harness.types import PairScores, Ranking


def fuse(fusion: Fusion, ranking: Ranking, local: PairScores) -> Ranking:
    """The shortlist in the order of the fusion's scores; ties by the global score, then by a hash.

    Args:
        fusion: fitted on validation.
        ranking: global shortlist [q, k]; ``local``: pair scores aligned with it.

    Raises:
        CellFailed: the fusion's scores have another shape or are not finite, or it changed the shortlist in place.
    """
    valid, shortlist = ranking.order >= 0, np.sort(ranking.order, axis=1)
    scores = np.asarray(fusion.rank(ranking, local), dtype=np.float64)
    if scores.shape != valid.shape or not np.isfinite(scores[valid]).all():
        raise CellFailed(
            f"the fusion gave scores of shape {scores.shape} for {valid.shape}, or scores that are not finite",
            "Mend its rank(): one finite score for each candidate.",
        )
    scores = np.where(valid, scores, -np.inf)
    hashes = tie_hash(ranking.query_ids, ranking.gallery_ids[ranking.order])
    places = order_rows(hashes, scores, ranking.scores)
    order = np.take_along_axis(ranking.order, places, axis=1)
    if not np.array_equal(np.sort(order, axis=1), shortlist):  # else R-B, at the shortlist's end, would change
        raise CellFailed("the fusion changed the candidates of the shortlist", "Let its rank() leave its input alone.")
    return Ranking(ranking.query_ids, ranking.gallery_ids, order, np.take_along_axis(scores, places, axis=1))


def candidate_truth(
    ranking: Ranking, query_identity: NDArray[np.str_], gallery_identity: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Which candidate shows the query's own individual: bool [q, k], false behind padding."""
    right = gallery_identity[ranking.order] == query_identity[:, None]
    return np.asarray(right & (ranking.order >= 0), dtype=np.bool_)
