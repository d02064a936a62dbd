"""Does one outcome fall as another rises over the rows of a table? A slope, told only where it can be had honestly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Estimate, interval, resamples

ROWS = 4
"""Fewest rows through which a line is laid."""
NOISE = 0.1
"""Largest share of the spread of the rows that may be chance."""


def slope(level: NDArray[np.float64], change: NDArray[np.float64], identity: NDArray[np.str_]) -> Estimate | None:
    """Least-squares slope of each row's mean ``change`` against its mean ``level``; both [rows, q], ``identity`` [q].

    The interval resamples identities, the same for all rows, and holds the rows as they are. Where ``change`` is
    measured against ``level``, chance alone makes them fall together (Oldham, A note on the analysis of repeated
    measurements of the same subjects, Journal of Chronic Diseases 1962), by up to the share of chance in the spread of
    ``level``. So there is no slope (None) where that share, as the resamples show it, is above ``NOISE``, or where
    there are fewer than ``ROWS`` rows or a single identity.
    """
    _, code, counts = np.unique(identity, return_inverse=True, return_counts=True)
    if len(level) < ROWS or len(counts) < 2:
        return None
    levels, levels_drawn = _means(level, code, counts)
    changes, changes_drawn = _means(change, code, counts)
    chance = float(np.var(levels_drawn - levels, axis=1).mean())
    if chance >= NOISE * float(np.var(levels)):
        return None
    (value,), drawn = _slopes(levels[None], changes[None]), _slopes(levels_drawn, changes_drawn)
    return Estimate(float(value), len(level), *interval(drawn))


def _means(
    outcomes: NDArray[np.float64], code: NDArray[np.int64], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The mean of each row [rows], and of each resample [draws, rows]."""
    sums = np.stack([np.bincount(code, row, len(counts)) for row in outcomes], axis=1)
    drawn = [(weights @ sums) / (weights @ counts)[:, None] for weights in resamples(len(counts), seed=0)]
    return outcomes.mean(axis=1), np.concatenate(drawn)


def _slopes(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """The slope of each line [n] through points [n, rows]."""
    x, y = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    return np.asarray((x * y).sum(axis=1) / (x * x).sum(axis=1), np.float64)
