"""Local features of many images in arrays of one shape, and what a matcher finds on many pairs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError
from harness.types import Floats, LocalFeatures, PairMatches, require

PER_KEYPOINT = ("keypoints", "descriptors", "scores", "scales", "orientations")
"""The arrays that have a row for each keypoint."""


@dataclass(frozen=True, eq=False)
class PackedFeatures:
    """Local features of n images with room for K keypoints each: strongest first, zeros behind an image's last one.

    ``keypoints`` float32 [n, K, 2], (x, y) in pixels of the photograph; ``descriptors`` [n, K, d], float16 as the store
    keeps them or float32; ``scores``, ``scales`` (pixels) and ``orientations`` (radians) float32 [n, K]; ``count``
    int32 [n], keypoints of each image; ``size`` int32 [n, 2], (width, height) of each photograph in pixels.
    """

    keypoints: Floats
    descriptors: NDArray[np.float16] | Floats
    scores: Floats
    scales: Floats
    orientations: Floats
    count: NDArray[np.int32]
    size: NDArray[np.int32]

    def __post_init__(self) -> None:
        n, room = self.keypoints.shape[:2]
        require(self.keypoints.shape == (n, room, 2), "packed keypoints of a wrong shape")
        require(self.descriptors.ndim == 3, "packed descriptors of a wrong shape")
        for array in (self.descriptors, self.scores, self.scales, self.orientations):
            require(array.shape[:2] == (n, room), "packed features of unequal length")
        require(self.count.shape == (n,) and self.size.shape == (n, 2), "packed features of unequal length")

    def __len__(self) -> int:
        return len(self.count)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """From arrays by field name, as they come from the store; others are ignored."""
        return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})

    @classmethod
    def of_pairs(cls, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> tuple[Self, NDArray[np.int64]]:
        """Each image of the pairs once, with float32 descriptors, and the pairs [m, 2] as rows of them.

        Raises:
            DataError: descriptors of different lengths.
        """
        each = {id(image): image for pair in pairs for image in pair}
        rows, images = {key: row for row, key in enumerate(each)}, list(each.values())
        lengths = sorted({image.descriptors.shape[1] for image in images if len(image)})
        if len(lengths) > 1:
            raise DataError(
                f"descriptors of length {lengths[0]} cannot be matched with descriptors of length {lengths[1]}",
                "Describe query and gallery with the same features.",
            )
        room, dim = max(map(len, images), default=0), lengths[0] if lengths else 0
        numbers = [(rows[id(query)], rows[id(gallery)]) for query, gallery in pairs]
        return cls.pack(images, room, dim, np.float32), np.array(numbers, np.int64).reshape(-1, 2)

    @classmethod
    def pack(cls, images: Sequence[LocalFeatures], room: int, dim: int, kind: type[np.floating]) -> Self:
        """Images of at most ``room`` keypoints with descriptors of length ``dim``, which become ``kind``."""
        n, shapes = len(images), {"keypoints": (2,), "descriptors": (dim,)}
        arrays: dict[str, NDArray[Any]] = {
            name: np.zeros((n, room, *shapes.get(name, ())), kind if name == "descriptors" else np.float32)
            for name in PER_KEYPOINT
        }
        for row, image in enumerate(images):
            for name, array in arrays.items():
                array[row, : len(image)] = getattr(image, name) if len(image) else 0  # then of any length
        count = np.array([len(image) for image in images], np.int32)
        return cls(**arrays, count=count, size=np.array([image.size for image in images], np.int32).reshape(n, 2))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by field name, as the store takes them."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    def image(self, row: int) -> LocalFeatures:
        """The features of one image; descriptors keep their rounding to half precision.

        Matching always goes by these, so that it does not matter whether features came from the store.
        """
        count = int(self.count[row])
        width, height = self.size[row]
        return LocalFeatures(
            keypoints=self.keypoints[row, :count].astype(np.float32),
            descriptors=self.descriptors[row, :count].astype(np.float32),
            scores=self.scores[row, :count].astype(np.float32),
            scales=self.scales[row, :count].astype(np.float32),
            orientations=self.orientations[row, :count].astype(np.float32),
            size=(int(width), int(height)),
        )


@dataclass(frozen=True, eq=False)
class PairSummary:
    """What a matcher found on m pairs: ``count`` matches, ``confidence`` the sum of their scores, ``inliers`` those
    that agree with one geometry (= count where none was asked for). Each float32 [m]."""

    count: Floats
    confidence: Floats
    inliers: Floats

    def __post_init__(self) -> None:
        require(
            self.count.ndim == 1 and self.count.shape == self.confidence.shape == self.inliers.shape,
            "pair summaries of unequal length",
        )

    def __len__(self) -> int:
        return len(self.count)

    @classmethod
    def of(cls, found: Sequence[PairMatches]) -> Self:
        """Counts and sums of the matches of m pairs."""
        return cls(
            np.array([len(m.indices) for m in found], np.float32),
            np.array([m.scores.sum(dtype=np.float64) for m in found], np.float32),
            np.array([m.inliers.sum() for m in found], np.float32),
        )

    @classmethod
    def joined(cls, parts: Sequence[PairSummary]) -> Self:
        """The summaries of one run of pairs after another."""
        columns = ("count", "confidence", "inliers")
        none = np.zeros(0, np.float32)
        return cls(*(np.concatenate([none, *(getattr(part, column) for part in parts)]) for column in columns))
