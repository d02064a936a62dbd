"""Scores of pairs in memory: sorted runs, each twice as long as the next, so that what comes is never sorted often."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Scores = NDArray[np.float32]


class Run(NamedTuple):
    """Codes [n], rising, each once, and their scores [n, columns]."""

    codes: Codes
    scores: Scores


class PairTable:
    """A dictionary from the code of a pair to its scores; of what is added twice, the first stays.

    n pairs that come in m portions are sorted in O(n log n log m): the runs are those of a log-structured merge
    (O'Neil et al., The log-structured merge-tree, 1996), kept in memory.
    """

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._runs: list[Run] = []
        self._fresh: list[Run] = []

    def add(self, codes: Codes, scores: Scores) -> None:
        """Add pairs in any order; they are sorted when somebody asks."""
        if len(codes):
            self._fresh.append(Run(codes, scores))

    def __len__(self) -> int:
        self._settle()
        return sum(len(run.codes) for run in self._runs)

    def there(self, codes: Codes) -> NDArray[np.bool_]:
        """Which of the codes [n] are there."""
        self._settle()
        return self._there(codes)

    def read(self, codes: Codes) -> Scores:
        """Scores [n, columns].

        Raises:
            KeyError: some are not there.
        """
        self._settle()
        out = np.empty((len(codes), self._columns), np.float32)
        left = len(codes)
        for run, rows, places in self._hits(codes):
            out[rows] = run.scores[places]
            left -= len(rows)
        if left:
            raise KeyError(f"{left} pairs have not been matched")
        return out

    def _there(self, codes: Codes) -> NDArray[np.bool_]:
        out = np.zeros(len(codes), np.bool_)
        for _, rows, _ in self._hits(codes):
            out[rows] = True
        return out

    def _hits(self, codes: Codes) -> Iterator[tuple[Run, NDArray[np.int64], NDArray[np.int64]]]:
        """Of each run: which of the codes it has, and where. No code is in two runs."""
        for run in self._runs:
            place = np.minimum(np.searchsorted(run.codes, codes), len(run.codes) - 1)
            rows = np.flatnonzero(run.codes[place] == codes)
            yield run, rows, place[rows]

    def _settle(self) -> None:
        """Sort in what has come since."""
        if not self._fresh:
            return
        fresh, self._fresh = _sorted(self._fresh), []
        new = ~self._there(fresh.codes)
        fresh = Run(fresh.codes[new], fresh.scores[new])
        while self._runs and len(self._runs[-1].codes) < 2 * len(fresh.codes):
            fresh = _sorted([self._runs.pop(), fresh])
        if len(fresh.codes):
            self._runs.append(fresh)


def _sorted(runs: list[Run]) -> Run:
    """One run of several in any order."""
    codes, first = np.unique(np.concatenate([run.codes for run in runs]), return_index=True)
    return Run(codes, np.concatenate([run.scores for run in runs])[first])
