"""The mean of two logistic calibrations."""

from __future__ import annotations

import numpy as np
import pytest
from harness_plugins.fusion.logistic import learn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from shortlists import drawn, fusion
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from harness import CellFailed

VALIDATION, TRUTH = drawn(seed=0, q=24)
ASKED, _ = drawn(seed=1)


def by_sklearn(scores: np.ndarray, right: np.ndarray, asked: np.ndarray) -> np.ndarray:
    scale = StandardScaler().fit(scores[:, None])
    model = LogisticRegression(tol=1e-8).fit(scale.transform(scores[:, None]), right)
    return np.asarray(model.predict_proba(scale.transform(asked[:, None]))[:, 1])


@pytest.mark.parametrize("weight", [0.0, 0.25, 1.0])
def test_it_is_the_weighted_mean_of_what_sklearn_gives(weight: float) -> None:
    scores = fusion(f"logistic[weight={weight}]").fit(VALIDATION, TRUTH).rank(ASKED)
    known, valid = VALIDATION.ranking.order >= 0, ASKED.ranking.order >= 0
    of_cosine = by_sklearn(VALIDATION.ranking.scores[known], TRUTH[known], ASKED.ranking.scores[valid])
    fitted, asked = (np.log1p(one.local.count.astype(float)) for one in (VALIDATION, ASKED) if one.local)
    of_count = by_sklearn(fitted[known], TRUTH[known], asked[valid])
    assert scores[valid] == pytest.approx((1 - weight) * of_cosine + weight * of_count, abs=1e-9)


def test_the_curve_is_the_penalised_optimum() -> None:
    scores, right = np.array([0.1, 0.4, 0.5, 0.6, 0.9, 0.7]), np.array([False, False, True, False, True, True])
    z, sign = (scores - scores.mean()) / scores.std(), np.where(right, 1, -1)

    def loss(at: np.ndarray) -> float:
        return float(np.logaddexp(0, -sign * (at[0] * z + at[1])).sum() + at[0] ** 2 / 2)

    best, curve = minimize(loss, np.zeros(2), tol=1e-12).x, learn(scores, right)
    assert [curve.slope, curve.intercept] == pytest.approx(best, abs=1e-4)


def test_a_score_that_is_higher_for_wrong_pairs_is_ignored() -> None:
    curve = learn(np.arange(8.0), np.arange(8) < 2)
    assert curve(np.array([-50.0, 3.0, 50.0])).tolist() == pytest.approx([0.25] * 3)


def test_a_score_that_never_varies_is_ignored() -> None:
    curve = learn(np.full(8, 0.3), np.arange(8) < 2)
    assert curve(np.array([-50.0, 0.3, 50.0])).tolist() == pytest.approx([0.25] * 3, abs=1e-6)


def test_scores_that_separate_give_a_finite_slope() -> None:
    curve = learn(np.arange(8.0), np.arange(8) > 3)
    assert 0 < curve.slope < 10


@given(st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=2, max_size=30))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_curve_is_a_probability_and_never_falls(pairs: list[tuple[int, bool]]) -> None:
    right = np.array([p[1] for p in pairs])
    right[:2] = True, False
    values = learn(np.array([p[0] for p in pairs], float), right)(np.linspace(-1e3, 1e3, 50))
    assert (np.diff(values) >= 0).all()
    assert ((values >= 0) & (values <= 1)).all()


def test_validation_without_a_right_pair_fails() -> None:
    with pytest.raises(CellFailed, match="0 are right"):
        fusion("logistic").fit(VALIDATION, np.zeros_like(TRUTH))
