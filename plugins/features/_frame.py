"""Between the photograph and the smaller picture that keypoints are found in."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness import LocalFeatures
from harness.types import Image


def shrunk_size(width: int, height: int, size: int, multiple: int = 1, least: int = 1) -> tuple[int, int]:
    """(width, height) with the longest side at most ``size``, never enlarged.

    Both are rounded down to a multiple of ``multiple``, and a side shorter than ``least`` is stretched to that.
    """
    scale = min(1.0, size / max(width, height))
    new_width, new_height = (max(least, round(side * scale) // multiple * multiple) for side in (width, height))
    return new_width, new_height


def resize(image: Image, to: tuple[int, int]) -> Image:
    """The picture [h, w] or [h, w, 3] at (width, height) ``to``, averaged over pixel areas when it shrinks."""
    import cv2

    height, width = image.shape[:2]
    if to == (width, height):
        return image
    shrinks = to[0] <= width and to[1] <= height
    resized: Image = cv2.resize(image, to, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
    return resized


def plain(image: Image) -> bool:
    """Whether the picture has one colour only: nothing to find, but the padding of a network makes edges."""
    return bool((image == image[0, 0]).all())


def strongest(
    points: NDArray[np.floating],
    descriptors: NDArray[np.floating],
    scores: NDArray[np.floating],
    *,
    limit: int,
    found_in: tuple[int, int],
    size: tuple[int, int],
    scales: NDArray[np.floating] | None = None,
    orientations: NDArray[np.floating] | None = None,
) -> LocalFeatures:
    """The ``limit`` keypoints of highest score, strongest first, ties in order of x, then y.

    ``points`` [n, 2] and ``scales`` [n] are in pixels of the picture of (width, height) ``found_in``, and are turned
    into pixels of the photograph of (width, height) ``size``; the centre of the first pixel is (0, 0) in both.
    """
    order = np.lexsort((points[:, 1], points[:, 0], -scores))[:limit]
    ratio = np.divide(size, found_in)
    full = np.clip((points[order] + 0.5) * ratio - 0.5, 0, np.subtract(size, 1))
    zeros = np.zeros(len(order), np.float32)
    return LocalFeatures(
        keypoints=full.astype(np.float32),
        descriptors=np.ascontiguousarray(descriptors[order], np.float32),
        scores=scores[order].astype(np.float32),
        scales=zeros if scales is None else (scales[order] * ratio.mean()).astype(np.float32),
        orientations=zeros if orientations is None else orientations[order].astype(np.float32),
        size=size,
    )


def nothing(dim: int, size: tuple[int, int]) -> LocalFeatures:
    """The features of a photograph without keypoints."""
    none = np.zeros(0, np.float32)
    return LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, dim), np.float32), none, none, none, size)
