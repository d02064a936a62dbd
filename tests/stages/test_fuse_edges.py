"""Re-ranking at its edges: long lists, the first row of the gallery, nothing matched, and what its faults say."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.answers import Shortlist
from harness.errors import CellFailed
from harness.stages.fuse import _same_members, fuse, without
from harness.types import PairScores, Ranking


class ByCount:
    """Orders by match count; ``change`` swaps a candidate, ``scores`` are given instead."""

    def __init__(self, change: bool = False, scores: Any = None) -> None:
        self.change, self.scores = change, scores

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        return self

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        if self.change:
            shortlist.ranking.order[0, 0] = 5
        if self.scores is not None:
            return np.asarray(self.scores, np.float64)
        assert shortlist.local is not None
        return np.asarray(shortlist.local.count, np.float64)


def ranked(order: Any, scores: Any, gallery: int = 6) -> Ranking:
    order = np.array(order, np.int32)
    names = np.array([f"q{i}" for i in range(len(order))]), np.array([f"g{i}" for i in range(gallery)])
    return Ranking(*names, order, np.array(scores, np.float64))


def counted(count: Any, matched: Any) -> PairScores:
    """Pair scores by count [q, k], of which some are ``matched``."""
    count, matched = np.array(count, np.float32), np.array(matched, np.bool_)
    keypoints = np.full(count.shape, 50, np.int32)
    return PairScores(count, count, count, np.full(len(count), 50, np.int32), keypoints, matched)


@pytest.mark.parametrize("seed", range(3))
def test_long_lists_keep_the_order_of_what_stays_and_of_what_was_not_matched(seed: int) -> None:
    rng, wide = np.random.default_rng(seed), 100  # a sort of few is stable whatever its kind
    order = rng.permutation(wide)
    ranking = ranked([order], [np.linspace(0.9, 0.1, wide)], gallery=wide)
    some = rng.random((1, wide)) < 0.5
    kept = without(Shortlist(ranking), some)
    assert kept.ranking.order[0, : int((~some).sum())].tolist() == order[~some[0]].tolist()
    local = counted(rng.integers(1, 9, (1, wide)) * some, some)
    fused = fuse(ByCount(), Shortlist(ranking, local))
    assert fused.order[0, int(some.sum()) :].tolist() == order[~some[0]].tolist()


def test_what_was_not_matched_has_the_lowest_score_that_was_given_even_to_the_first_row_of_the_gallery() -> None:
    ranking = ranked([[4, 0, 2], [1, 3, 5]], [[0.9, 0.8, 0.7]] * 2)
    local = counted([[7, 3, 0], [0, 0, 0]], [[True, True, False], [False] * 3])
    fused = fuse(ByCount(), Shortlist(ranking, local))
    assert fused.order.tolist() == [[4, 0, 2], [1, 3, 5]]
    assert fused.scores.tolist() == [[7, 3, 3], [0, 0, 0]], "0 where nothing was matched"


def test_a_shortlist_without_places_of_which_nothing_was_matched_stays_so() -> None:
    ranking = ranked(np.empty((2, 0)), np.empty((2, 0)))
    local = counted(np.empty((2, 0)), np.empty((2, 0)))
    assert fuse(ByCount(), Shortlist(ranking, local)).order.shape == (2, 0)


def test_the_same_number_of_other_pairs_is_not_the_same_pairs() -> None:
    staying = np.array([[True], [False], [False]])
    here = ranked([[1], [-1], [-1]], [[0.5], [-np.inf], [-np.inf]], gallery=2)
    there = ranked([[-1], [-1], [0]], [[-np.inf], [-np.inf], [0.5]], gallery=2)
    assert _same_members(here, here, staying)
    assert not _same_members(there, here, staying)


def test_faults_are_told_with_advice() -> None:
    ranking = ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    for broken, advice in ((ByCount(scores=[[1.0, 2.0]]), "one finite"), (ByCount(True, [[1, 2, 3]]), "rank()")):
        with pytest.raises(CellFailed, match=r"shape|changed") as caught:
            fuse(broken, Shortlist(ranking))
        assert advice in caught.value.advice


class Halves(ByCount):
    """Scores in half precision."""

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        return np.array([[1, 3, 2]], np.float16)  # type: ignore[return-value]


def test_scores_are_float64_whatever_the_fusion_gave() -> None:
    fused = fuse(Halves(), Shortlist(ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])))
    assert (fused.scores.tolist(), fused.scores.dtype) == ([[3, 2, 1]], np.float64)
