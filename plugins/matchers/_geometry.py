"""What the matchers share: which matches agree with one geometry, and how matches are handed back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from harness import MatcherConfig, PackedFeatures, PairMatches, PairSummary

FRAME = 400
"""Longest side, in pixels, of the frame that inliers are measured in, whatever the photograph's resolution."""

MINIMUM = {"affine": 3, "homography": 4, "fundamental": 8}
"""Matches that fix a geometry; fewer agree with nothing. OpenCV takes 7 for a fundamental matrix, but any 7 agree."""

Points = NDArray[np.float32]
Model = Literal["affine", "homography", "fundamental"]


class GeometryConfig(MatcherConfig):
    """Settings of the geometric check."""

    geometry: Literal["none", "affine", "homography", "fundamental"] = Field(
        "none",
        description="what inliers agree on: one affine map or homography of the picture, or the fundamental matrix of "
        "two views of one rigid body",
    )
    inlier_pixels: float = Field(
        5.0, gt=0, description=f"largest error of an inlier, in pixels of a photograph whose longest side is {FRAME}"
    )


@dataclass(frozen=True, eq=False)
class Found:
    """The k matches of a row of pairs: ``starts`` [pairs + 1], where those of each pair begin; ``indices`` int32 [k, 2]
    into the keypoints of (query, gallery); ``scores`` float32 [k] in [0, 1]; ``inliers`` bool [k]."""

    starts: NDArray[np.int64]
    indices: NDArray[np.int32]
    scores: NDArray[np.float32]
    inliers: NDArray[np.bool_]

    def each(self) -> list[PairMatches]:
        """The matches of every pair."""
        spans = [slice(*span) for span in zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)]
        return [PairMatches(self.indices[span], self.scores[span], self.inliers[span]) for span in spans]

    def summary(self) -> PairSummary:
        """Counts and sums of every pair."""
        columns = (np.ones(len(self.scores)), self.scores, self.inliers)
        sums = (np.concatenate([[0.0], np.cumsum(column, dtype=np.float64)])[self.starts] for column in columns)
        return PairSummary(*(np.diff(total).astype(np.float32) for total in sums))


def finished(
    pair: NDArray[np.integer],
    indices: NDArray[np.integer],
    scores: NDArray[np.floating],
    images: PackedFeatures,
    rows: NDArray[np.int64],
    config: GeometryConfig,
) -> Found:
    """The matches of pairs ``rows`` [n, 2] of ``images``, with the geometric check that the settings ask for.

    ``pair`` [k], rising, says which of the n pairs each match belongs to. Without a check all are inliers.
    """
    index = np.asarray(indices, np.int32).reshape(-1, 2)
    starts = np.searchsorted(pair, np.arange(len(rows) + 1))
    inliers = np.ones(len(index), np.bool_)
    if config.geometry != "none":
        for (query, gallery), start, stop in zip(rows, starts[:-1], starts[1:], strict=True):
            own = index[start:stop]
            source, target = _framed(images, query)[own[:, 0]], _framed(images, gallery)[own[:, 1]]
            inliers[start:stop] = agreeing(source, target, config.geometry, config.inlier_pixels)
    return Found(starts, index, np.clip(scores, 0, 1).astype(np.float32), inliers)


def each_match(found: Iterable[tuple[NDArray[np.int64], Found]], pairs: int) -> list[PairMatches]:
    """The matches of so many pairs, from batches of rows and what was found on them; a pair in no batch has none."""
    results = [nothing()] * pairs
    for rows, batch in found:
        for row, matches in zip(rows.tolist(), batch.each(), strict=True):
            results[row] = matches
    return results


def each_summary(found: Iterable[tuple[NDArray[np.int64], Found]], pairs: int) -> PairSummary:
    """Counts and sums of so many pairs, from batches of rows and what was found on them."""
    count, confidence, inliers = np.zeros((3, pairs), np.float32)
    for rows, batch in found:
        summary = batch.summary()
        count[rows], confidence[rows], inliers[rows] = summary.count, summary.confidence, summary.inliers
    return PairSummary(count, confidence, inliers)


def nothing() -> PairMatches:
    """No match at all."""
    return PairMatches(np.zeros((0, 2), np.int32), np.zeros(0, np.float32), np.zeros(0, np.bool_))


def agreeing(source: Points, target: Points, model: Model, pixels: float) -> NDArray[np.bool_]:
    """Which matches (``source`` and ``target`` [m, 2]) agree with one geometry, found by MAGSAC++ (Barath et al. 2020).

    A map sends a point to a point; a fundamental matrix sends it to a line, so that far more matches agree by chance.
    Deterministic. Matches that are too few, or that fix no geometry (all on a line), have no inliers: bool [m].
    """
    import cv2

    none = np.zeros(len(source), np.bool_)
    if len(source) < MINIMUM[model]:
        return none
    cv2.setRNGSeed(0)
    found, mask = _estimated(source, target, model, pixels)
    if found is None or mask is None or not np.isfinite(found).all():
        return none
    inliers: NDArray[np.bool_] = mask.ravel().astype(np.bool_)
    loose = model == "fundamental" and (_on_a_line(source[inliers], pixels) or _on_a_line(target[inliers], pixels))
    return none if loose else inliers


def _estimated(source: Points, target: Points, model: Model, pixels: float) -> tuple[Any, Any]:
    """OpenCV's (matrix, mask of inliers), either of them None where there is no such matrix."""
    import cv2

    estimates: dict[str, Callable[..., tuple[Any, Any]]] = {
        "affine": cv2.estimateAffine2D,
        "homography": cv2.findHomography,
        "fundamental": cv2.findFundamentalMat,
    }
    try:
        return estimates[model](source, target, method=cv2.USAC_MAGSAC, ransacReprojThreshold=pixels)
    except cv2.error as error:
        # Where all samples are degenerate, such as many points matched with two, findFundamentalMat finds itself
        # without a matrix and fails an assertion.
        if model != "fundamental" or error.code != cv2.Error.StsAssert:
            raise
        return None, None


def _on_a_line(points: Points, pixels: float) -> bool:
    """Whether points [n, 2] are within ``pixels`` of a line (root mean square): with points on a line there is a matrix
    that any partners agree with."""
    if len(points) < 3:
        return True
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(spread[-1] <= pixels * len(points) ** 0.5)


def _framed(images: PackedFeatures, row: int) -> Points:
    scale = np.float32(FRAME / images.size[row].max())
    return np.asarray(images.keypoints[row] * scale, np.float32)
