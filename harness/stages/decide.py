"""The decide stage: what a known-or-new rule may look at, and its answer for each query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.contracts import OpenSetRule
from harness.errors import CellFailed
from harness.types import NEW, Decisions, PairScores, QueryScores, Ranking

LOWEST = -1.0
"""The cosine of a query without any candidate; its other columns are 0."""


def query_scores(ranking: Ranking, final: Ranking, local: PairScores | None) -> QueryScores:
    """The columns of :class:`harness.types.QueryScores`.

    Args:
        ranking: global shortlist [q, k].
        final: the ranking that answers, [q, k] of the same candidates.
        local: pair scores aligned with the *global* shortlist, None without a matcher.
    """
    place = _place_of_first(ranking, final)
    columns = {"cosine": _pick(ranking.scores, place, LOWEST), "margin": _margin(ranking)}
    if local is not None:
        count = _pick(local.count.astype(np.float64), place, 0.0)
        columns["count"] = count
        columns["normalised-count"] = count / np.maximum(local.keypoints, 1)
    return QueryScores(ranking.query_ids, columns)


def decide(rule: OpenSetRule, scores: QueryScores, final: Ranking, gallery_identity: NDArray[np.str_]) -> Decisions:
    """The identity of the first answer where the fitted rule says known, NEW elsewhere (and without any candidate).

    Raises:
        CellFailed: the rule's answer has another shape, or a confidence that is not finite.
    """
    known, confidence = (np.asarray(part) for part in rule.decide(scores))
    shape = (len(scores.query_ids),)
    if known.shape != shape or confidence.shape != shape or not np.isfinite(confidence).all():
        raise CellFailed(
            f"the open-set rule gave {known.shape} answers and {confidence.shape} confidences for {shape} queries, or "
            "a confidence that is not finite",
            "Mend its decide(): one answer and one finite confidence for each query.",
        )
    first = final.order[:, 0] if final.order.shape[1] else np.full(shape, -1)
    answers = np.append(gallery_identity, NEW)[first]  # -1, no candidate, is the last: NEW
    return Decisions(scores.query_ids, np.where(known.astype(bool), answers, NEW), confidence.astype(np.float64))


def _place_of_first(ranking: Ranking, final: Ranking) -> NDArray[np.int64]:
    """Where the final first answer stands in the global shortlist, -1 without a candidate."""
    if not ranking.order.shape[1]:
        return np.full(len(ranking.order), -1, np.int64)
    first = final.order[:, :1]
    return np.where(first[:, 0] < 0, -1, np.argmax(ranking.order == first, axis=1))


def _pick(values: NDArray[np.float64], place: NDArray[np.int64], otherwise: float) -> NDArray[np.float64]:
    if not values.shape[1]:
        return np.full(len(values), otherwise)
    return np.where(place < 0, otherwise, np.take_along_axis(values, np.maximum(place, 0)[:, None], axis=1)[:, 0])


def _margin(ranking: Ranking) -> NDArray[np.float64]:
    """Best cosine less the second best; 0, the least, where there are not two candidates to compare."""
    margin = np.zeros(len(ranking.order))
    if ranking.order.shape[1] > 1:
        two = ranking.order[:, 1] >= 0
        margin[two] = ranking.scores[two, 0] - ranking.scores[two, 1]
    return margin
