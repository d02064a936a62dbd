"""What a known-or-new rule sees, and what becomes of its answer."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.answers import QueryScores, QueryTruth
from harness.errors import CellFailed, DataError
from harness.stages.decide import LOWEST, answered, decide, query_scores, query_truth
from harness.stages.probability import Probability
from harness.types import NEW, PairScores, Ranking

QUERIES, GALLERY = np.array(["q0", "q1", "q2"]), np.array(["g0", "g1", "g2"])
SETS = np.array(["zebras", "zebras", "seals"])
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
    np.array([[30, 20, 10], [5, -np.inf, -np.inf], [-np.inf] * 3]),
)
COUNT = np.array([[20, 10, 30], [0, 0, 0], [0, 0, 0]], np.float32)
LOCAL = PairScores(COUNT, COUNT / 2, COUNT, np.array([60, 0, 50], np.int32), np.full((3, 3), 9, np.int32))
IDENTITY = np.array(["ann", "bo", "cy"])
EVEN = Probability(0.0)


class Says:
    """A rule with a fixed answer."""

    def __init__(self, known: Any, confidence: Any) -> None:
        self.answer = np.array(known), np.array(confidence, dtype=np.float64)

    def fit(self, scores: QueryScores, truth: QueryTruth) -> Self:
        return self

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        return self.answer


def columns(final: Ranking = COARSE, local: PairScores | None = None, identity: Any = IDENTITY) -> Any:
    return query_scores(COARSE, final, local, SETS, np.array(identity)).columns


def test_without_a_matcher_and_a_fusion_there_are_three_columns() -> None:
    made = columns()
    assert set(made) == {"cosine", "margin", "ratio"}
    assert made["cosine"].tolist() == [0.9, 0.6, LOWEST]


def test_with_a_matcher_the_scores_are_those_of_the_final_first_answer() -> None:
    made = columns(FINAL, LOCAL)
    assert made["cosine"].tolist() == [0.2, 0.6, LOWEST], "of g1, the last by cosine"
    assert made["count"].tolist() == [30, 0, 0]
    assert made["normalised-count"].tolist() == [0.5, 0, 0], "0 where the query has no keypoints"
    assert made["fused"].tolist() == [30, 5, 5], "without a candidate, the lowest that was given"
    assert columns(FINAL)["fused"].tolist() == [30, 5, 5], "there are fusions without a matcher"
    assert "fused" not in columns(COARSE, LOCAL)


def test_margin_and_ratio_compare_two_individuals_by_cosine_whatever_the_fusion_says() -> None:
    for final in (COARSE, FINAL):
        made = columns(final)
        assert made["margin"].tolist() == [pytest.approx(0.2), 0, 0]
        near, far = (np.sqrt(2 - 2 * cosine) for cosine in (0.9, 0.7))
        assert made["ratio"].tolist() == [pytest.approx(1 - near / far), 0, 0]


def test_a_second_photograph_of_the_best_individual_is_no_rival() -> None:
    made = columns(identity=["cy", "bo", "cy"])  # g2 and g0 both show cy
    assert made["margin"][0] == pytest.approx(0.7)
    assert made["ratio"][0] == pytest.approx(1 - np.sqrt(0.2) / np.sqrt(1.6))
    alone = columns(identity=["cy", "cy", "cy"])
    assert (alone["margin"][0], alone["ratio"][0]) == (0, 0), "no other individual"


def test_copies_and_rounding_leave_the_ratio_finite() -> None:
    above = float(np.nextafter(1, 2))
    scores = np.array([[above, above, 0.5], [above, 0.0, -1.0], [0.3, 0.3, 0.3]])
    ranking = Ranking(QUERIES, GALLERY, np.tile(np.arange(3, dtype=np.int32), (3, 1)), scores)
    made = query_scores(ranking, ranking, None, SETS, IDENTITY).columns
    assert made["ratio"].tolist() == [0, 1, 0], "two copies of different animals tell nothing"
    assert made["margin"].tolist() == [0, pytest.approx(1), 0]


def test_every_column_is_finite_and_a_query_without_candidates_is_lowest() -> None:
    for column in columns(FINAL, LOCAL).values():
        assert column.dtype == np.float64
        assert np.isfinite(column).all()
        assert column[2] == column.min()


def test_the_data_set_of_each_query_is_handed_on() -> None:
    assert query_scores(COARSE, COARSE, None, SETS, IDENTITY).dataset.tolist() == SETS.tolist()


def test_an_empty_gallery_is_answered_new() -> None:
    empty = Ranking(QUERIES, np.empty(0, np.str_), np.empty((3, 0), np.int32), np.empty((3, 0)))
    again = Ranking(QUERIES, np.empty(0, np.str_), np.empty((3, 0), np.int32), np.empty((3, 0)))
    none, nobody = np.empty((3, 0), np.float32), np.empty(0, np.str_)
    local = PairScores(none, none, none, np.array([5, 5, 5], np.int32), none.astype(np.int32))
    scores = query_scores(empty, again, local, SETS, nobody)
    assert {name: column.tolist() for name, column in scores.columns.items() if name != "cosine"} == {
        name: [0, 0, 0] for name in ("margin", "ratio", "count", "normalised-count", "fused")
    }
    assert scores.columns["cosine"].tolist() == [LOWEST] * 3
    assert decide(Says([True] * 3, [1, 1, 1]), scores, empty, nobody, EVEN).identities.tolist() == [NEW] * 3
    truth = query_truth(empty, np.zeros(3, bool), IDENTITY, nobody)
    assert not truth.right.any()


def test_an_answer_is_right_where_the_first_image_shows_the_individual() -> None:
    known = np.array([True, True, False])
    truth = query_truth(FINAL, known, np.array(["bo", "ann", "dan"]), IDENTITY)
    assert truth.right.tolist() == [True, False, False]
    assert truth.known.tolist() == known.tolist()
    assert truth.identity.tolist() == ["bo", "ann", "dan"]
    assert query_truth(COARSE, known, np.array(["bo", "ann", "dan"]), IDENTITY).right.tolist() == [False] * 3


def test_a_query_without_a_candidate_is_not_right_about_the_last_of_the_gallery() -> None:
    assert not query_truth(FINAL, np.array([True] * 3), np.array(["bo", "ann", "cy"]), IDENTITY).right[2]


def test_a_new_individual_in_the_gallery_is_refused() -> None:
    with pytest.raises(DataError, match="new individual"):
        query_truth(FINAL, np.zeros(3, bool), np.array(["bo", "dan", "eve"]), IDENTITY)


def test_known_is_answered_with_the_first_identity_and_new_with_none() -> None:
    scores = query_scores(COARSE, FINAL, LOCAL, SETS, IDENTITY)
    made = decide(Says([True, False, True], [3, 1, 2]), scores, FINAL, IDENTITY, Probability(0.0, 1.0, 2.0, 0.5))
    assert made.identities.tolist() == ["bo", NEW, NEW], "the last has no candidate, so it cannot be known"
    assert made.confidence.tolist() == [3, 1, 2]
    assert made.query_ids.tolist() == QUERIES.tolist()
    assert made.probability.tolist() == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2)), 0.5])


@pytest.mark.parametrize("rule", [Says([True], [1.0]), Says([True] * 3, [1, np.nan, 2]), Says([True] * 3, [1, 2])])
def test_an_answer_that_misses_a_query_fails_the_cell(rule: Says) -> None:
    with pytest.raises(CellFailed, match="decide"):
        decide(rule, query_scores(COARSE, FINAL, LOCAL, SETS, IDENTITY), FINAL, IDENTITY, EVEN)


def first_of_the_gallery() -> Ranking:
    """Final rankings whose first answer is row 0 of the gallery, once as the lowest score of all."""
    scores = np.array([[30, 20, 10], [5, -np.inf, -np.inf], [-np.inf] * 3])
    return Ranking(QUERIES, GALLERY, np.array([[0, 2, 1], [0, -1, -1], [-1, -1, -1]], np.int32), scores)


def test_the_first_row_of_the_gallery_is_an_answer_and_no_padding() -> None:
    final = first_of_the_gallery()
    order = np.array([[2, 0, 1], [0, -1, -1], [-1, -1, -1]], np.int32)
    made = query_scores(Ranking(QUERIES, GALLERY, order, COARSE.scores), final, LOCAL, SETS, IDENTITY).columns
    assert made["cosine"].tolist() == [0.7, 0.6, LOWEST]
    assert made["count"].tolist() == [10, 0, 0]
    assert made["fused"].tolist() == [30, 5, 5], "the lowest that was given stands at row 0"


def test_one_keypoint_with_one_match_is_all_of_them() -> None:
    count = np.array([[1, 0, 0]] * 3, np.float32)
    local = PairScores(count, count, count, np.array([1, 2, 4], np.int32), np.full((3, 3), 9, np.int32))
    assert columns(COARSE, local)["normalised-count"].tolist() == [1, 0.5, 0]


class ByCosine(Says):
    """A rule that looks at what it is handed."""

    def __init__(self) -> None:
        super().__init__([], [])

    def decide(self, scores: QueryScores) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
        return scores.columns["cosine"] > 0.5, scores.columns["cosine"]


def test_a_rule_is_handed_the_scores_and_what_is_wrong_with_its_answer_is_told() -> None:
    scores = query_scores(COARSE, FINAL, LOCAL, SETS, IDENTITY)
    known, confidence = answered(ByCosine(), scores)
    assert known.tolist() == [False, True, False]
    assert confidence.tolist() == [0.2, 0.6, LOWEST]
    assert [part.dtype for part in answered(Says([1, 0, 1], [1, 2, 3]), scores)] == [np.bool_, np.float64]
    with pytest.raises(CellFailed, match=r"\(1,\) answers and \(2,\) confidences for \(3,\) queries"):
        answered(Says([True], [1.0, 2.0]), scores)
