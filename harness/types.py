"""The frozen objects that flow between the stages. Each checks itself when made; all arrays are numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import DataError

NEW = ""
"""The identity that a decision gives to an animal that is not in the gallery."""

Ids = NDArray[np.str_]
Floats = NDArray[np.float32]
Image = NDArray[np.uint8]
"""An RGB photograph, uint8 [height, width, 3]."""


def require(good: bool, problem: str) -> None:
    """Raise a DataError unless it is good."""
    if not good:
        raise DataError(problem)


def unique(ids: Ids, what: str) -> None:
    """Raise a DataError where an id stands twice."""
    require(len(np.unique(ids)) == len(ids), f"{what} repeats an id")


@dataclass(frozen=True, eq=False)
class Preprocess:
    """How a backbone wants its input: ``size`` = (height, width) in pixels, ``mean`` and ``std`` per RGB channel on
    [0, 1], ``interpolation`` one of ``bilinear`` / ``bicubic``."""

    size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str = "bicubic"


@dataclass(frozen=True, eq=False)
class Embeddings:
    """One vector an image: ``ids`` [n]; ``vectors`` float32 [n, d] of unit norm; ``norms`` float32 [n], what each
    vector's length was before it was normalised (a plain classifier needs it back).

    Raises:
        DataError: NaN, a norm that is not 1 (to 1e-3), a repeated id, unequal lengths.
    """

    ids: Ids
    vectors: Floats
    norms: Floats

    def __post_init__(self) -> None:
        require(
            self.vectors.ndim == 2 and len(self.ids) == len(self.vectors) == len(self.norms),
            "embeddings of unequal length",
        )
        bad = ~np.isfinite(self.vectors).all(axis=1)
        if bad.any():
            raise DataError(
                f"the embedding of image {str(self.ids[bad][0])!r} is not finite ({int(bad.sum())} such images)"
            )
        off = np.abs(np.linalg.norm(self.vectors, axis=1) - 1) > 1e-3
        if off.any():
            raise DataError(f"the embedding of image {str(self.ids[off][0])!r} does not have unit norm")
        unique(self.ids, "embeddings")


@dataclass(frozen=True, eq=False)
class Ranking:
    """A ranked list of gallery images for each query.

    ``query_ids`` [q]; ``gallery_ids`` [g]; ``order`` int32 [q, k], positions in ``gallery_ids``, best first, -1 where
    a query has fewer than k candidates (its scope is small); ``scores`` float64 [q, k], falling, ``-inf`` behind -1.

    Raises:
        DataError: rows that are ragged, unsorted, repeat a candidate, or hold NaN.
    """

    query_ids: Ids
    gallery_ids: Ids
    order: NDArray[np.int32]
    scores: NDArray[np.float64]

    def __post_init__(self) -> None:
        q = len(self.query_ids)
        require(
            self.order.ndim == 2 and self.order.shape == self.scores.shape and len(self.order) == q, "ragged ranking"
        )
        unique(self.query_ids, "ranking")
        require(not np.isnan(self.scores).any(), "ranking with NaN scores")
        if self.order.size == 0:
            return
        require(int(self.order.max()) < len(self.gallery_ids), "ranking names a gallery row that does not exist")
        require(bool(np.isneginf(self.scores[self.order < 0]).all()), "ranking has a score behind its padding")
        with np.errstate(invalid="ignore"):
            require(not bool((np.diff(self.scores, axis=1) > 0).any()), "ranking is not sorted by score")
        ordered = np.sort(self.order, axis=1)
        repeats = (np.diff(ordered, axis=1) == 0) & (ordered[:, 1:] >= 0)
        require(not bool(repeats.any()), "ranking repeats a candidate")


@dataclass(frozen=True, eq=False)
class LocalFeatures:
    """Keypoints of one image, strongest first; no keypoint at all is allowed.

    ``keypoints`` float32 [n, 2], (x, y) in pixels of the original image; ``descriptors`` float32 [n, d];
    ``scores`` float32 [n]; ``scales`` float32 [n] in pixels and ``orientations`` float32 [n] in radians, zeros where
    the extractor has none; ``size`` (width, height) of the image in pixels.
    """

    keypoints: Floats
    descriptors: Floats
    scores: Floats
    scales: Floats
    orientations: Floats
    size: tuple[int, int]

    def __post_init__(self) -> None:
        n = len(self.keypoints)
        lengths = {len(a) for a in (self.descriptors, self.scores, self.scales, self.orientations)}
        require(lengths == {n}, "local features of unequal length")
        require(self.keypoints.shape == (n, 2) and self.descriptors.ndim == 2, "local features of a wrong shape")
        require(
            bool(np.isfinite(self.keypoints).all() and np.isfinite(self.descriptors).all()), "local features with NaN"
        )

    def __len__(self) -> int:
        return len(self.keypoints)


@dataclass(frozen=True, eq=False)
class PairMatches:
    """Matches of one pair: ``indices`` int32 [m, 2] into the keypoints of (query, gallery); ``scores`` float32 [m] in
    [0, 1]; ``inliers`` bool [m], all true where no geometric check was asked for."""

    indices: NDArray[np.int32]
    scores: Floats
    inliers: NDArray[np.bool_]

    def __post_init__(self) -> None:
        m = len(self.indices)
        require(
            self.indices.shape == (m, 2) and len(self.scores) == m == len(self.inliers),
            "pair matches of unequal length",
        )


@dataclass(frozen=True, eq=False)
class PairScores:
    """What re-ranking knows of each candidate of a :class:`Ranking`, aligned with its ``order`` [q, k].

    ``count`` matches, ``confidence`` their summed scores, ``inliers`` matches that agree with one geometry (= count
    where none was asked for); all float32 [q, k], zero behind padding. ``keypoints`` int32 [q]: keypoints of the query;
    ``candidate_keypoints`` int32 [q, k]: keypoints of the candidate, zero behind padding. ``matched`` bool [q, k]:
    which candidates were matched, where a cascade left some out (their zeros mean nothing); None: all of them.
    """

    count: Floats
    confidence: Floats
    inliers: Floats
    keypoints: NDArray[np.int32]
    candidate_keypoints: NDArray[np.int32]
    matched: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        shape = self.count.shape
        require(
            len(shape) == 2 and shape == self.confidence.shape == self.inliers.shape == self.candidate_keypoints.shape,
            "pair scores of unequal shape",
        )
        require(len(self.keypoints) == shape[0], "pair scores of unequal length")
        require(self.matched is None or self.matched.shape == shape, "matched places of another shape")
        for array in (self.count, self.confidence, self.inliers):
            require(bool(np.isfinite(array).all()), "pair scores with NaN")
