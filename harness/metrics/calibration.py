"""Calibration error: how far stated probabilities of "known" are from what happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Column

BINS = 15


@dataclass(frozen=True, eq=False)
class Calibration:
    """Expected calibration error (Naeini et al., AAAI 2015) with bins of equal mass (Nguyen and O'Connor, EMNLP 2015).

    The bins end at quantiles of the probabilities of the whole sample, the same in every draw; equal probabilities
    share a bin. Sums are kept by individual, so that the error of a draw is a sum over individuals.

    Attributes:
        excess_known, excess_new: sum of (probability - truth) of each individual in each bin [individuals, BINS].
        size_known, size_new: queries of each individual.
    """

    excess_known: Column
    excess_new: Column
    size_known: Column
    size_new: Column

    @classmethod
    def of(cls, probability: Column, identity: NDArray[np.str_], known: NDArray[np.bool_]) -> Self:
        """Sum up; all [q], individuals in the order of their names."""
        inner = np.quantile(probability, np.arange(1, BINS) / BINS)
        bins, excess = np.searchsorted(inner, probability, "left"), probability - known
        sums, sizes = [], []
        for side in (known, ~known):
            names, code = np.unique(identity[side], return_inverse=True)
            table: Column = np.bincount(code * BINS + bins[side], excess[side], len(names) * BINS).astype(np.float64)
            sums.append(table.reshape(len(names), BINS))
            sizes.append(np.bincount(code).astype(np.float64))
        return cls(*sums, *sizes)

    def error(self, known: Column, new: Column) -> Column:
        """Mean over queries of |mean probability - share of known| of their bin [rows]; arguments as in
        :meth:`harness.metrics.curves.Curves.numbers`."""
        gap = np.abs(known @ self.excess_known + new @ self.excess_new).sum(axis=1)
        return np.asarray(gap / (known @ self.size_known + new @ self.size_new), dtype=np.float64)
