"""Re-ranking re-orders the shortlist and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from shortlists import drawn

from harness.answers import Shortlist
from harness.errors import CellFailed
from harness.stages.fuse import candidate_truth, fuse, without
from harness.types import PairScores, Ranking


class Given:
    """A fusion that gives these scores."""

    def __init__(self, scores: Any) -> None:
        self.scores = np.asarray(scores, dtype=np.float64)

    def fit(self, shortlist: Shortlist, truth: NDArray[np.bool_]) -> Self:
        return self

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        return self.scores


class Meddler(Given):
    """A fusion that swaps a candidate of the shortlist for another image."""

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        shortlist.ranking.order[0, 0] = 5
        return self.scores


def ranked(order: Any, scores: Any, gallery: int = 6) -> Ranking:
    order = np.array(order, np.int32)
    names = np.array([f"q{i}" for i in range(len(order))]), np.array([f"g{i}" for i in range(gallery)])
    return Ranking(*names, order, np.array(scores, np.float64))


def test_candidates_follow_the_fused_scores() -> None:
    ranking = ranked([[4, 0, 2], [1, 5, 3]], [[0.9, 0.8, 0.7], [0.6, 0.5, 0.4]])
    fused = fuse(Given([[1, 3, 2], [9, 0, 10]]), Shortlist(ranking))
    assert fused.order.tolist() == [[0, 2, 4], [3, 1, 5]]
    assert fused.scores.tolist() == [[3, 2, 1], [10, 9, 0]]
    assert fused.order.dtype == np.int32


def test_ties_keep_the_global_order() -> None:
    order = np.random.default_rng(0).permutation(20).tolist()
    ranking = ranked([order], [np.linspace(0.9, 0.1, 20)], gallery=20)
    fused = fuse(Given([[5, 7] * 10]), Shortlist(ranking))
    assert fused.order[0].tolist() == order[1::2] + order[::2]


def test_ties_of_both_scores_are_ordered_by_a_hash_whatever_the_order_they_came_in() -> None:
    came = [np.random.default_rng(i).permutation(50).tolist() for i in range(2)]
    fused = []
    for row in came:
        ranking = ranked([row], [[0.5] * 50], gallery=50)
        fused.append(fuse(Given([[1.0] * 50]), Shortlist(ranking)).order[0].tolist())
    assert fused[0] == fused[1]
    assert fused[0] != sorted(fused[0]), "not the row order"


def test_padding_stays_at_the_end_whatever_its_score() -> None:
    ranking = ranked([[3, 1, -1], [-1, -1, -1]], [[0.5, 0.4, -np.inf], [-np.inf] * 3])
    fused = fuse(Given([[-7, -6, 100], [np.nan, 1, 2]]), Shortlist(ranking))
    assert fused.order.tolist() == [[1, 3, -1], [-1, -1, -1]]
    assert np.isneginf(fused.scores[fused.order < 0]).all()


def test_the_shortlist_keeps_its_members_and_its_scores_fall() -> None:
    rng = np.random.default_rng(0)
    order = np.array([rng.permutation(40)[:12] for _ in range(30)])
    ranking = ranked(order, -np.sort(-rng.random((30, 12)), axis=1), gallery=40)
    fused = fuse(Given(rng.integers(0, 3, (30, 12))), Shortlist(ranking))
    assert np.array_equal(np.sort(fused.order, axis=1), np.sort(order, axis=1))
    assert (np.diff(fused.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("scores", [[[1.0, 2.0]], [[1.0, np.nan, 2.0]], [[np.inf, 1.0, 2.0]]])
def test_scores_that_cannot_be_ranked_fail_the_cell(scores: list[list[float]]) -> None:
    ranking = ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    with pytest.raises(CellFailed, match="rank"):
        fuse(Given(scores), Shortlist(ranking))


def test_a_fusion_that_changes_the_shortlist_fails_the_cell() -> None:
    ranking = ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    with pytest.raises(CellFailed, match="shortlist"):
        fuse(Meddler([[1, 2, 3]]), Shortlist(ranking))


class Watched(Given):
    """A fusion that keeps what it is shown; it scores by match count."""

    def rank(self, shortlist: Shortlist) -> NDArray[np.float64]:
        assert shortlist.local is not None
        self.shown = shortlist
        return np.asarray(shortlist.local.count, np.float64)


def test_what_was_not_matched_follows_in_global_order_and_no_fusion_sees_it() -> None:
    ranking = ranked([[4, 0, 2, 5], [1, 5, 3, -1]], [[0.9, 0.8, 0.7, 0.6], [0.6, 0.5, 0.4, -np.inf]])
    count = np.array([[2, 7, 0, 0], [3, 0, 0, 0]], np.float32)
    matched = np.array([[True, True, False, False], [True, False, False, False]])
    local = replace(counted(ranking, count), matched=matched)
    watched = Watched(0)
    fused = fuse(watched, Shortlist(ranking, local))
    assert fused.order.tolist() == [[0, 4, 2, 5], [1, 5, 3, -1]]
    assert fused.scores.tolist() == [[7, 2, 2, 2], [3, 3, 3, -np.inf]]
    assert watched.shown.ranking.order.tolist() == [[4, 0, -1, -1], [1, -1, -1, -1]]
    assert watched.shown.local is not None
    assert watched.shown.local.matched is None


def test_where_all_is_matched_the_ranking_is_the_same_to_the_bit() -> None:
    shortlist, _ = drawn(5, q=30)
    assert shortlist.local is not None
    valid = shortlist.ranking.order >= 0
    plain, marked = (
        fuse(Watched(0), replace(shortlist, local=replace(shortlist.local, matched=matched)))
        for matched in (None, valid)
    )
    assert plain.order.tobytes() == marked.order.tobytes()
    assert plain.scores.tobytes() == marked.scores.tobytes()


def test_a_query_of_which_nothing_was_matched_keeps_its_global_order() -> None:
    ranking = ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    local = replace(counted(ranking, np.zeros((1, 3))), matched=np.zeros((1, 3), bool))
    assert fuse(Watched(0), Shortlist(ranking, local)).order.tolist() == [[4, 0, 2]]


def test_truth_names_the_right_candidates_and_no_padding() -> None:
    ranking = ranked([[2, 0, -1], [1, -1, -1]], [[0.9, 0.8, -np.inf], [0.9, -np.inf, -np.inf]], gallery=3)
    truth = candidate_truth(ranking, np.array(["ann", "cy"]), np.array(["ann", "bo", "cy"]))
    assert truth.tolist() == [[False, True, False], [False, False, False]], "-1 is not the last image, which is cy"
    assert truth.dtype == np.bool_


@pytest.mark.parametrize(("q", "k", "gallery"), [(0, 3, 4), (2, 0, 4), (2, 0, 0), (0, 0, 0)])
def test_no_query_or_no_candidate_gives_an_empty_ranking(q: int, k: int, gallery: int) -> None:
    ranking = ranked(np.empty((q, k)), np.empty((q, k)), gallery)
    assert fuse(Given(np.empty((q, k))), Shortlist(ranking)).order.shape == (q, k)


def counted(ranking: Ranking, count: Any) -> PairScores:
    count = np.array(count, np.float32)
    keypoints = np.array([60, 70][: len(count)], np.int32)
    return PairScores(count, count / 2, count / 4, keypoints, (count * 10).astype(np.int32))


def test_what_is_dropped_leaves_and_the_rest_closes_up() -> None:
    ranking = ranked([[4, 0, 2, -1], [1, 5, 3, 0]], [[0.9, 0.8, 0.7, -np.inf], [0.6, 0.5, 0.4, 0.3]])
    local = counted(ranking, [[9, 8, 7, 0], [6, 5, 4, 3]])
    near = ranked([[1]] * 6, [[0.5]] * 6)
    dropped = np.array([[True, False, False, True], [False, True, False, True]])
    kept = without(Shortlist(ranking, local, near), dropped)
    assert kept.ranking.order.tolist() == [[0, 2, -1, -1], [1, 3, -1, -1]]
    assert kept.ranking.scores.tolist() == [[0.8, 0.7, -np.inf, -np.inf], [0.6, 0.4, -np.inf, -np.inf]]
    assert kept.local is not None
    assert kept.local.count.tolist() == [[8, 7, 0, 0], [6, 4, 0, 0]]
    assert kept.local.confidence.tolist() == [[4, 3.5, 0, 0], [3, 2, 0, 0]]
    assert kept.local.inliers.tolist() == [[2, 1.75, 0, 0], [1.5, 1, 0, 0]]
    assert kept.local.candidate_keypoints.tolist() == [[80, 70, 0, 0], [60, 40, 0, 0]]
    assert kept.local.keypoints.tolist() == [60, 70]
    assert kept.neighbours is near
    kinds = [(a.dtype, b.dtype) for a, b in ((kept.ranking.order, ranking.order), (kept.local.count, local.count))]
    assert all(a == b for a, b in kinds)


def pairs(shortlist: Shortlist, kept: NDArray[np.bool_]) -> list[tuple[float, ...]]:
    """(query, candidate, cosine, count, confidence, inliers, keypoints of both) of each pair that is kept, in order."""
    ranking, local = shortlist.ranking, shortlist.local
    assert local is not None
    columns = (ranking.order, ranking.scores, local.count, local.confidence, local.inliers, local.candidate_keypoints)
    query = np.nonzero(kept)[0]
    return list(zip(query, local.keypoints[query], *(column[kept] for column in columns), strict=True))


@given(st.integers(0, 2**16))
@settings(max_examples=25, deadline=None, derandomize=True)
def test_each_pair_that_stays_keeps_its_place_and_its_scores(seed: int) -> None:
    shortlist, _ = drawn(seed)
    valid = shortlist.ranking.order >= 0
    dropped = np.random.default_rng(seed).random(valid.shape) < 0.4
    kept = without(shortlist, dropped)
    assert pairs(kept, kept.ranking.order >= 0) == pairs(shortlist, valid & ~dropped)


def test_nothing_dropped_changes_nothing_and_all_dropped_leaves_padding() -> None:
    ranking = ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    same = without(Shortlist(ranking), np.zeros((1, 3), bool))
    assert same.ranking.order.tolist() == ranking.order.tolist()
    assert same.local is None
    assert without(Shortlist(ranking), np.ones((1, 3), bool)).ranking.order.tolist() == [[-1, -1, -1]]


@pytest.mark.parametrize(("q", "k"), [(0, 3), (2, 0)])
def test_an_empty_shortlist_stays_so(q: int, k: int) -> None:
    kept = without(Shortlist(ranked(np.empty((q, k)), np.empty((q, k)))), np.zeros((q, k), bool))
    assert kept.ranking.order.shape == (q, k)


def test_a_pair_that_is_still_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.stages.fuse._Packed", lambda places, gone: lambda values, filling: values)
    with pytest.raises(CellFailed, match="still in the shortlist") as caught:
        without(Shortlist(ranked([[4, 0, 2]], [[0.9, 0.8, 0.7]])), np.array([[True, False, False]]))
    assert "without" in caught.value.advice
