"""Ranking metrics: R-k, mAP and MAP@R from one ranked list a query, and what ties do to them."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from harness.types import Ranking

Level = Literal["image", "identity"]
Right = NDArray[np.bool_]
Outcome = NDArray[np.float64]
Hits = NDArray[np.int64]


def right_answers(ranking: Ranking, query_identity: NDArray[np.str_], gallery_identity: NDArray[np.str_]) -> Right:
    """Which places of each list show the query's own individual: bool [q, k], false behind padding."""
    answers, own = _codes(ranking, query_identity, gallery_identity)
    return np.asarray(answers == own[:, None])


def first_hits(
    ranking: Ranking,
    query_identity: NDArray[np.str_],
    gallery_identity: NDArray[np.str_],
    level: Level = "image",
) -> Hits:
    """The rank of the first right answer of each query, from 1; 0 where the list does not hold it. int64 [q].

    Args:
        ranking: [q, k].
        query_identity: [q]; ``gallery_identity``: [g].
        level: ``image`` counts gallery images; ``identity`` counts distinct individuals, each at its best image.
    """
    answers, own = _codes(ranking, query_identity, gallery_identity)
    right = answers == own[:, None]
    hits = np.where(right.any(axis=1), right.argmax(axis=1) + 1, 0) if right.shape[1] else np.zeros(len(own), np.int64)
    if level == "image":
        return hits
    # a place counts when its individual has not been met before it
    order = np.argsort(answers, axis=1, kind="stable")
    ordered = np.take_along_axis(answers, order, axis=1)
    first = np.ones_like(right)
    np.put_along_axis(first, order[:, 1:], ordered[:, 1:] != ordered[:, :-1], axis=1)
    met = np.append(np.zeros((len(own), 1), np.int64), np.cumsum(first, axis=1), axis=1)
    return np.asarray(np.take_along_axis(met, hits[:, None], axis=1)[:, 0], np.int64)


