"""Pictures, local features and shared weights for the tests of extractors and matchers."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from harness import LocalFeatures
from harness.types import Image

SHARED = Path(__file__).resolve().parents[1] / ".." / "shared" / "weights"


def weights(name: str) -> str:
    """The path of a shared weights file; the test is skipped where there is none."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"no {name} in ../shared/weights")
    return str(path)


def textured(height: int, width: int, seed: int = 0) -> Image:
    """Blobs of many sizes and colours."""
    rng = np.random.default_rng(seed)
    noise = rng.random((height, width, 3), dtype=np.float32)
    mixed = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 4.0, 9.0))
    low, high = mixed.min(), mixed.max()
    return ((mixed - low) / (high - low) * 255).astype(np.uint8)


def grey(height: int, width: int) -> Image:
    """One colour: nothing to find."""
    return np.full((height, width, 3), 127, np.uint8)


def random_features(
    count: int, dim: int, seed: int, size: tuple[int, int] = (400, 200), noise_on: LocalFeatures | None = None
) -> LocalFeatures:
    """Unit descriptors at random places; with ``noise_on``, the first ones are noisy copies of another image's."""
    rng = np.random.default_rng(seed)
    descriptors = rng.standard_normal((count, dim)).astype(np.float32)
    keypoints = (rng.random((count, 2)) * size).astype(np.float32)
    if noise_on is not None:
        shared = min(count, len(noise_on)) // 2
        descriptors[:shared] = noise_on.descriptors[:shared] * np.sqrt(dim) + 0.2 * descriptors[:shared]
        keypoints[:shared] = noise_on.keypoints[:shared]
    descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
    scores = np.sort(rng.random(count).astype(np.float32))[::-1].copy()
    scales = (2 + 6 * rng.random(count)).astype(np.float32)
    angles = (6.28 * rng.random(count)).astype(np.float32)
    return LocalFeatures(keypoints, descriptors, scores, scales, angles, size)


def check_features(found: LocalFeatures, image: Image, limit: int, dim: int) -> None:
    """What every extractor promises of what it found."""
    height, width = image.shape[:2]
    assert found.size == (width, height)
    assert 0 < len(found) <= limit
    assert found.descriptors.shape == (len(found), dim)
    assert np.allclose(np.linalg.norm(found.descriptors, axis=1), 1, atol=1e-3)
    assert (np.diff(found.scores) <= 0).all(), "strongest first"
    assert (found.keypoints >= 0).all()
    assert (found.keypoints <= [width - 1, height - 1]).all()
    # a picture wider than high has keypoints beyond its height: (x, y), not (y, x)
    assert found.keypoints[:, 0].max() > height


def same_features(a: LocalFeatures, b: LocalFeatures) -> bool:
    """Equal to the bit."""
    names = ("keypoints", "descriptors", "scores", "scales", "orientations")
    return a.size == b.size and all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)
