"""Keeping local features to the animal: pixels around it are blanked, or keypoints off it are dropped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Images
from harness.packed import PER_KEYPOINT
from harness.types import Floats, Image, LocalFeatures

SPARE = 4
"""Keypoints that are found for each that is to be kept, so that enough of them lie on the animal."""
GREY = 127
"""The colour of a photograph without an animal."""


class Blanked:
    """Photographs by position with one colour around the animal.

    Args:
        images: the photographs.
        mask: ``mask(position, (width, height))`` is the mask uint8 [h, w] of a photograph, 0 off the animal.
    """

    def __init__(self, images: Images, mask: Callable[[int, tuple[int, int]], Image]) -> None:
        self.images, self.mask = images, mask

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int, /) -> Image:
        image = self.images[index]
        return blanked(image, self.mask(index, (image.shape[1], image.shape[0])))


def blanked(image: Image, mask: Image) -> Image:
    """The image [h, w, 3] with the mean colour of the animal wherever ``mask`` [h, w] is 0.

    A detector finds keypoints along the outline of the blank, and they belong to no animal. Of all single colours the
    mean lies nearest to the animal's own, in the mean of squares, so its outline is weak; that of black is strong.
    """
    animal = mask > 0
    colour = np.rint(image[animal].mean(axis=0)) if animal.any() else GREY
    return np.where(animal[..., None], image, np.asarray(colour, np.uint8))


def on_animal(found: LocalFeatures, mask: Image, limit: int) -> LocalFeatures:
    """The strongest ``limit`` keypoints on the animal, by :func:`lie_on`."""
    kept = np.flatnonzero(lie_on(found.keypoints, mask))[:limit]
    return replace(found, **{name: getattr(found, name)[kept] for name in PER_KEYPOINT})


def lie_on(keypoints: Floats, mask: Image) -> NDArray[np.bool_]:
    """Which keypoints [k, 2], (x, y), have a rounded place where ``mask`` [h, w] is not 0: bool [k]."""
    corner = np.subtract(mask.shape[::-1], 1)
    x, y = np.clip(np.rint(keypoints), 0, corner).astype(np.int64).T
    return np.asarray(mask[y, x] > 0)
