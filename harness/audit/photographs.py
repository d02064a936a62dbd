"""Two crops of one photograph: keypoints give the map from one to the other, their overlap must then agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.audit.joins import equal, keys
from harness.table import ImageTable
from harness.types import Image

if TYPE_CHECKING:
    from harness.contracts import Progress

SIDE = 320
"""Longest side in pixels that a picture is brought to, up or down, before it is compared."""
KEYPOINTS = 300
RATIO = 0.8
"""Lowe's ratio test: a match must be so much nearer than the second best."""
PIXELS = 3.0
"""Largest error of an inlier, in pixels of the picture of :data:`SIDE`."""
INLIERS, OVERLAP, CORRELATION = 8, 0.15, 0.9
"""What makes it one photograph. Chosen by looking at pairs of query and gallery image of one individual: in NyalaData
(flanks before a fixed camera) only two exact duplicates correlate above 0.69, though up to 50 matches agree on the
shared background of other pairs; in LionData (ears, noses and faces cut from portraits) all 32 pairs above 0.9 are one
photograph, below 0.8 few are. Collages of two photographs are missed: what is found is a lower bound."""
CHUNK = 512
"""Pairs handed back at a time: what a killed run loses."""


class Photograph(NamedTuple):
    """What speaks for one photograph: matches that agree with one similarity map, the common area as a share of the
    smaller picture, and the normalised cross-correlation of the grey values there, -1 to 1. Zeros where there are fewer
    than :data:`INLIERS` matches, or no map is found."""

    inliers: int
    overlap: float
    correlation: float

    @property
    def same(self) -> bool:
        """Whether both pictures are crops of one photograph."""
        return self.inliers >= INLIERS and self.overlap >= OVERLAP and self.correlation >= CORRELATION


NOTHING = Photograph(0, 0.0, 0.0)


class Described(NamedTuple):
    """A picture made ready: ``grey`` uint8 [h, w], ``points`` float32 [n, 2] as (x, y), ``descriptors`` [n, 128]."""

    grey: NDArray[np.uint8]
    points: NDArray[np.float32]
    descriptors: NDArray[np.float32]


def candidates(
    query: ImageTable, gallery: ImageTable, query_scope: NDArray[np.str_], gallery_scope: NDArray[np.str_]
) -> list[tuple[int, int]]:
    """Pairs (query row, gallery row) of one individual in one scope, those of an individual together."""
    pairs = equal(keys(query, query_scope, "identity"), keys(gallery, gallery_scope, "identity"))
    order = np.lexsort((pairs.right, pairs.left, query.identity[pairs.left]))
    return list(zip(pairs.left[order].tolist(), pairs.right[order].tolist(), strict=True))


def compare(image_a: Image, image_b: Image) -> Photograph:
    """Compare two pictures, RGB uint8 [h, w, 3]. Deterministic; the order of the two may change the last figures."""
    return compare_described(describe(image_a), describe(image_b))


def compare_all(
    pairs: Sequence[tuple[str, str]], load: Callable[[str], Image], progress: Progress
) -> Iterator[tuple[list[tuple[str, str]], list[Photograph]]]:
    """Compare pairs of image digests in a pool of threads, a chunk of pairs at a time.

    Args:
        pairs: in an order that keeps an individual together; then an image is described once, and few are held.
        load: the picture of a digest, RGB uint8 [h, w, 3].
        progress: told of every pair.
    """
    progress.start(len(pairs), "pairs of photographs")
    held: dict[str, Described] = {}
    with ThreadPoolExecutor() as pool:
        for start in range(0, len(pairs), CHUNK):
            chunk = list(pairs[start : start + CHUNK])
            wanted = dict.fromkeys(name for pair in chunk for name in pair)
            fresh = [name for name in wanted if name not in held]
            held = {name: held[name] for name in wanted if name in held}
            held |= zip(fresh, pool.map(lambda name: describe(load(name)), fresh), strict=True)
            sides = zip(*((held[a], held[b]) for a, b in chunk), strict=True)
            yield chunk, list(pool.map(compare_described, *sides))
            progress.advance(len(chunk))


def describe(image: Image) -> Described:
    """Grey picture of :data:`SIDE` with its SIFT keypoints (Lowe 2004), strongest first."""
    import cv2

    factor = SIDE / max(image.shape[:2])
    size = max(round(image.shape[1] * factor), 1), max(round(image.shape[0] * factor), 1)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    grey = cv2.resize(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), size, interpolation=how)
    sift: Any = cv2.SIFT_create(nfeatures=KEYPOINTS)  # type: ignore[attr-defined]  # absent from the stubs of cv2 5
    found, descriptors = sift.detectAndCompute(grey, None)
    points = np.array([point.pt for point in found], np.float32).reshape(-1, 2)
    table = np.zeros((0, 128), np.float32) if descriptors is None else descriptors
    return Described(np.asarray(grey, np.uint8), points, table)


def compare_described(a: Described, b: Described) -> Photograph:
    """Matches, the similarity map from b to a by RANSAC (Fischler & Bolles 1981), the overlap of a and the warped b."""
    import cv2

    left, right = _matches(a, b)
    if len(left) < INLIERS:
        return NOTHING
    cv2.setRNGSeed(0)
    found, inliers = cv2.estimateAffinePartial2D(
        b.points[right], a.points[left], method=cv2.RANSAC, ransacReprojThreshold=PIXELS
    )
    if found is None or not np.isfinite(found).all() or not 1e-3 < abs(np.linalg.det(found[:, :2])) < 1e3:
        return NOTHING
    overlap, correlation = _overlap(a.grey, b.grey, np.asarray(found, np.float64))
    return Photograph(int(inliers.sum()), overlap, correlation)


def _matches(a: Described, b: Described) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows of keypoints that pass the ratio test, each keypoint of b at most once (its nearest)."""
    import cv2

    none = np.empty(0, np.int64)
    if min(len(a.points), len(b.points)) < INLIERS:
        return none, none
    best: dict[int, tuple[float, int]] = {}
    for first, second in cv2.BFMatcher(cv2.NORM_L2).knnMatch(a.descriptors, b.descriptors, k=2):
        if first.distance < RATIO * second.distance:
            best[first.trainIdx] = min(best.get(first.trainIdx, (np.inf, 0)), (first.distance, first.queryIdx))
    return np.array([row for _, row in best.values()], np.int64), np.array(list(best), np.int64)


def _overlap(a: NDArray[np.uint8], b: NDArray[np.uint8], found: NDArray[np.float64]) -> tuple[float, float]:
    """Share of the smaller picture that both show when b [h, w] is mapped onto a [h, w], and the correlation there."""
    import cv2

    size = a.shape[1], a.shape[0]
    warped = cv2.warpAffine(b, found, size, flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.full(b.shape, 255, np.uint8), found, size, flags=cv2.INTER_NEAREST) > 0
    smaller = min(a.size, b.size * abs(float(np.linalg.det(found[:, :2]))))
    share = min(float(inside.sum()) / smaller, 1.0)
    one, other = (picture[inside].astype(np.float64) for picture in (a, warped))
    if len(one) < 2 or one.std() == 0 or other.std() == 0:
        return share, 0.0
    return share, float(np.corrcoef(one, other)[0, 1])
