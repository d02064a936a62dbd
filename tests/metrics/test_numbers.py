"""Numbers that decide what a table says, as the protocol states them: a change of one is a change of every row."""

from __future__ import annotations

from harness.metrics import calibration, curves, intervals, significance, trend


def test_bins_shares_and_levels_are_those_of_the_protocol() -> None:
    assert (calibration.BINS, curves.KEPT, curves.ALARMS) == (15, 95, (1, 10))
    assert (intervals.RESAMPLES, intervals.LEVEL) == (1000, 0.95)
    assert (significance.FLIPS, significance.FLIPS_A_COMPARISON, significance.ALPHA) == (9999, 100, 0.05)
    assert (trend.ROWS, trend.NOISE) == (4, 0.1)
