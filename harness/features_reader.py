"""Local features by image digest, read from their collection and kept while they are in use."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.collection import Collection
from harness.stages.describe import unpack
from harness.types import LocalFeatures

KEEP_BYTES = 1 << 30
"""Memory for features in use; the least recently used go first."""


class FeatureReader:
    """``reader(digest)`` gives the features of one image."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._kept: OrderedDict[str, LocalFeatures] = OrderedDict()
        self._bytes = 0

    def __call__(self, digest: str) -> LocalFeatures:
        found = self._kept.get(digest)
        if found is None:
            found = self._kept[digest] = unpack(self.collection.read([digest]), 0)
            self._bytes += _size(found)
            while self._bytes > KEEP_BYTES and len(self._kept) > 2:
                self._bytes -= _size(self._kept.popitem(last=False)[1])
        self._kept.move_to_end(digest)
        return found

    def keypoint_counts(self, digests: Sequence[str]) -> NDArray[np.int32]:
        """Number of keypoints of each image, int32 [n]."""
        return np.array([len(self(digest)) for digest in digests], dtype=np.int32)


def _size(features: LocalFeatures) -> int:
    return features.descriptors.nbytes + features.keypoints.nbytes
