"""The points of the curves: their areas are the core's, and a threshold's point is what the core counts there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.answers import Decisions
from harness.metrics.calibration import Calibration
from harness.metrics.curves import Curves
from harness.metrics.openset import baks, baus
from harness.metrics.points import Points, reliability


def made(seed: int, levels: int, n: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Confidences of few levels, so that many tie; first answers; individuals, known and new."""
    rng = np.random.default_rng(seed)
    known = np.arange(n) % 3 > 0
    identity = np.array([f"{'k' if k else 'n'}{rng.integers(7)}" for k in known])
    return rng.integers(levels, size=n) / levels, known & (rng.random(n) < 0.6), identity, known


def area(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.trapezoid(y, x))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_the_areas_are_those_of_the_metrics(seed: int, levels: int) -> None:
    confidence, right, identity, known = made(seed, levels)
    points, curves = Points.of(confidence, right, identity, known), Curves.of(confidence, right, identity, known)
    sides = [len(np.unique(identity[side])) for side in (known, ~known)]
    expected = curves.numbers(np.ones((1, sides[0])), np.ones((1, sides[1])))
    assert area(points.new, points.known) == pytest.approx(expected["AUROC"][0])
    assert area(points.new, points.right) == pytest.approx(expected["OSCR"][0])
    assert area(1 - points.baus, points.baks) == pytest.approx(expected["BAKS-BAUS area"][0])


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_a_point_is_what_is_counted_at_its_threshold(seed: int, levels: int) -> None:
    confidence, right, identity, known = made(seed, levels)
    points = Points.of(confidence, right, identity, known)
    for place, threshold in enumerate(points.threshold):
        kept = confidence >= threshold
        said = np.where(kept, np.where(right, identity, "somebody else"), "")
        made_of_it = Decisions(np.arange(len(known)).astype(str), said, confidence, np.clip(confidence, 0, 1))
        assert points.baks[place] == pytest.approx(baks(made_of_it, identity, known).value)
        assert points.baus[place] == pytest.approx(baus(made_of_it, identity, known).value)
        assert points.known[place] == pytest.approx(kept[known].mean())
        assert points.new[place] == pytest.approx(kept[~known].mean())


def test_a_kind_that_is_missing_is_nan() -> None:
    confidence, right, identity, _ = made(0, 5)
    closed = Points.of(confidence, right, identity, np.ones(len(right), bool))
    assert np.isnan(closed.new).all()
    assert np.isnan(closed.baus).all()
    assert closed.known[-1] == 1.0
    fresh = Points.of(confidence, np.zeros(len(right), bool), identity, np.zeros(len(right), bool))
    assert np.isnan(fresh.known).all()
    assert fresh.baus[-1] == pytest.approx(0.0)


def test_thinning_keeps_both_ends() -> None:
    points = Points.of(*made(1, 1000))
    thin = points.thinned(10)
    assert 5 <= len(thin.threshold) <= 10
    assert (thin.threshold[0], thin.threshold[-1]) == (np.inf, points.threshold[-1])
    assert len(points.thinned(10_000).threshold) == len(points.threshold)


def test_thinning_keeps_a_corner() -> None:
    """The new queries share one confidence, in the middle of a thousand known ones."""
    confidence = np.append(np.arange(1000) / 1000, np.full(50, 0.7))
    known = np.arange(1050) < 1000
    identity = np.where(known, "k", "n")
    points = Points.of(confidence, known, identity, known)
    thin = points.thinned(12)
    assert len(thin.threshold) <= 12
    corners = (thin.new == 0.0).sum(), (thin.new == 1.0).sum()
    assert min(corners) >= 1
    assert thin.known[thin.new == 0.0].max() == points.known[points.new == 0.0].max()
    assert area(thin.new, thin.known) == pytest.approx(area(points.new, points.known))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(50, 5000), st.integers(10, 100))
def test_thinned_points_are_near_to_each_other(seed: int, levels: int, most: int) -> None:
    points = Points.of(*made(seed, levels, 900))
    thin = points.thinned(most)
    assert len(thin.threshold) <= most
    moved = [np.abs(np.diff(shares)).sum(axis=0) for shares in map(curves_of, (points, thin))]
    step = moved[0].sum() / (most // 2 - 1)
    assert moved[1].max() <= max(step, moved[0].max()) + 1e-9


def curves_of(points: Points) -> np.ndarray:
    return np.array([points.known, points.new, points.right, points.baks, points.baus])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 200))
def test_reliability_is_what_the_calibration_error_is_of(seed: int, levels: int) -> None:
    probability, _, identity, known = made(seed, levels, 300)
    stated, share, queries = reliability(probability, known)
    sides = [len(np.unique(identity[side])) for side in (known, ~known)]
    expected = Calibration.of(probability, identity, known).error(np.ones((1, sides[0])), np.ones((1, sides[1])))
    assert np.average(np.abs(stated - share), weights=queries) == pytest.approx(expected[0])
    assert queries.sum() == 300
    assert (np.diff(stated) > 0).all()
