"""The decide stage: what a known-or-new rule may look at, and its answer for each query."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.answers import Decisions, QueryScores, QueryTruth
from harness.contracts import OpenSetRule
from harness.errors import CellFailed
from harness.stages.probability import Probability
from harness.types import NEW, Ids, PairScores, Ranking

LOWEST = -1.0
"""The cosine of a query without any candidate; its other columns are 0, and ``fused`` the lowest that was given."""


def query_scores(
    ranking: Ranking, final: Ranking, local: PairScores | None, dataset: Ids, gallery_identity: Ids
) -> QueryScores:
    """The columns of :class:`harness.answers.QueryScores`.

    Args:
        ranking: global shortlist [q, k], scored by cosine.
        final: the ranking that answers, [q, k] of the same candidates; ``ranking`` itself without a fusion, and then
            there is no column ``fused``.
        local: pair scores aligned with the *global* shortlist, None without a matcher.
        dataset: where each query comes from [q].
        gallery_identity: the individual of each gallery image [g]: the catalogue, which is no secret.
    """
    place = _place_of_first(ranking, final)
    columns = {"cosine": _pick(ranking.scores, place, LOWEST), **_of_two_individuals(ranking, gallery_identity)}
    if local is not None:
        count = _pick(local.count.astype(np.float64), place, 0.0)
        columns["count"] = count
        columns["normalised-count"] = count / np.maximum(local.keypoints, 1)
    if final is not ranking:
        columns["fused"] = _fused(final)
    return QueryScores(ranking.query_ids, dataset, columns)


def query_truth(final: Ranking, known: NDArray[np.bool_], identity: Ids, gallery_identity: Ids) -> QueryTruth:
    """The truth about validation queries: ``known`` and ``identity`` [q] with whether the first answer is right.

    Raises:
        DataError: an individual is called new and stands in the gallery.
    """
    answers = np.append(gallery_identity, NEW)[_first(final)]  # -1, no candidate, is the last: nobody
    return QueryTruth(known, np.asarray(answers == identity, dtype=np.bool_), identity)


def decide(
    rule: OpenSetRule, scores: QueryScores, final: Ranking, gallery_identity: Ids, probability: Probability
) -> Decisions:
    """The identity of the first answer where the fitted rule says known, NEW elsewhere (and without any candidate).

    Args:
        probability: fitted on the rule's confidence in validation queries.

    Raises:
        CellFailed: the rule's answer has another shape, or a confidence that is not finite.
    """
    known, confidence = answered(rule, scores)
    answers = np.append(gallery_identity, NEW)[_first(final)]  # -1, no candidate, is the last: NEW
    said = np.where(known, answers, NEW)
    return Decisions(scores.query_ids, said, confidence, probability.of(confidence))


def answered(rule: OpenSetRule, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """The rule's (known [q], confidence [q]), checked.

    Raises:
        CellFailed: they have another shape, or a confidence is not finite.
    """
    known, confidence = (np.asarray(part) for part in rule.decide(scores))
    shape = (len(scores.query_ids),)
    if known.shape != shape or confidence.shape != shape or not np.isfinite(confidence).all():
        raise CellFailed(
            f"the open-set rule gave {known.shape} answers and {confidence.shape} confidences for {shape} queries, or "
            "a confidence that is not finite",
            "Mend its decide(): one answer and one finite confidence for each query.",
        )
    return known.astype(np.bool_), confidence.astype(np.float64)


def _first(ranking: Ranking) -> NDArray[np.int32]:
    """The first answer's place in the gallery, -1 without a candidate; [q]."""
    return ranking.order[:, 0] if ranking.order.shape[1] else np.full(len(ranking.order), -1, np.int32)


def _place_of_first(ranking: Ranking, final: Ranking) -> NDArray[np.int64]:
    """Where the final first answer stands in the global shortlist, -1 without a candidate."""
    first = _first(final)
    if not ranking.order.shape[1]:
        return first.astype(np.int64)
    return np.where(first < 0, -1, np.argmax(ranking.order == first[:, None], axis=1))


def _pick(values: NDArray[np.float64], place: NDArray[np.int64], otherwise: float) -> NDArray[np.float64]:
    if not values.shape[1]:
        return np.full(len(values), otherwise)
    return np.where(place < 0, otherwise, np.take_along_axis(values, np.maximum(place, 0)[:, None], axis=1)[:, 0])


def _fused(final: Ranking) -> NDArray[np.float64]:
    """The final score of the first answer; where there is none the lowest of all, since scales differ by fusion."""
    given = final.scores[final.order >= 0]
    place = np.where(_first(final) < 0, -1, 0)
    return _pick(final.scores, place, float(given.min()) if given.size else 0.0)


def _of_two_individuals(ranking: Ranking, gallery_identity: Ids) -> dict[str, NDArray[np.float64]]:
    """``margin`` and ``ratio``, both 0, the least, where the shortlist has not two individuals to compare.

    The distance is the Euclidean one of unit vectors, sqrt(2 - 2 cosine); the ratio of two is that of Lowe, Distinctive
    Image Features from Scale-Invariant Keypoints, IJCV 2004, section 7.1.
    """
    margin, ratio = np.zeros(len(ranking.order)), np.zeros(len(ranking.order))
    if not ranking.order.shape[1]:
        return {"margin": margin, "ratio": ratio}
    _, code = np.unique(gallery_identity, return_inverse=True)
    individual = np.append(code, -1)[ranking.order]
    other = (individual != individual[:, :1]) & (ranking.order >= 0)
    rows = np.flatnonzero(other.any(axis=1))
    best, second = ranking.scores[rows, 0], ranking.scores[rows, other[rows].argmax(axis=1)]
    margin[rows] = best - second
    near, far = (np.sqrt(np.maximum(2 - 2 * cosine, 0)) for cosine in (best, second))
    ratio[rows] = 1 - np.divide(near, far, out=np.ones(len(rows)), where=far > 0)
    return {"margin": margin, "ratio": ratio}
