"""Numbers of known against new over all thresholds, for many bootstrap draws at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from harness.metrics.intervals import Column

Positions = NDArray[np.int64]
KEPT = 95
"""Percent of the known queries that FPR95 keeps."""
ALARMS = (1, 10)
"""Percent of the new queries that may be taken for known in DIR@FAR."""


@dataclass(frozen=True, eq=False)
class Curves:
    """Known and new queries, each sorted once by confidence, surest first; a draw is then a weight for each of them.

    At a threshold a query is kept, said to be known, where its confidence reaches it. No threshold tells equal
    confidences apart, so they stand or fall together, and an area joins the points before and after them by a line.

    Attributes:
        known_owner, new_owner: the individual of each query, as a number; [n_known] and [n_new].
        known_share, new_share: 1 / queries of that individual, so that each individual counts alike.
        right: 1 where the first answer is right, else 0 [n_known].
        surer: known queries with a higher confidence than each new one [n_new]; ``as_sure``: higher or equal.
        taken: new queries with at least the confidence of each known one [n_known].
    """

    known_owner: Positions
    new_owner: Positions
    known_share: Column
    new_share: Column
    right: Column
    surer: Positions
    as_sure: Positions
    taken: Positions

    @classmethod
    def of(
        cls,
        confidence: Column,
        right: NDArray[np.bool_],
        identity: NDArray[np.str_],
        known: NDArray[np.bool_],
    ) -> Self:
        """Sort; all [q]. Both kinds must be there."""
        sides = []
        for side in (known, ~known):
            _, owner, counts = np.unique(identity[side], return_inverse=True, return_counts=True)
            order = np.argsort(-confidence[side], kind="stable")
            sides.append((owner[order], 1 / counts[owner[order]], -confidence[side][order], order))
        (known_owner, known_share, known_fall, order), (new_owner, new_share, new_fall, _) = sides
        surer, as_sure = np.searchsorted(known_fall, new_fall, "left"), np.searchsorted(known_fall, new_fall, "right")
        taken = np.searchsorted(new_fall, known_fall, "right")
        hit = right[known][order].astype(np.float64)
        return cls(known_owner, new_owner, known_share, new_share, hit, surer, as_sure, taken)

    def numbers(self, known: Column, new: Column) -> dict[str, Column]:
        """Each number [rows], in [0, 1].

        - ``AUROC``: of known (positive) against new; an equal pair counts 1/2 (Hanley and McNeil, Radiology 1982).
        - ``FPR95``: share of new queries that are kept at the highest threshold that keeps at least 95 % of the known
          ones; no interpolation.
        - ``OSCR``: area under the share of known queries that are kept and right, against the share of new ones that
          are kept (Dhamija et al., Reducing Network Agnostophobia, NeurIPS 2018).
        - ``DIR@FAR1``, ``DIR@FAR10``: share of known queries that are kept and right at the lowest threshold that keeps
          at most 1 % or 10 % of the new ones (Phillips, Grother and Micheals, Evaluation Methods in Face Recognition,
          Handbook of Face Recognition 2011); no interpolation, so that 1 % of fewer than 100 is none.
        - ``BAKS-BAUS area``: area under the curve of BAKS against BAUS over all thresholds, in which each individual
          counts alike (Adam et al., WildlifeReID-10k, CVPRW 2025).

        Args:
            known: how often each known individual is drawn [rows, individuals], whole numbers, in the order of their
                names; ``new``: the same of the new ones.
        """
        on_known, on_new = np.take(known, self.known_owner, axis=1), np.take(new, self.new_owner, axis=1)
        kept, kept_new = _running(on_known), _running(on_new)
        hits = _running(on_known * self.right)
        all_known, all_new = kept[:, -1], kept_new[:, -1]
        return {
            "AUROC": self._area(kept, on_new) / (all_known * all_new),
            "FPR95": self._false_alarms(kept, kept_new) / all_new,
            "OSCR": self._area(hits, on_new) / (all_known * all_new),
            **{f"DIR@FAR{far}": self._identified(hits, kept_new, far) / all_known for far in ALARMS},
            "BAKS-BAUS area": self._balanced(on_known, on_new) / (known.sum(axis=1) * new.sum(axis=1)),
        }

    def _area(self, kept: Column, on_new: Column) -> Column:
        """Weight of pairs of a known and a new query in which the known one is surer; equal ones count 1/2."""
        both = np.take(kept, self.surer, axis=1) + np.take(kept, self.as_sure, axis=1)
        return np.asarray(np.einsum("ij,ij->i", both, on_new) / 2, dtype=np.float64)

    def _balanced(self, on_known: Column, on_new: Column) -> Column:
        return self._area(_running(on_known * (self.right * self.known_share)), on_new * self.new_share)

    def _false_alarms(self, kept: Column, kept_new: Column) -> Column:
        """Weight of the new queries that reach the known query with which KEPT percent of the known are kept."""
        # Whole numbers on both sides: 0.95 of them would be rounded.
        last = (100 * kept[:, 1:] < KEPT * kept[:, -1:]).sum(axis=1)
        return _at(kept_new, self.taken[last])

    def _identified(self, hits: Column, kept_new: Column, percent: int) -> Column:
        """Weight of right known queries that are surer than the first new query that is one too many."""
        first = (100 * kept_new[:, 1:] <= percent * kept_new[:, -1:]).sum(axis=1)
        return _at(hits, self.surer[first])


def _running(weights: Column) -> Column:
    """Weight of the first 0, 1, ... n queries [rows, n + 1]."""
    total = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=total[:, 1:])
    return total


def _at(running: Column, count: Positions) -> Column:
    return np.take_along_axis(running, count[:, None], axis=1)[:, 0]
