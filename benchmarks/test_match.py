"""mutual-nn by the block against OpenCV's matcher pair by pair and against bare products, turn by turn.

One query with 100 gallery images of 512 keypoints, a fifth of them in common; HARNESS_BENCH_KEYPOINTS takes another
number. HARNESS_DEVICE=cuda takes a card; OpenCV and numpy stay on the processor. On a CPU that others use too,
HARNESS_BENCH_TIMER=processor counts the time of its cores instead of the clock's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter, process_time

import cv2
import numpy as np
import pytest
from keypoints import features
from pytest_benchmark.fixture import BenchmarkFixture

from harness.packed import PackedFeatures
from harness.registry import Registry
from harness.weights import compute_device

PAIRS, KEYPOINTS, DIM = 100, int(os.environ.get("HARNESS_BENCH_KEYPOINTS", "512")), 128
TIMER = process_time if os.environ.get("HARNESS_BENCH_TIMER") == "processor" else perf_counter
RATIO = 0.8
ROUNDS = 7
ROWS = np.stack([np.zeros(PAIRS, np.int64), np.arange(1, PAIRS + 1)], axis=1)


@pytest.fixture(scope="module")
def images() -> PackedFeatures:
    return features(PAIRS + 1, KEYPOINTS, DIM, KEYPOINTS // 5)


def opencv(images: PackedFeatures, mutual: bool) -> Callable[[], int]:
    """The same matches as OpenCV's loops find them: knnMatch with the ratio test, and the way back."""
    matcher = cv2.BFMatcher(cv2.NORM_L2)
    described = images.descriptors.astype(np.float32)

    def matches(query: np.ndarray, gallery: np.ndarray) -> int:
        ahead = [m for m, second in matcher.knnMatch(query, gallery, 2) if m.distance < RATIO * second.distance]
        if not mutual:
            return len(ahead)
        back = {m.queryIdx: m.trainIdx for m in matcher.match(gallery, query)}
        return sum(back[m.trainIdx] == m.queryIdx for m in ahead)

    return lambda: sum(matches(described[query], described[gallery]) for query, gallery in ROWS)


def product(images: PackedFeatures) -> Callable[[], None]:
    """The products alone, by all threads of numpy's library, in the shape that was fastest of those tried."""
    described = images.descriptors.astype(np.float32)
    query, galleries = described[0], described[1:]
    out = np.empty((KEYPOINTS, 4 * KEYPOINTS), np.float32)

    def work() -> None:
        for start in range(0, PAIRS, 4):
            np.matmul(query, galleries[start : start + 4].reshape(-1, DIM).T, out=out)

    return work


@pytest.mark.benchmark(timer=TIMER, group=f"mutual-nn: {PAIRS} pairs of {KEYPOINTS} keypoints")
def test_mutual_nn(benchmark: BenchmarkFixture, images: PackedFeatures) -> None:
    matcher = Registry.load().resolve("matcher", f"mutual-nn[ratio={RATIO},max_keypoints={KEYPOINTS}]").build()
    rivals = {
        "OpenCV, the same matches": opencv(images, mutual=True),
        "OpenCV, knnMatch alone": opencv(images, mutual=False),
        "numpy, products alone": product(images),
    }
    seconds: dict[str, list[float]] = {name: [] for name in rivals}

    def others() -> None:
        for name, work in rivals.items():
            start = TIMER()
            work()
            seconds[name].append(TIMER() - start)

    found = matcher.match_block(images, ROWS)
    assert found.count.sum() == rivals["OpenCV, the same matches"]()
    benchmark.pedantic(lambda: matcher.match_block(images, ROWS), setup=others, rounds=ROUNDS)
    mine = benchmark.stats.stats.min
    benchmark.extra_info["device"] = compute_device()
    benchmark.extra_info["seconds of the others / ours"] = {n: round(min(s) / mine, 2) for n, s in seconds.items()}
    benchmark.extra_info["us a pair"] = round(mine / PAIRS * 1e6)
    print(benchmark.extra_info)
