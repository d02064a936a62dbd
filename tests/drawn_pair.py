"""A pair of photographs, one of them wider than high, with a match of each class."""

from __future__ import annotations

import numpy as np

from harness.report.pair import DrawnPair

PAIR = DrawnPair(
    query=0,
    gallery=1,
    sizes=((40, 20), (30, 30)),
    keypoints=(
        np.array([[1, 1], [30, 10], [39, 19]], np.float32),
        np.array([[2, 2], [5, 25]], np.float32),
    ),
    indices=np.array([[0, 0], [1, 1], [2, 0]], np.int32),
    scores=np.array([0.5, 0.9, 0.1], np.float32),
    inliers=np.array([True, True, False]),
    on=np.array([True, False, False]),
    checked=True,
)
