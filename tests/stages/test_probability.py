"""Platt scaling: against another minimiser, calibrated, never falling, and the plain share where nothing is learnt."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from harness.stages.probability import Probability


def herd(seed: int = 0, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    known = rng.random(n) < 0.8
    return rng.normal(50 + 10 * known, 8), known


def test_it_minimises_the_penalised_log_loss() -> None:
    confidence, known = herd()
    standard = (confidence - confidence.mean()) / confidence.std()

    def loss(line: np.ndarray) -> float:
        margin = np.where(known, 1, -1) * (line[0] + line[1] * standard)
        return float(np.logaddexp(0, -margin).sum() + line[1] ** 2 / 2)

    intercept, slope = minimize(loss, np.zeros(2), tol=1e-12).x
    made = Probability.fit(confidence, known)
    assert (made.intercept, made.slope) == pytest.approx((intercept, slope), abs=1e-4)
    assert made.of(confidence) == pytest.approx(1 / (1 + np.exp(-(intercept + slope * standard))), abs=1e-4)


def test_the_mean_probability_on_validation_is_the_share_of_known() -> None:
    confidence, known = herd(1)
    assert Probability.fit(confidence, known).of(confidence).mean() == pytest.approx(known.mean(), abs=1e-4)


def test_units_of_the_confidence_do_not_matter() -> None:
    confidence, known = herd(2)
    plain = Probability.fit(confidence, known).of(confidence)
    for scale, shift in ((1e-6, 0), (1e6, -3e5)):
        moved = confidence * scale + shift
        assert Probability.fit(moved, known).of(moved) == pytest.approx(plain, abs=1e-5)


@pytest.mark.parametrize(
    ("confidence", "known", "share"),
    [
        ([0.1, 0.9], [True, True], 1.0),
        ([0.1, 0.9], [False, False], 0.0),
        ([0.1, 0.1, 0.1, 0.1], [True, False, True, True], 0.75),
        ([0.9, 0.1, 0.2, 0.3], [False, True, True, True], 0.75),
        ([], [], 0.5),
    ],
    ids=["known only", "new only", "constant", "upside down", "nobody"],
)
def test_where_nothing_can_be_learnt_every_query_gets_the_plain_share(
    confidence: list[float], known: list[bool], share: float
) -> None:
    made = Probability.fit(np.array(confidence), np.array(known, dtype=bool))
    assert made.of(np.array([-5.0, 0.3, 1e9])).tolist() == pytest.approx([share] * 3)


@pytest.mark.parametrize("count", [3, 7])
def test_equal_confidences_that_seem_to_differ_by_rounding_are_constant(count: int) -> None:
    confidence = np.full(10, 0.3)
    assert confidence.std() > 0, "its mean is rounded"
    assert Probability.fit(confidence, np.arange(10) < count).slope == 0


def test_it_is_the_same_each_time_and_for_any_order() -> None:
    confidence, known = herd(3)
    mixed = np.random.default_rng(0).permutation(len(known))
    assert Probability.fit(confidence, known) == Probability.fit(confidence, known)
    other = Probability.fit(confidence[mixed], known[mixed])
    assert other.of(confidence) == pytest.approx(Probability.fit(confidence, known).of(confidence), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.booleans()), min_size=1, max_size=20))
def test_a_higher_confidence_is_never_less_probable(rows: list[tuple[float, bool]]) -> None:
    confidence, known = np.array([c for c, _ in rows]), np.array([k for _, k in rows])
    asked = np.sort(np.concatenate([confidence, [-1e9, 0, 1e9]]))
    made = Probability.fit(confidence, known).of(asked)
    assert ((made >= 0) & (made <= 1)).all()
    assert (np.diff(made) >= 0).all()


def test_confidences_too_close_for_a_deviation_are_constant() -> None:
    confidence = np.array([0.0, 0.0, 5e-324, 5e-324])
    assert np.ptp(confidence) > 0
    assert confidence.std() == 0
    assert Probability.fit(confidence, np.array([False, True, True, True])) == Probability.fit(
        np.zeros(4), np.array([False, True, True, True])
    )


def test_a_deviation_of_one_and_a_weak_relation_are_learnt() -> None:
    assert Probability.fit(np.array([-1.0, -1.0, 1.0, 1.0]), np.array([False, False, True, True])).slope > 0
    confidence = np.arange(40) % 20 * 1.0
    weak = Probability.fit(confidence, (np.arange(40) % 20 + np.arange(40) // 20 * 7) % 20 > 9)
    assert 0 < weak.slope < 1
