"""Reciprocal rank fusion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shortlists import drawn, fusion

from harness import PairScores, Ranking, Shortlist


def one(cosines: list[float], counts: list[int], padding: int = 0) -> Shortlist:
    n, width = len(cosines), len(cosines) + padding
    order = np.array([[*range(n), *[-1] * padding]], np.int32)
    ranking = Ranking(
        np.array(["q"]), np.array([f"g{i}" for i in range(width)]), order, np.array([cosines + [-np.inf] * padding])
    )
    count = np.array([counts + [0] * padding], np.float32)
    return Shortlist(ranking, PairScores(count, count, count, np.array([9]), np.full((1, width), 9)))


def test_a_hand_worked_table() -> None:
    scores = fusion("rrf").rank(one([0.9, 0.8, 0.7], [0, 7, 3]))
    assert scores[0].tolist() == pytest.approx([1 / 61 + 1 / 63, 1 / 62 + 1 / 61, 1 / 63 + 1 / 62])


def test_ties_share_the_mean_rank_and_padding_takes_no_part() -> None:
    scores = fusion("rrf[k=10]").rank(one([0.9, 0.8, 0.8, 0.1], [0, 0, 5, 0], padding=3))
    expected = [1 / 11 + 1 / 13, 1 / 12.5 + 1 / 13, 1 / 12.5 + 1 / 11, 1 / 14 + 1 / 13]
    assert scores[0, :4].tolist() == pytest.approx(expected)


def test_without_any_match_the_global_order_stays() -> None:
    scores = fusion("rrf").rank(one([0.9, 0.8, 0.7], [0, 0, 0]))
    assert (np.diff(scores) < 0).all()


@given(st.integers(0, 2**16))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_ranks_are_those_of_counting(seed: int) -> None:
    shortlist, _ = drawn(seed, q=2, decimals=1)
    assert shortlist.local is not None
    valid = shortlist.ranking.order >= 0

    def rank(row: np.ndarray, at: float) -> float:
        return float((row > at).sum() + ((row == at).sum() + 1) / 2)

    scores = fusion("rrf[k=3]").rank(shortlist)
    for query, place in zip(*np.nonzero(valid), strict=True):
        both = (values[query][valid[query]] for values in (shortlist.ranking.scores, shortlist.local.count))
        ranks = [rank(row, row[place]) for row in both]  # padding stands at the end, so places stay
        assert scores[query, place] == pytest.approx(sum(1 / (3 + r) for r in ranks))


def test_only_ranks_count() -> None:
    near, far = one([0.9, 0.8, 0.7], [1, 2, 3]), one([0.9, 0.1, -0.5], [4, 50, 600])
    assert np.array_equal(fusion("rrf").rank(near), fusion("rrf").rank(far))
