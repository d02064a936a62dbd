"""The fuse stage: a fitted fusion re-orders the shortlist, and nothing enters or leaves it."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.answers import Shortlist
from harness.contracts import Fusion
from harness.errors import CellFailed
from harness.stages.ties import order_rows, tie_hash
from harness.types import Ranking

Number = TypeVar("Number", bound=np.generic)


def fuse(fusion: Fusion, shortlist: Shortlist) -> Ranking:
    """The shortlist in the order of the fusion's scores; ties by the global score, then by a hash.

    The fusion sees no candidate that was not matched. Those follow in their global order, with the lowest score that
    it gave the query's others.

    Args:
        fusion: fitted on validation.
        shortlist: global ranking [q, k] with what the matcher found and the neighbours, where the fusion asks for them.

    Raises:
        CellFailed: the fusion's scores have another shape or are not finite, or it changed the shortlist in place.
    """
    local = shortlist.local
    if local is None or local.matched is None:
        return _fused(fusion, shortlist)
    rest = ~local.matched & (shortlist.ranking.order >= 0)
    seen = without(replace(shortlist, local=replace(local, matched=None)), rest)
    return _followed(_fused(fusion, seen), shortlist.ranking, rest)


def _fused(fusion: Fusion, shortlist: Shortlist) -> Ranking:
    ranking = shortlist.ranking
    valid, members = ranking.order >= 0, np.sort(ranking.order, axis=1)
    scores = np.asarray(fusion.rank(shortlist), dtype=np.float64)
    if scores.shape != valid.shape or not np.isfinite(scores[valid]).all():
        raise CellFailed(
            f"the fusion gave scores of shape {scores.shape} for {valid.shape}, or scores that are not finite",
            "Mend its rank(): one finite score for each candidate.",
        )
    scores = np.where(valid, scores, -np.inf)
    hashes = tie_hash(ranking.query_ids, ranking.gallery_ids[ranking.order])
    places = order_rows(hashes, scores, ranking.scores)
    order = np.take_along_axis(ranking.order, places, axis=1)
    if not np.array_equal(np.sort(order, axis=1), members):  # else R-B, at the shortlist's end, would change
        raise CellFailed("the fusion changed the candidates of the shortlist", "Let its rank() leave its input alone.")
    return Ranking(ranking.query_ids, ranking.gallery_ids, order, np.take_along_axis(scores, places, axis=1))


def _followed(head: Ranking, ranking: Ranking, rest: NDArray[np.bool_]) -> Ranking:
    """``head`` [q, k] with the candidates ``rest`` [q, k] of ``ranking`` in the place of its padding."""
    least = np.where(head.order >= 0, head.scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    below = np.broadcast_to(np.where(np.isfinite(least), least, 0.0), rest.shape)
    order = np.concatenate([head.order, np.where(rest, ranking.order, -1)], axis=1)
    scores = np.concatenate([head.scores, np.where(rest, below, -np.inf)], axis=1)
    places = np.argsort(order < 0, axis=1, kind="stable")[:, : rest.shape[1]]
    order, scores = (np.take_along_axis(values, places, axis=1) for values in (order, scores))
    return Ranking(ranking.query_ids, ranking.gallery_ids, order, scores)


def without(shortlist: Shortlist, dropped: NDArray[np.bool_]) -> Shortlist:
    """The shortlist without some of its candidates; the others keep their order, and padding takes up the room.

    A pair of an image with its own copy would teach a fusion that every right pair looks like a copy.

    Args:
        shortlist: [q, k], as wide afterwards; ``neighbours`` stay as they are.
        dropped: bool [q, k], which candidates go; behind padding it does not count.

    Raises:
        CellFailed: a dropped candidate is still there, or another one went with it.
    """
    ranking, local = shortlist.ranking, shortlist.local
    gone = dropped | (ranking.order < 0)
    places = np.argsort(gone, axis=1, kind="stable")
    packed = _Packed(places, np.take_along_axis(gone, places, axis=1))
    order, scores = packed(ranking.order, -1), packed(ranking.scores, -np.inf)
    kept = Ranking(ranking.query_ids, ranking.gallery_ids, order, scores)
    if not _same_members(kept, ranking, ~gone):
        raise CellFailed("candidates that were to go are still in the shortlist", "Mend without().")
    if local is not None:
        names = ("count", "confidence", "inliers", "candidate_keypoints")
        local = replace(local, **{name: packed(getattr(local, name), 0) for name in names})
    return replace(shortlist, ranking=kept, local=local)


class _Packed:
    """Brings what stays to the front of each row: ``places`` int [q, k], ``gone`` bool [q, k] in the new order."""

    def __init__(self, places: NDArray[np.int64], gone: NDArray[np.bool_]) -> None:
        self.places, self.gone = places, gone

    def __call__(self, values: NDArray[Number], filling: float) -> NDArray[Number]:
        return np.where(self.gone, filling, np.take_along_axis(values, self.places, axis=1)).astype(values.dtype)


def _same_members(kept: Ranking, ranking: Ranking, staying: NDArray[np.bool_]) -> bool:
    """Whether ``kept`` holds the (query, candidate) pairs of ``ranking`` that stay, and no other."""
    left = kept.order >= 0
    pairs = (np.nonzero(where)[0] * len(ranking.gallery_ids) for where in (left, staying))
    rows, wanted = pairs
    return np.array_equal(np.sort(rows + kept.order[left]), np.sort(wanted + ranking.order[staying]))


def candidate_truth(
    ranking: Ranking, query_identity: NDArray[np.str_], gallery_identity: NDArray[np.str_]
) -> NDArray[np.bool_]:
    """Which candidate shows the query's own individual: bool [q, k], false behind padding."""
    right = gallery_identity[ranking.order] == query_identity[:, None]
    return np.asarray(right & (ranking.order >= 0), dtype=np.bool_)
