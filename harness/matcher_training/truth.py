"""The true matches of two views of one photograph."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.matcher_training.views import Views

ALONE, UNCLEAR = -1, -2
"""Instead of a partner: a keypoint has none, or nothing is said of it."""

Partners = NDArray[np.int64]


def distances(views: Views, first: int, second: int) -> NDArray[np.float32]:
    """How far the keypoints of two views lie apart in their photograph, in pixels: float32 [m, n], infinite where one
    of them is of no use or the photographs are two."""
    m, n = views.features.count[[first, second]]
    if views.photograph[first] != views.photograph[second]:
        return np.full((m, n), np.inf, np.float32)
    apart = views.places[first, :m, None] - views.places[second, None, :n]
    useful = views.useful[first, :m, None] & views.useful[second, None, :n]
    return np.where(useful, np.linalg.norm(apart, axis=2), np.inf).astype(np.float32)


def partners(views: Views, first: int, second: int, pixels: float, apart: float) -> tuple[Partners, Partners]:
    """The true partner of every keypoint of two views, int64 [K] each.

    Partners are each other's nearest, at most ``pixels`` apart in the photograph; of several at one place (SIFT gives
    one for each orientation) those of the most similar descriptors. A keypoint whose nearest is ``apart`` or more away,
    or that is of no use, is :data:`ALONE`; all else, and the room behind an image's last keypoint, is :data:`UNCLEAR`.
    """
    gap = distances(views, first, second)
    m, n = gap.shape
    room = views.places.shape[1]
    left, right = np.full(room, UNCLEAR), np.full(room, UNCLEAR)
    left[:m], right[:n] = ALONE, ALONE
    if not m or not n:
        return left, right
    left[:m][gap.min(axis=1) < apart] = UNCLEAR
    right[:n][gap.min(axis=0) < apart] = UNCLEAR
    alike = _unit(views, first, m) @ _unit(views, second, n).T
    cost = gap - alike  # below a pixel: it decides between equal places alone
    best, back = cost.argmin(axis=1), cost.argmin(axis=0)
    own = np.arange(m)
    true = (back[best] == own) & (gap[own, best] <= pixels)
    left[own[true]], right[best[true]] = best[true], own[true]
    return left, right


def _unit(views: Views, row: int, count: int) -> NDArray[np.float32]:
    rows = views.features.descriptors[row, :count].astype(np.float32)
    unit: NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-7)
    return unit
