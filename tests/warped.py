"""Views made by hand and views of noise, for the tests of training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness import LocalFeatures, PackedFeatures
from harness.matcher_training.views import Views


def by_hand(
    places: Sequence[Sequence[tuple[float, float]]],
    photographs: Sequence[int],
    *,
    useless: Sequence[tuple[int, int]] = (),
    individuals: Sequence[int] | None = None,
    dim: int = 4,
) -> Views:
    """Views whose keypoints lie at these places; the descriptor of a keypoint is drawn by its place alone."""
    room = max(map(len, places))
    features = []
    for points in places:
        rows = [np.random.default_rng([int(x * 10), int(y * 10)]).random(dim) for x, y in points]
        found = np.array(rows, np.float32).reshape(-1, dim)
        ones = np.ones(len(points), np.float32)
        keypoints = np.array(points, np.float32).reshape(-1, 2)
        features.append(LocalFeatures(keypoints, found, ones, ones * 4, ones * 0.5, (100, 80)))
    where, useful = np.zeros((len(places), room, 2), np.float32), np.zeros((len(places), room), bool)
    for row, points in enumerate(places):
        where[row, : len(points)] = np.array(points, np.float32).reshape(-1, 2)
        useful[row, : len(points)] = True
    for row, column in useless:
        useful[row, column] = False
    numbers = np.array(photographs, np.int64)
    who = numbers if individuals is None else np.array(individuals, np.int64)
    return Views(PackedFeatures.pack(features, room, dim, np.float16), where, useful, numbers, who)


def shuffled(
    photographs: int, views: int, keypoints: int = 12, dim: int = 8, noise: float = 0.02, seed: int = 0
) -> Views:
    """Views of photographs with random descriptors: the keypoints of a view in an order of its own, a little noisy."""
    rng = np.random.default_rng(0)
    features, places = [], []
    for _ in range(photographs):
        points, own = rng.uniform(5, 75, (keypoints, 2)), rng.normal(size=(keypoints, dim))
        for _ in range(views):
            order = rng.permutation(keypoints)
            rows = own[order] + rng.normal(0, noise, own.shape)
            unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
            ones = np.ones(keypoints, np.float32)
            moved = (points[order] + rng.normal(0, 0.3, points.shape)).astype(np.float32)
            features.append(LocalFeatures(moved, unit, ones, ones * 4, ones * 0.1, (80, 80)))
            places.append(points[order].astype(np.float32))
    packed = PackedFeatures.pack(features, keypoints, dim, np.float16)
    numbers = np.repeat(np.arange(photographs), views)
    return Views(packed, np.stack(places), np.ones((len(places), keypoints), bool), numbers, numbers)
