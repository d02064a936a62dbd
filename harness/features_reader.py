"""Local features by image number, read from their collection by the block and kept while they are in use."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.collection import Collection
from harness.packed import PackedFeatures
from harness.pairs import Pairs
from harness.stages.match import Block


class FeatureReader:
    """Blocks of packed features.

    Args:
        collection: features by digest.
        pairs: numbers the images, and is told how many keypoints each has.
        room: images that fit into a block.
    """

    def __init__(self, collection: Collection, pairs: Pairs, room: int) -> None:
        self.collection, self.pairs, self.room = collection, pairs, room
        self._held: Block | None = None

    def hold(self, numbers: NDArray[np.int64]) -> None:
        """Load these images for good, where they all fit: then each is read, and sent to a card, just once."""
        if len(numbers) <= self.room:
            self._held = self._read(numbers)

    def __call__(self, numbers: NDArray[np.int64]) -> Block:
        """A block with these images; numbers rise."""
        if self._held is not None and np.isin(numbers, self._held.numbers).all():
            return self._held
        return self._read(numbers)

    def _read(self, numbers: NDArray[np.int64]) -> Block:
        images = PackedFeatures.of(self.collection.read(self.pairs.digests[numbers].tolist()))
        self.pairs.keypoints[numbers] = images.count
        return Block(numbers, images)
