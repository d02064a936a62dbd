"""What a known-or-new rule sees, and what becomes of its answer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.errors import CellFailed
from harness.stages.decide import LOWEST, decide, query_scores
from harness.types import NEW, PairScores, QueryScores, Ranking

QUERIES, GALLERY = np.array(["q0", "q1", "q2"]), np.array(["g0", "g1", "g2"])
COARSE = Ranking(
    QUERIES,
    GALLERY,
    np.array([[2, 0, 1], [1, -1, -1], [-1, -1, -1]], np.int32),
    np.array([[0.9, 0.7, 0.2], [0.6, -np.inf, -np.inf], [-np.inf] * 3]),
)
FINAL = Ranking(
    QUERIES,
    GALLERY,
    np.array([[1, 2, 0], [1, -1, -1], [-1, -1, -1]], np.int32),
    np.array([[30, 20, 10], [0, -np.inf, -np.inf], [-np.inf] * 3]),
)
COUNT = np.array([[20, 10, 30], [0, 0, 0], [0, 0, 0]], np.float32)
LOCAL = PairScores(COUNT, COUNT / 2, COUNT, np.array([60, 0, 50], np.int32))
IDENTITY = np.array(["ann", "bo", "cy"])


class Says:
    """A rule with a fixed answer."""

    def __init__(self, known: Any, confidence: Any) -> None:
        self.answer = np.array(known), np.array(confidence, dtype=np.float64)

    def fit(self, scores: QueryScores, known: NDArray[np.bool_]) -> Self:
        return self

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        return self.answer


def test_without_a_matcher_there_are_cosine_and_margin() -> None:
    columns = query_scores(COARSE, COARSE, None).columns
    assert set(columns) == {"cosine", "margin"}
    assert columns["cosine"].tolist() == [0.9, 0.6, LOWEST]
    assert columns["margin"].tolist() == [pytest.approx(0.2), 0, 0], "one candidate, or none, has no margin"


def test_with_a_matcher_the_scores_are_those_of_the_final_first_answer() -> None:
    columns = query_scores(COARSE, FINAL, LOCAL).columns
    assert columns["cosine"].tolist() == [0.2, 0.6, LOWEST], "of g1, the last by cosine"
    assert columns["count"].tolist() == [30, 0, 0]
    assert columns["normalised-count"].tolist() == [0.5, 0, 0], "0 where the query has no keypoints"
    assert columns["margin"].tolist() == [pytest.approx(0.2), 0, 0]


def test_every_column_is_finite_and_a_query_without_candidates_is_lowest() -> None:
    for column in query_scores(COARSE, FINAL, LOCAL).columns.values():
        assert column.dtype == np.float64
        assert np.isfinite(column).all()
        assert column[2] == column.min()


def test_an_empty_gallery_is_answered_new() -> None:
    empty = Ranking(QUERIES, np.empty(0, np.str_), np.empty((3, 0), np.int32), np.empty((3, 0)))
    none = np.empty((3, 0), np.float32)
    scores = query_scores(empty, empty, PairScores(none, none, none, np.array([5, 5, 5], np.int32)))
    assert scores.columns["cosine"].tolist() == [LOWEST] * 3
    assert decide(Says([True] * 3, [1, 1, 1]), scores, empty, np.empty(0, np.str_)).identities.tolist() == [NEW] * 3


def test_known_is_answered_with_the_first_identity_and_new_with_none() -> None:
    made = decide(Says([True, False, True], [3, 1, 2]), query_scores(COARSE, FINAL, LOCAL), FINAL, IDENTITY)
    assert made.identities.tolist() == ["bo", NEW, NEW], "the last has no candidate, so it cannot be known"
    assert made.confidence.tolist() == [3, 1, 2]
    assert made.query_ids.tolist() == QUERIES.tolist()


@pytest.mark.parametrize("rule", [Says([True], [1.0]), Says([True] * 3, [1, np.nan, 2]), Says([True] * 3, [1, 2])])
def test_an_answer_that_misses_a_query_fails_the_cell(rule: Says) -> None:
    with pytest.raises(CellFailed, match="decide"):
        decide(rule, query_scores(COARSE, FINAL, LOCAL), FINAL, IDENTITY)
