"""The points of the curves of known against new, over all thresholds: what the areas of :mod:`.curves` are areas of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.metrics.calibration import BINS
from harness.metrics.intervals import Column

Flags = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Points:
    """One entry a threshold, from one that keeps nothing (infinite) to one that keeps all; all float64 [t].

    A query is kept, said to be known, where its confidence reaches the threshold. ``known`` and ``new``: share of the
    known and of the new queries that are kept; ``right``: share of the known ones that are kept and right at 1;
    ``baks`` and ``baus``: the latter, and the share of new queries not kept, with every individual counting alike.
    """

    threshold: Column
    known: Column
    new: Column
    right: Column
    baks: Column
    baus: Column

    @classmethod
    def of(cls, confidence: Column, right: Flags, identity: NDArray[np.str_], known: Flags) -> Self:
        """All thresholds that tell queries apart; arguments [q] as in :meth:`.curves.Curves.of`. A kind that is missing
        has NaN."""
        values, place = np.unique(-confidence, return_inverse=True)
        sides = {side: _weights(identity, known == side) for side in (True, False)}
        hit = right & known

        def running(weights: Column) -> Column:
            return np.append(0.0, np.cumsum(np.bincount(place, weights, len(values))))

        def share(rows: Flags, of: Flags) -> Column:
            total = of.sum()
            return running(rows.astype(np.float64)) / total if total else np.full(len(values) + 1, np.nan)

        return cls(
            np.append(np.inf, -values),
            share(known, known),
            share(~known, ~known),
            share(hit, known),
            running(sides[True] * hit) if known.any() else np.full(len(values) + 1, np.nan),
            1 - running(sides[False]) if (~known).any() else np.full(len(values) + 1, np.nan),
        )

    def thinned(self, most: int) -> Self:
        """At most so many of the points, ``most`` at least 4, both ends among them.

        Stops are laid at even steps along the way that all shares together move, and the points before and after each
        stop are kept. So corners stay: from one point to the next the shares move by less than one step in all, unless
        a single threshold moves them further.
        """
        if len(self.threshold) <= most:
            return self
        shares = np.nan_to_num([self.known, self.new, self.right, self.baks, self.baus])
        way = np.append(0.0, np.cumsum(np.abs(np.diff(shares)).sum(axis=0)))
        before = np.searchsorted(way, np.linspace(0, way[-1], most // 2), "right") - 1
        rows = np.unique(np.append(before, np.minimum(before + 1, len(way) - 1)))
        return type(self)(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def reliability(probability: Column, known: Flags) -> tuple[Column, Column, Column]:
    """(mean probability, share of known queries, queries), each float64 [bins], of the bins of
    :class:`.calibration.Calibration` that are not empty; arguments [q].

    The mean over queries of |mean probability - share of known| is the calibration error.
    """
    inner = np.quantile(probability, np.arange(1, BINS) / BINS)
    bins = np.searchsorted(inner, probability, "left")
    size = np.bincount(bins, minlength=BINS).astype(np.float64)
    there = size > 0
    means = (np.bincount(bins, weights, BINS)[there] / size[there] for weights in (probability, known))
    return (*means, size[there])  # type: ignore[return-value]


def _weights(identity: NDArray[np.str_], of: Flags) -> Column:
    """What a query weighs where every individual counts alike; they sum to 1, and 0 for queries of the other kind."""
    out = np.zeros(len(identity))
    if of.any():
        _, code, counts = np.unique(identity[of], return_inverse=True, return_counts=True)
        out[of] = 1 / counts[code] / len(counts)
    return out