def _codes(
    ranking: Ranking, query_identity: NDArray[np.str_], gallery_identity: NDArray[np.str_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Individuals as numbers: of each place [q, k], and of each query [q]; padding is nobody."""
    names, codes = np.unique(np.concatenate([gallery_identity, query_identity]), return_inverse=True)
    of_gallery = np.append(codes[: len(gallery_identity)], len(names))  # -1 -> the last: nobody
    return of_gallery[ranking.order], codes[len(gallery_identity) :]


def within(hits: Hits, k: int) -> Outcome:
    """1 where the right answer is among the first k, else 0; float64 [q]. Its mean is R-k."""
    return ((hits > 0) & (hits <= k)).astype(np.float64)


def answered_hits(hits: Hits, known: NDArray[np.bool_], said_known: NDArray[np.bool_]) -> Hits:
    """First hits when NEW is an answer too: int64 [q].

    A rule that says new puts NEW in front of the list, and what follows moves down by one; one that says known puts it
    behind the list. So a new query is right at rank 1 where the rule said new, and nowhere else; a known query that is
    called new is right one rank later.
    """
    moved = np.where((hits > 0) & ~said_known, hits + 1, hits)
    return np.asarray(np.where(known, moved, np.where(said_known, 0, 1)), np.int64)


def average_precision(right: Right, relevant: NDArray[np.int64], depth: NDArray[np.int64] | int) -> Outcome:
    """Average precision of each list, cut at ``depth`` places; float64 [q], NaN where nothing is relevant.

    AP = 1 / min(R, depth) x sum over i <= depth of P(i) rel(i), P(i) the share of right answers among the first i
    (Manning, Raghavan and Schuetze, Introduction to Information Retrieval, 2008, section 8.4). With the length of the
    list as depth its mean is mAP@B; with R as depth (MAP@R: Musgrave, Belongie and Lim, ECCV 2020) what lies behind the
    end of the list counts as wrong.

    Args:
        right: bool [q, k].
        relevant: R, right images in the gallery that the query sees, int64 [q].
        depth: places that count, one number or one a query [q].
    """
    places = np.arange(1, right.shape[1] + 1)
    depths = np.broadcast_to(np.asarray(depth, np.int64), relevant.shape)
    precision = np.cumsum(right, axis=1) / places
    total = (precision * right * (places <= depths[:, None])).sum(axis=1)
    most = np.minimum(relevant, depths).astype(np.float64)
    return _over(total, most)


def tied_first(ranking: Ranking) -> Outcome:
    """1 where the first place of a query has the same score as the second, else 0; float64 [q].

    Its mean is the tie rate: the share of queries whose first answer was left to the tie rule.
    """
    if ranking.order.shape[1] < 2:
        return np.zeros(len(ranking.order))
    tied = (ranking.scores[:, 0] == ranking.scores[:, 1]) & (ranking.order[:, 1] >= 0)
    return np.asarray(tied, dtype=np.float64)


def within_at_random(right: Right, scores: NDArray[np.float64], k: int) -> Outcome:
    """What R-k's outcome is on average when equal scores stand in random order; float64 [q].

    The group of equal scores that straddles place k has m places, r of them right, and fills s places up to k: none of
    these is right with the hypergeometric chance C(m - r, s) / C(m, s). McSherry and Najork, Computing information
    retrieval performance measures efficiently in the presence of tied scores, ECIR 2008. Ties that go on behind the end
    of the list are not seen.

    Args:
        right: bool [q, B]; ``scores``: float64 [q, B], falling.
    """
    if not right.shape[1]:
        return np.zeros(len(right))
    last = min(k, right.shape[1]) - 1
    edge = scores[:, last][:, None]
    before, group = scores > edge, (scores == edge) & np.isfinite(edge)
    surely = (right & before).any(axis=1)
    size, good = group.sum(axis=1), (right & group).sum(axis=1)
    drawn = np.clip(last + 1 - before.sum(axis=1), 0, size)
    return np.asarray(np.where(surely, 1.0, 1 - _none_drawn(size, good, drawn)), np.float64)


def hit_by_chance(candidates: NDArray[np.int64], relevant: NDArray[np.int64], k: int) -> Outcome:
    """R-k's outcome of a random order of all ``candidates`` [q], of which ``relevant`` [q] are right; float64 [q]."""
    return 1 - _none_drawn(candidates, relevant, np.minimum(k, candidates))


def precision_by_chance(
    candidates: NDArray[np.int64], relevant: NDArray[np.int64], depth: NDArray[np.int64] | int, length: int
) -> Outcome:
    """What :func:`average_precision` gives on average for a random order; float64 [q], NaN where nothing is relevant.

    Place i is right with chance R / N, and then (i - 1)(R - 1) / (N - 1) of the places before it are, on average. What
    lies behind the ``length`` of the list counts as wrong.
    """
    n, r = candidates.astype(np.float64)[:, None], relevant.astype(np.float64)[:, None]
    depths = np.minimum(np.broadcast_to(np.asarray(depth, np.int64), relevant.shape), np.minimum(candidates, length))
    places = np.arange(1, int(depths.max(initial=0)) + 1)
    inside = places <= depths[:, None]
    chance = r / np.maximum(n, 1) * (1 + (places - 1) * (r - 1) / np.maximum(n - 1, 1)) / places
    most = np.minimum(relevant, np.broadcast_to(np.asarray(depth, np.int64), relevant.shape)).astype(np.float64)
    return _over((chance * inside).sum(axis=1), most)


def _over(total: Outcome, most: Outcome) -> Outcome:
    """The quotient, NaN where nothing can be found."""
    return np.asarray(np.divide(total, most, out=np.full(len(total), np.nan), where=most > 0), np.float64)


def _none_drawn(size: NDArray[np.int64], good: NDArray[np.int64], drawn: NDArray[np.int64]) -> Outcome:
    """The chance that ``drawn`` of ``size`` hold none of the ``good``: C(size - good, drawn) / C(size, drawn)."""
    from scipy.stats import hypergeom

    some = np.maximum(size, 1)  # of nothing, nothing is drawn
    return np.asarray(hypergeom.pmf(0, some, good, drawn), np.float64)
