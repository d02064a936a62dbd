"""SIFT keypoints and descriptors by OpenCV, as RootSIFT unless asked otherwise. No learning, no weights."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import local
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import FeaturesConfig, FeaturesSpec, LocalFeatures, hookimpl
from harness.device import cores
from harness.types import Image

from ._frame import nothing, resize, shrunk_size, strongest

DIM = 128


class SiftConfig(FeaturesConfig):
    """Settings of ``sift``."""

    size: int = Field(400, ge=16, description="longest side in pixels that an image is scaled down to, never up")
    rootsift: bool = Field(
        True, description="compare descriptors by the Hellinger kernel instead of the raw histograms"
    )
    contrast_threshold: float = Field(0.04, ge=0, description="weaker extrema are dropped; lower gives more keypoints")


class Sift:
    """Scale-invariant keypoints (Lowe 2004); RootSIFT is the square root of the L1-normalised descriptor
    (Arandjelovic & Zisserman 2012). Descriptors have unit norm; scales are OpenCV's diameters in pixels."""

    def __init__(self, config: SiftConfig) -> None:
        import cv2

        self.config = config
        self._create = partial(cv2.SIFT_create, config.max_keypoints, contrastThreshold=config.contrast_threshold)
        self._own = local()

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        """Describe each image [h, w, 3], one on each core: OpenCV lets go of the interpreter."""
        with ThreadPoolExecutor(cores()) as pool:
            return list(pool.map(self._describe, images))

    @property
    def _sift(self) -> Any:
        """The extractor of this thread; OpenCV does not promise that one may serve several."""
        if "sift" not in self._own.__dict__:
            self._own.sift = self._create()
        return self._own.sift

    def _describe(self, image: Image) -> LocalFeatures:
        import cv2

        full = (image.shape[1], image.shape[0])
        small = shrunk_size(*full, self.config.size)
        grey = resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), small)
        found, histograms = self._sift.detectAndCompute(grey, None)
        if not found:
            return nothing(DIM, full)
        table = np.array([(*k.pt, k.response, k.size, np.deg2rad(k.angle)) for k in found], np.float32)
        return strongest(
            table[:, :2],
            self._unit(histograms),
            table[:, 2],
            limit=self.config.max_keypoints,
            found_in=small,
            size=full,
            scales=table[:, 3],
            orientations=table[:, 4],
        )

    def _unit(self, histograms: NDArray[np.float32]) -> NDArray[np.float32]:
        if self.config.rootsift:
            histograms = np.sqrt(histograms / np.maximum(histograms.sum(axis=1, keepdims=True), 1e-7))
        return histograms / np.maximum(np.linalg.norm(histograms, axis=1, keepdims=True), 1e-7)


@hookimpl
def harness_features() -> Iterator[FeaturesSpec]:
    """Offer ``sift``."""
    yield FeaturesSpec(
        name="sift",
        version="1",
        config=SiftConfig,
        build=Sift,
        dim=DIM,
        summary="SIFT / RootSIFT by OpenCV; needs no weights",
        licence="Apache-2.0",
        citation="Lowe, Distinctive image features from scale-invariant keypoints, IJCV 2004",
        requires=("cv2=opencv-python",),
    )
