"""The calibration error against scikit-learn's calibration curve, and where probabilities are equal."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from harness.metrics.calibration import BINS, Calibration


def error(probability: np.ndarray, known: np.ndarray) -> float:
    made = Calibration.of(probability, np.char.add("a", np.arange(len(known)).astype(str)), known)
    return float(made.error(np.ones((1, known.sum())), np.ones((1, (~known).sum())))[0])


def test_it_is_the_mean_gap_of_scikit_learns_curve() -> None:
    rng = np.random.default_rng(0)
    probability = rng.random(10 * BINS)
    known = rng.random(len(probability)) < probability**2
    share, stated = calibration_curve(known, probability, n_bins=BINS, strategy="quantile")
    assert len(share) == BINS
    assert error(probability, known) == pytest.approx(np.abs(share - stated).mean())


def test_the_base_rate_for_all_is_calibrated_and_certainty_is_not() -> None:
    known = np.arange(40) < 30
    assert error(np.full(40, 0.75), known) == pytest.approx(0)
    assert error(np.ones(40), known) == pytest.approx(0.25)


def test_equal_probabilities_share_a_bin_however_many_they_are() -> None:
    # known and new alternate in each half: split at a boundary inside the equal ones, gaps would appear
    known = np.tile([True, False], 100)
    assert error(np.full(200, 0.5), known) == pytest.approx(0)
    assert error(np.full(200, 0.5), np.sort(known)) == pytest.approx(0)


def test_opposite_gaps_of_different_bins_do_not_cancel() -> None:
    known = np.repeat([True, False], 50)
    assert error(np.repeat([0.1, 0.9], 50), known) == pytest.approx(0.9)
    assert error(np.repeat([0.9, 0.1], 50), known) == pytest.approx(0.1)
