"""Pairs: what a matcher has found on pairs of images, kept compactly, so that none is ever matched twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.packed import PairSummary
from harness.parts import Parts
from harness.store import Key, Store

IMAGES, PLACES, KEYPOINTS = "__images__", "__places__", "__keypoints__"
COLUMNS = ("count", "confidence", "inliers")
UNKNOWN = -1

Codes = NDArray[np.int64]


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
        self._codes: Codes = np.empty(0, np.int64)
        self._scores = np.empty((0, len(COLUMNS)), np.float32)
        self._fresh: list[tuple[Codes, NDArray[np.float32]]] = []
        self._found = 0
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
                    self._take(arrays)
                except (ValueError, LookupError, TypeError) as error:
                    self._parts.discard(path, error)

    def _take(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take in the pairs of a part whose images are known here."""
        names = np.ascontiguousarray(arrays[IMAGES])
        names = names.view(f"S{names.shape[1]}").ravel()
        number = np.minimum(np.searchsorted(self._letters, names), max(len(self._letters) - 1, 0))
        known = self._letters[number] == names if len(self._letters) else np.zeros(len(names), np.bool_)
        self.keypoints[number[known]] = arrays[KEYPOINTS][known]
        first, second = arrays[PLACES].T
        scores = np.stack([arrays[name] for name in COLUMNS], axis=1)
        self._found += len(scores)
        both = known[first] & known[second]
        self._fresh.append((self.codes(number[first[both]], number[second[both]]), scores[both]))

    def _merge(self) -> None:
        """Sort in what has come since; where a pair came twice, the first stays."""
        if self._fresh:
            codes = np.concatenate([self._codes, *(part[0] for part in self._fresh)])
            scores = np.concatenate([self._scores, *(part[1] for part in self._fresh)])
            self._codes, kept = np.unique(codes, return_index=True)
            self._scores = scores[kept]
            self._fresh = []

    def __len__(self) -> int:
        self._merge()
        return len(self._codes)

    def missing(self, codes: Codes) -> NDArray[np.int64]:
        """The places of the codes [n] that are not there yet, rising; of one that is repeated, the first."""
        absent = np.flatnonzero(~self._there(codes)[1])
        return np.sort(absent[np.unique(codes[absent], return_index=True)[1]])

    def _there(self, codes: Codes) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        self._merge()
        if not len(self._codes):
            return np.zeros(len(codes), np.int64), np.zeros(len(codes), np.bool_)
        place = np.minimum(np.searchsorted(self._codes, codes), len(self._codes) - 1)
        return place, self._codes[place] == codes

    def read(self, codes: Codes) -> PairSummary:
        """The scores of these pairs.

        Raises:
            KeyError: a pair is not there; ask :meth:`missing` first.
        """
        place, there = self._there(codes)
        if not there.all():
            raise KeyError(f"{int((~there).sum())} pairs have not been matched")
        self._parts.mark_used()
        return PairSummary(*np.ascontiguousarray(self._scores[place].T))

    def seconds_each(self) -> float:
        """What one pair has cost on average."""
        return sum(self._parts.seconds.values()) / self._found if self._found else 0.0

    def append(self, codes: Codes, scores: PairSummary, seconds: float) -> None:
        """Write the scores of pairs as one part; ``keypoints`` must hold the counts of their images by now.

        Raises:
            StoreError: the disk is full, or cannot be written.
        """
        if not len(codes):
            return
        numbers, places = np.unique(self.images(codes), return_inverse=True)
        letters = np.ascontiguousarray(self._letters[numbers])
        arrays: dict[str, NDArray[Any]] = {
            IMAGES: letters.view(np.uint8).reshape(len(numbers), -1),
            PLACES: places.reshape(-1, 2).astype(np.uint32),
            KEYPOINTS: self.keypoints[numbers],
            **{name: getattr(scores, name) for name in COLUMNS},
        }
        self._parts.write(arrays, seconds)
        self._take(arrays)
