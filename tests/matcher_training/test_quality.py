"""Precision and recall against counting by hand, and recall at equal precision."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from warped import by_hand

from harness import LocalFeatures, PairMatches
from harness.matcher_training.comparison import compared
from harness.matcher_training.quality import Answers, answers, precision_recall, threshold_at


class Says:
    """A matcher with one answer for every pair."""

    def __init__(self, indices: list[list[int]], scores: list[float], inliers: list[bool] | None = None) -> None:
        n = len(scores)
        self.found = PairMatches(
            np.array(indices, np.int32).reshape(n, 2),
            np.array(scores, np.float32),
            np.array(inliers or [True] * n, bool),
        )

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        return [self.found] * len(pairs)


VIEWS = by_hand([[(10, 10), (50, 50), (90, 10)], [(10, 11), (50, 50), (20, 70)]], [0, 0])
PAIR = np.array([[0, 1]])


def test_a_match_is_right_within_the_distance() -> None:
    found = answers(Says([[0, 0], [1, 2]], [0.9, 0.8]), VIEWS, PAIR, 3.0)
    assert found.right.tolist() == [True, False]
    assert precision_recall(found) == (0.5, 0.5)  # two true matches, one of them said


def test_what_the_geometric_check_refuses_is_not_said() -> None:
    found = answers(Says([[0, 0], [1, 2]], [0.9, 0.8], [True, False]), VIEWS, PAIR, 3.0)
    assert precision_recall(found) == (1.0, 0.5)


def test_a_matcher_that_says_nothing_has_no_precision_and_no_recall() -> None:
    precision, recall = precision_recall(answers(Says([], []), VIEWS, PAIR, 3.0))
    assert np.isnan(precision)
    assert recall == 0.0


def test_a_keypoint_is_recalled_once_and_only_if_it_has_a_partner() -> None:
    views = by_hand([[(10, 10), (50, 50)], [(10, 11), (11, 11), (50, 50)]], [0, 0])
    found = answers(Says([[0, 0], [0, 1], [1, 2]], [0.5, 0.9, 0.8]), views, PAIR, 3.0)
    assert found.right.all()
    assert precision_recall(found) == (1.0, 1.0)
    assert found.score[found.recalls].tolist() == pytest.approx([0.9, 0.8])  # the surest of the two


def test_matches_on_the_background_are_wrong() -> None:
    masked = by_hand([[(10, 10), (50, 50)], [(10, 10), (50, 50)]], [0, 0], useless=[(1, 0)])
    assert answers(Says([[0, 0], [1, 1]], [0.9, 0.8]), masked, PAIR, 3.0).right.tolist() == [False, True]


def _answers(right: list[bool], score: list[float], pair: list[int], true: list[int]) -> Answers:
    found = np.array(right, bool)
    return Answers(np.array(pair), np.array(score, np.float32), found, found, np.array(true))


def test_the_threshold_for_a_precision_is_the_lowest_that_has_it() -> None:
    found = _answers([True, False, True, True, False], [0.9, 0.8, 0.7, 0.6, 0.5], [0] * 5, [4])
    assert threshold_at(found, 0.75) == pytest.approx(0.6)  # 3 of 4
    assert threshold_at(found, 1.0) == pytest.approx(0.9)
    assert threshold_at(found, 0.1) == pytest.approx(0.5)
    assert threshold_at(_answers([False], [0.9], [0], [1]), 0.5) == float("inf")


def test_recall_is_compared_at_the_precision_of_the_first() -> None:
    rng = np.random.default_rng(0)
    individual = np.arange(40)
    pair = np.repeat(individual, 4)
    plain = _answers([True, False, True, False] * 40, [1.0] * 160, pair.tolist(), [4] * 40)
    sharp = _answers([True, True, True, False] * 40, (rng.random(160) * 0.1).tolist(), pair.tolist(), [4] * 40)
    first, second = compared(["plain", "sharp"], [plain, sharp], individual)
    assert (first.precision.value, first.recall.value, first.gain.value) == (0.5, 0.5, 0.0)
    assert second.precision.value == 0.75
    assert second.recall_at.value == pytest.approx(0.75)  # all of its matches are more precise than half
    assert second.gain.value == pytest.approx(0.25)
    assert second.gain.low is not None
    assert second.gain.low <= 0.25 <= (second.gain.high or 0)
