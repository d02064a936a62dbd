"""Re-ranking re-orders the shortlist and nothing else."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import CellFailed
from harness.stages.fuse import candidate_truth, fuse
from harness.types import PairScores, Ranking


class Given:
    """A fusion that gives these scores."""

    def __init__(self, scores: Any) -> None:
        self.scores = np.asarray(scores, dtype=np.float64)

    def fit(self, ranking: Ranking, local: PairScores, truth: NDArray[np.bool_]) -> Self:
        return self

    def rank(self, ranking: Ranking, local: PairScores) -> NDArray[np.float64]:
        return self.scores


class Meddler(Given):
    """A fusion that swaps a candidate of the shortlist for another image."""

    def rank(self, ranking: Ranking, local: PairScores) -> NDArray[np.float64]:
        ranking.order[0, 0] = 5
        return self.scores


def shortlist(order: Any, scores: Any, gallery: int = 6) -> Ranking:
    order = np.array(order, np.int32)
    names = np.array([f"q{i}" for i in range(len(order))]), np.array([f"g{i}" for i in range(gallery)])
    return Ranking(*names, order, np.array(scores, np.float64))


def nothing(ranking: Ranking) -> PairScores:
    zeros = np.zeros(ranking.order.shape, np.float32)
    return PairScores(zeros, zeros, zeros, np.zeros(len(ranking.order), np.int32))


def test_candidates_follow_the_fused_scores() -> None:
    ranking = shortlist([[4, 0, 2], [1, 5, 3]], [[0.9, 0.8, 0.7], [0.6, 0.5, 0.4]])
    fused = fuse(Given([[1, 3, 2], [9, 0, 10]]), ranking, nothing(ranking))
    assert fused.order.tolist() == [[0, 2, 4], [3, 1, 5]]
    assert fused.scores.tolist() == [[3, 2, 1], [10, 9, 0]]
    assert fused.order.dtype == np.int32


def test_ties_keep_the_global_order() -> None:
    order = np.random.default_rng(0).permutation(20).tolist()
    ranking = shortlist([order], [np.linspace(0.9, 0.1, 20)], gallery=20)
    fused = fuse(Given([[5, 7] * 10]), ranking, nothing(ranking))
    assert fused.order[0].tolist() == order[1::2] + order[::2]


def test_ties_of_both_scores_are_ordered_by_a_hash_whatever_the_order_they_came_in() -> None:
    came = [np.random.default_rng(i).permutation(50).tolist() for i in range(2)]
    fused = []
    for row in came:
        ranking = shortlist([row], [[0.5] * 50], gallery=50)
        fused.append(fuse(Given([[1.0] * 50]), ranking, nothing(ranking)).order[0].tolist())
    assert fused[0] == fused[1]
    assert fused[0] != sorted(fused[0]), "not the row order"


def test_padding_stays_at_the_end_whatever_its_score() -> None:
    ranking = shortlist([[3, 1, -1], [-1, -1, -1]], [[0.5, 0.4, -np.inf], [-np.inf] * 3])
    fused = fuse(Given([[-7, -6, 100], [np.nan, 1, 2]]), ranking, nothing(ranking))
    assert fused.order.tolist() == [[1, 3, -1], [-1, -1, -1]]
    assert np.isneginf(fused.scores[fused.order < 0]).all()


def test_the_shortlist_keeps_its_members_and_its_scores_fall() -> None:
    rng = np.random.default_rng(0)
    order = np.array([rng.permutation(40)[:12] for _ in range(30)])
    ranking = shortlist(order, -np.sort(-rng.random((30, 12)), axis=1), gallery=40)
    fused = fuse(Given(rng.integers(0, 3, (30, 12))), ranking, nothing(ranking))
    assert np.array_equal(np.sort(fused.order, axis=1), np.sort(order, axis=1))
    assert (np.diff(fused.scores, axis=1) <= 0).all()


@pytest.mark.parametrize("scores", [[[1.0, 2.0]], [[1.0, np.nan, 2.0]], [[np.inf, 1.0, 2.0]]])
def test_scores_that_cannot_be_ranked_fail_the_cell(scores: list[list[float]]) -> None:
    ranking = shortlist([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    with pytest.raises(CellFailed, match="rank"):
        fuse(Given(scores), ranking, nothing(ranking))


def test_a_fusion_that_changes_the_shortlist_fails_the_cell() -> None:
    ranking = shortlist([[4, 0, 2]], [[0.9, 0.8, 0.7]])
    with pytest.raises(CellFailed, match="shortlist"):
        fuse(Meddler([[1, 2, 3]]), ranking, nothing(ranking))


def test_truth_names_the_right_candidates_and_no_padding() -> None:
    ranking = shortlist([[2, 0, -1], [1, -1, -1]], [[0.9, 0.8, -np.inf], [0.9, -np.inf, -np.inf]], gallery=3)
    truth = candidate_truth(ranking, np.array(["ann", "cy"]), np.array(["ann", "bo", "cy"]))
    assert truth.tolist() == [[False, True, False], [False, False, False]], "-1 is not the last image, which is cy"
    assert truth.dtype == np.bool_
