"""Which two views are learned from next: drawn by seed and step, so that a resumed training sees the same ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness.errors import CellFailed
from harness.matcher_training.views import Views

Rows = NDArray[np.int64]
LEAST = 8
"""Keypoints of use that a view needs to be learned from."""


class Pairing:
    """Pairs of views of the photographs in ``photographs`` that have ``least`` keypoints of use.

    Raises:
        CellFailed: no photograph has two views with enough keypoints.
    """

    def __init__(self, views: Views, photographs: Sequence[int], least: int = LEAST) -> None:
        rich = views.useful.sum(axis=1) >= least
        of = {number: np.flatnonzero((views.photograph == number) & rich) for number in photographs}
        self._of = [rows for rows in of.values() if len(rows) > 1]
        if not self._of:
            raise CellFailed(
                f"no photograph has two views with {least} keypoints of use",
                "Take larger photographs, more keypoints, or a lower threshold of the features; see whether the masks, "
                "if there are any, show the animal.",
            )
        self._individual: Rows = np.array([views.individual[rows[0]] for rows in self._of])

    def __len__(self) -> int:
        """How many photographs are drawn from."""
        return len(self._of)

    def drawn(self, count: int, negatives: float, seed: Sequence[int]) -> Rows:
        """``count`` pairs [count, 2] of views: of one photograph, or a share ``negatives`` of two individuals."""
        rng = np.random.default_rng(list(seed))
        return np.array(list(self._pairs(count, negatives, rng)), np.int64).reshape(count, 2)

    def _pairs(self, count: int, negatives: float, rng: np.random.Generator) -> Iterator[tuple[int, int]]:
        several = len(np.unique(self._individual)) > 1
        for _ in range(count):
            own = int(rng.integers(len(self._of)))
            if several and rng.random() < negatives:
                other = int(rng.choice(np.flatnonzero(self._individual != self._individual[own])))
                yield int(rng.choice(self._of[own])), int(rng.choice(self._of[other]))
            else:
                first, second = rng.choice(self._of[own], 2, replace=False)
                yield int(first), int(second)
