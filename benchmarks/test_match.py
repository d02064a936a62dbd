"""mutual-nn in batches against the same matcher pair by pair, and against the bare matrix products."""

from __future__ import annotations

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness.registry import Registry
from harness.types import LocalFeatures

PAIRS, KEYPOINTS, DIM = 200, 256, 128


@pytest.fixture(scope="module")
def pairs() -> list[tuple[LocalFeatures, LocalFeatures]]:
    rng = np.random.default_rng(0)

    def image() -> LocalFeatures:
        descriptors = rng.normal(size=(KEYPOINTS, DIM)).astype(np.float32)
        descriptors /= np.linalg.norm(descriptors, axis=1, keepdims=True)
        keypoints = rng.uniform(0, 400, (KEYPOINTS, 2)).astype(np.float32)
        zeros = np.zeros(KEYPOINTS, np.float32)
        return LocalFeatures(keypoints, descriptors, zeros + 1, zeros, zeros, (400, 400))

    query, gallery = image(), [image() for _ in range(PAIRS)]
    return [(query, other) for other in gallery]


@pytest.mark.benchmark(group="mutual-nn: 200 pairs")
@pytest.mark.parametrize("batch", [1, PAIRS], ids=["pair by pair", "one batch"])
def test_mutual_nn(benchmark: BenchmarkFixture, pairs: list[tuple[LocalFeatures, LocalFeatures]], batch: int) -> None:
    matcher = Registry.load().resolve("matcher", "mutual-nn").build()
    benchmark(lambda: [matcher.match(pairs[start : start + batch]) for start in range(0, PAIRS, batch)])


@pytest.mark.benchmark(group="mutual-nn: 200 pairs")
def test_bare_products(benchmark: BenchmarkFixture, pairs: list[tuple[LocalFeatures, LocalFeatures]]) -> None:
    benchmark(lambda: [(a.descriptors @ b.descriptors.T).argmax(axis=1) for a, b in pairs])
