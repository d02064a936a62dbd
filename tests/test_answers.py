"""What fusions and rules are handed, and what they answer: each refuses what it must not hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from harness.answers import Decisions, QueryScores, QueryTruth, Shortlist
from harness.errors import DataError
from harness.types import PairScores, Ranking


def ids(*names: str) -> Any:
    return np.array(names)


def ranking(order: Any, scores: Any) -> Ranking:
    """A ranking of three gallery images."""
    names = ids(*(f"q{i}" for i in range(len(order))))
    return Ranking(names, ids("g0", "g1", "g2"), np.array(order, np.int32), np.array(scores, np.float64))


def test_a_shortlist_refuses_what_belongs_to_another() -> None:
    two, three = ranking([[2, 0, 1], [0, 1, 2]], [[3, 2, 1]] * 2), ranking([[1], [0], [1]], [[1]] * 3)
    counts, keypoints = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.int32)
    local = PairScores(counts, counts, counts, np.zeros(2, np.int32), keypoints)
    assert Shortlist(two, local, three).neighbours is three
    with pytest.raises(DataError, match="pair scores of another shortlist"):
        Shortlist(three, local)
    with pytest.raises(DataError, match="neighbours of another gallery"):
        Shortlist(two, None, two)


def test_query_scores_refuse_what_a_rule_cannot_compare() -> None:
    two = ids("a", "b")
    with pytest.raises(DataError, match="cosine has a wrong length"):
        QueryScores(two, two, {"cosine": np.zeros(1)})
    with pytest.raises(DataError, match="margin is not finite"):
        QueryScores(two, two, {"cosine": np.zeros(2), "margin": np.array([0, -np.inf])})
    with pytest.raises(DataError, match="dataset has a wrong length"):
        QueryScores(two, ids("d"), {"cosine": np.zeros(2)})


def test_query_truth_refuses_a_right_answer_to_a_new_animal() -> None:
    known, right = np.array([True, False]), np.array([False, True])
    with pytest.raises(DataError, match="new individual"):
        QueryTruth(known, right, ids("ann", "bo"))
    with pytest.raises(DataError, match="unequal length"):
        QueryTruth(known, known, ids("ann"))
    assert QueryTruth(known, known, ids("ann", "bo")).right.any()


def test_decisions_refuse_a_missing_or_repeated_query() -> None:
    with pytest.raises(DataError, match="miss a query"):
        Decisions(ids("a", "b"), ids("ann"), np.zeros(2), np.zeros(2))
    with pytest.raises(DataError, match="miss a query"):
        Decisions(ids("a", "b"), ids("ann", "bo"), np.zeros(2), np.zeros(1))
    with pytest.raises(DataError, match="repeats an id"):
        Decisions(ids("a", "a"), ids("ann", "ann"), np.zeros(2), np.zeros(2))


@pytest.mark.parametrize("value", [-0.1, 1.1, np.nan])
def test_decisions_refuse_what_is_no_probability(value: float) -> None:
    with pytest.raises(DataError, match="outside 0 to 1"):
        Decisions(ids("a"), ids("ann"), np.zeros(1), np.array([value]))
