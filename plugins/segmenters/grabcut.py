"""GrabCut by OpenCV: the animal is assumed in the middle. No learning, no weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from pydantic import Field

from harness import Config, SegmenterSpec, hookimpl
from harness.device import cores
from harness.types import Image

from ._ellipse import central_ellipse

COLOURS = 5
"""Gaussians of OpenCV's colour models: inside and outside need as many pixels each."""
LEAST = 0.05
"""Share of the rectangle that must be animal, or nothing counts as found."""


class GrabCutConfig(Config):
    """Settings of ``grabcut``."""

    size: int = Field(200, ge=16, description="longest side in pixels that an image is scaled down to, never up")
    margin: float = Field(
        0.02, gt=0, lt=0.5, description="share of a side that lies outside the animal's rectangle at each end"
    )
    iterations: int = Field(3, ge=1, description="rounds of fitting the colours and cutting")


class GrabCut:
    """Cuts where the colours of the middle part from those of the rim (Rother et al., GrabCut: interactive foreground
    extraction using iterated graph cuts, 2004). Where it finds nothing or everything: the rectangle's ellipse."""

    def __init__(self, config: GrabCutConfig) -> None:
        self.config = config

    def segment(self, images: Sequence[Image]) -> list[Image]:
        """Masks of the images [h, w, 3], one on each core: OpenCV lets go of the interpreter."""
        with ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(self._mask, images))

    def _mask(self, image: Image) -> Image:
        import cv2

        height, width = image.shape[:2]
        scale = min(1.0, self.config.size / max(height, width))
        small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else image
        mask = self._cut(np.ascontiguousarray(small))
        return np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)

    def _cut(self, picture: Image) -> Image:
        import cv2

        height, width = picture.shape[:2]
        x, y = (max(1, round(side * self.config.margin)) for side in (width, height))
        labels = np.full((height, width), cv2.GC_BGD, np.uint8)
        labels[y : height - y, x : width - x] = cv2.GC_PR_FGD
        inside = labels == cv2.GC_PR_FGD
        if inside.sum() < COLOURS or (picture == picture[0, 0]).all():
            return central_ellipse(height, width, self.config.margin)
        cv2.setRNGSeed(0)  # of this thread: OpenCV begins with clusters of colours that it draws
        models = np.zeros((1, 65)), np.zeros((1, 65))
        cv2.grabCut(picture, labels, None, *models, self.config.iterations, cv2.GC_INIT_WITH_MASK)
        animal = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
        found = LEAST <= animal[inside].mean() < 1
        return (
            np.where(animal, 255, 0).astype(np.uint8) if found else central_ellipse(height, width, self.config.margin)
        )


@hookimpl
def harness_segmenters() -> Iterator[SegmenterSpec]:
    """Offer ``grabcut``."""
    yield SegmenterSpec(
        name="grabcut",
        version="1",
        config=GrabCutConfig,
        build=GrabCut,
        summary="GrabCut by OpenCV, animal in the middle; needs no weights",
        licence="Apache-2.0",
        citation="Rother et al., GrabCut: interactive foreground extraction using iterated graph cuts, SIGGRAPH 2004",
        requires=("cv2=opencv-python",),
    )
