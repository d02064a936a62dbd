"""Pairs: what a matcher has found on pairs of images, kept compactly, so that none is ever matched twice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.packed import PairSummary
from harness.pair_parts import COLUMNS, KEYPOINTS, PLACES, Contents, names, part_of, tidy
from harness.pair_table import Codes, PairTable
from harness.parts import Parts
from harness.store import Key, Store

UNKNOWN = -1


class Pairs:
    """Scores of pairs below one key, looked up by code; 20 bytes a pair in memory.

    Images are numbered by the place of their digest among the sorted digests; the code of a pair is first x images +
    second. Of a symmetric matcher's pairs the lower number comes first, so that (a, b) and (b, a) are one pair. A part
    holds digests, so the same files serve tables of other images.

    Args:
        digests: of the images that will be asked for; repeats are one image.
        symmetric: whether (a, b) and (b, a) have the same scores.

    Attributes:
        keypoints: int32 [images], how many each image has; -1 for one that is in no pair yet.
    """

    def __init__(self, store: Store, key: Key, digests: NDArray[np.str_], symmetric: bool) -> None:
        self.key, self.symmetric = key, symmetric
        self.digests = np.unique(digests)
        self.keypoints = np.full(len(self.digests), UNKNOWN, np.int32)
        self._letters = self.digests.astype("S")
        self._parts = Parts(store, key)
        self._table = PairTable(len(COLUMNS))
        self._found, self._spent = 0, 0.0  # of all parts that were read: their ratio is that of the pairs
        self.refresh()

    def numbers(self, digests: NDArray[np.str_]) -> NDArray[np.int64]:
        """The number of each image; all of them are among the digests given at the start."""
        return np.searchsorted(self.digests, digests)

    def codes(self, first: NDArray[np.int64], second: NDArray[np.int64]) -> Codes:
        """The code of each pair of image numbers."""
        if self.symmetric:
            first, second = np.minimum(first, second), np.maximum(first, second)
        return first * len(self.digests) + second

    def images(self, codes: Codes) -> NDArray[np.int64]:
        """The two image numbers of each code [n, 2]."""
        return np.stack(np.divmod(codes, max(len(self.digests), 1)), axis=1)

    def refresh(self) -> None:
        """Take in parts that have come since; damaged ones are reported and left out."""
        for path, arrays in self._parts.new():
            if self._parts.verified(path):
                try:
                    self._take(arrays, self._parts.seconds[path])
                except (ValueError, LookupError, TypeError) as error:
                    self._parts.discard(path, error)

    def _take(self, arrays: Contents, seconds: float) -> None:
        """Take in the pairs of a part whose images are known here."""
        digests = names(arrays)
        number = np.minimum(np.searchsorted(self._letters, digests), max(len(self._letters) - 1, 0))
        known = self._letters[number] == digests if len(self._letters) else np.zeros(len(digests), np.bool_)
        self.keypoints[number[known]] = arrays[KEYPOINTS][known]
        first, second = arrays[PLACES].T
        scores = np.stack([arrays[name] for name in COLUMNS], axis=1)
        self._found, self._spent = self._found + len(scores), self._spent + seconds
        both = known[first] & known[second]
        self._table.add(self.codes(number[first[both]], number[second[both]]), scores[both])

    def __len__(self) -> int:
        return len(self._table)

    def missing(self, codes: Codes) -> NDArray[np.int64]:
        """The places of the codes [n] that are not there yet, rising; of one that is repeated, the first."""
        absent = np.flatnonzero(~self._table.there(codes))
        return np.sort(absent[np.unique(codes[absent], return_index=True)[1]])

    def read(self, codes: Codes) -> PairSummary:
        """The scores of these pairs.

        Raises:
            KeyError: a pair is not there; ask :meth:`missing` first.
        """
        found = self._table.read(codes)
        self._parts.mark_used()
        return PairSummary(*np.ascontiguousarray(found.T))

    def seconds_each(self) -> float:
        """What one pair has cost on average."""
        return self._spent / self._found if self._found else 0.0

    def append(self, codes: Codes, scores: PairSummary, seconds: float) -> None:
        """Write the scores of pairs as one part; ``keypoints`` must hold the counts of their images by now.

        Raises:
            StoreError: the disk is full, or cannot be written.
        """
        if not len(codes):
            return
        numbers, places = np.unique(self.images(codes), return_inverse=True)
        columns = {name: getattr(scores, name) for name in COLUMNS}
        arrays = part_of(self._letters[numbers], places.reshape(-1, 2), self.keypoints[numbers], columns)
        self._parts.write(arrays, seconds)
        self._take(arrays, seconds)

    def tidy(self) -> None:
        """Make few large files of many small ones, see :func:`harness.pair_parts.tidy`."""
        tidy(self._parts)
