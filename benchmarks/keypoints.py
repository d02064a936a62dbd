"""Made-up keypoints for the benchmarks of matchers."""

from __future__ import annotations

import numpy as np

from harness.packed import PackedFeatures


def features(n: int, keypoints: int, dim: int, common: int) -> PackedFeatures:
    """n images of 400 x 400 pixels, all with as many keypoints; ``common`` of the first one's are in every other."""
    rng = np.random.default_rng(0)
    descriptors = rng.standard_normal((n, keypoints, dim), dtype=np.float32)
    descriptors[1:, :common] = descriptors[0, :common] + 0.3 * descriptors[1:, :common]
    descriptors /= np.linalg.norm(descriptors, axis=2, keepdims=True)
    zeros = np.zeros((n, keypoints), np.float32)
    places = rng.uniform(0, 400, (n, keypoints, 2)).astype(np.float32)
    count, size = np.full(n, keypoints, np.int32), np.full((n, 2), 400, np.int32)
    return PackedFeatures(places, descriptors.astype(np.float16), zeros, zeros, zeros, count, size)
