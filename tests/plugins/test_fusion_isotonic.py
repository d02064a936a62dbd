"""The mean of two isotonic calibrations."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from harness_plugins.fusion.isotonic import learn
from hypothesis import given, settings
from hypothesis import strategies as st
from shortlists import drawn, fusion
from sklearn.isotonic import IsotonicRegression

from harness import CellFailed
from harness.stages.fuse import fuse

VALIDATION, TRUTH = drawn(seed=0, q=24)
ASKED, _ = drawn(seed=1)


def by_sklearn(scores: np.ndarray, right: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return np.asarray(IsotonicRegression(out_of_bounds="clip").fit(scores, right.astype(float)).predict(asked))


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_it_is_the_weighted_mean_of_what_sklearn_gives(weight: float) -> None:
    scores = fusion(f"isotonic[weight={weight}]").fit(VALIDATION, TRUTH).rank(ASKED)
    known, valid = VALIDATION.ranking.order >= 0, ASKED.ranking.order >= 0
    assert VALIDATION.local is not None
    assert ASKED.local is not None
    of_cosine = by_sklearn(VALIDATION.ranking.scores[known], TRUTH[known], ASKED.ranking.scores[valid])
    counts = (np.log1p(one.local.count.astype(float)) for one in (VALIDATION, ASKED) if one.local)
    fitted, asked = counts
    of_count = by_sklearn(fitted[known], TRUTH[known], asked[valid])
    assert scores[valid] == pytest.approx((1 - weight) * of_cosine + weight * of_count, abs=1e-11)
    assert len(np.unique(scores[valid])) > 3, "it tells candidates apart"


def test_a_hand_worked_curve() -> None:
    curve = learn(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, True, False, True]))
    assert curve(np.array([0.0, 1.0, 2.0, 2.5, 3.0, 4.0, 9.0])).tolist() == [0, 0, 0.5, 0.5, 0.5, 1, 1]


def test_a_score_that_is_higher_for_wrong_pairs_has_no_say() -> None:
    curve = learn(np.arange(4.0), np.array([True, True, False, False]))
    assert curve(np.array([-1.0, 1.5, 9.0])).tolist() == [0.5, 0.5, 0.5]


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_curve_never_falls_and_keeps_the_share_of_right_pairs(pairs: list[tuple[int, bool]]) -> None:
    scores, right = np.array([p[0] for p in pairs], float), np.array([p[1] for p in pairs])
    curve = learn(scores, right)
    assert (np.diff(curve(np.linspace(-1, 21, 100))) >= -1e-12).all()
    assert curve(scores).mean() == pytest.approx(right.mean())


def test_level_stretches_are_ordered_by_the_global_score() -> None:
    level = fusion("isotonic[weight=1]").fit(VALIDATION, TRUTH)
    assert ASKED.local is not None
    nothing = replace(ASKED, local=replace(ASKED.local, count=np.zeros_like(ASKED.local.count)))
    assert np.array_equal(fuse(level, nothing).order, ASKED.ranking.order)


@pytest.mark.parametrize("truth", [np.zeros_like(TRUTH), np.ones_like(TRUTH)], ids=["none right", "none wrong"])
def test_one_sided_validation_fails_and_says_how_many(truth: np.ndarray) -> None:
    n = int((VALIDATION.ranking.order >= 0).sum())
    with pytest.raises(CellFailed, match=rf"of the {n} validation pairs ({n}|0) are right"):
        fusion("isotonic").fit(VALIDATION, truth)
