"""What the matchers share: which matches agree with one affine map or homography, and how matches are handed back."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import Config, LocalFeatures, PairMatches

FRAME = 400
"""Longest side, in pixels, of the frame that inliers are measured in, whatever the photograph's resolution."""

MINIMUM = {"affine": 3, "homography": 4}
"""Matches that fix a map; fewer agree with nothing."""


class GeometryConfig(Config):
    """Settings of the geometric check."""

    geometry: Literal["none", "affine", "homography"] = Field("none", description="map that inliers agree on")
    inlier_pixels: float = Field(
        5.0, gt=0, description=f"largest error of an inlier, in pixels of a photograph whose longest side is {FRAME}"
    )


def finished(
    indices: NDArray[np.integer],
    scores: NDArray[np.floating],
    query: LocalFeatures,
    gallery: LocalFeatures,
    config: GeometryConfig,
) -> PairMatches:
    """The matches of a pair with the geometric check that the settings ask for (none: all are inliers)."""
    index = np.asarray(indices, np.int32).reshape(-1, 2)
    inliers = np.ones(len(index), np.bool_)
    if config.geometry != "none":
        inliers = agreeing(
            _framed(query)[index[:, 0]], _framed(gallery)[index[:, 1]], config.geometry, config.inlier_pixels
        )
    return PairMatches(index, np.clip(scores, 0, 1).astype(np.float32), inliers)


def nothing() -> PairMatches:
    """No match at all."""
    return PairMatches(np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, np.bool_))


def agreeing(
    source: NDArray[np.float32], target: NDArray[np.float32], model: Literal["affine", "homography"], pixels: float
) -> NDArray[np.bool_]:
    """Which matches (``source`` and ``target`` [m, 2]) agree with one map, found by MAGSAC++ (Barath et al. 2020).

    Deterministic. Matches that are too few, or that no map fits (all on a line), have no inliers: bool [m].
    """
    import cv2

    none = np.zeros(len(source), np.bool_)
    if len(source) < MINIMUM[model]:
        return none
    cv2.setRNGSeed(0)
    estimate = cv2.estimateAffine2D if model == "affine" else cv2.findHomography
    found, mask = estimate(source, target, method=cv2.USAC_MAGSAC, ransacReprojThreshold=pixels)
    return none if found is None or mask is None else mask.ravel().astype(np.bool_)


def _framed(features: LocalFeatures) -> NDArray[np.float32]:
    return features.keypoints * np.float32(FRAME / max(features.size))
