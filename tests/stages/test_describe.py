"""The stage ``describe``: order, reading ahead, faults, and packing to arrays and back."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from pictures import random_features, same_features

from harness import DataError, LocalFeatures
from harness.errors import PluginError
from harness.packed import PackedFeatures
from harness.stages.describe import describe, pack
from harness.types import Image


class Counted:
    """A Progress that adds up."""

    def __init__(self) -> None:
        self.total = self.done = 0

    def start(self, total: int, unit: str) -> None:
        self.total = total

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n


class Pictures:
    """Pictures of a brightness that is their position; one may be broken."""

    def __init__(self, count: int, broken: int = -1) -> None:
        self.count, self.broken = count, broken
        self.threads: set[str] = set()
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int, /) -> Image:
        self.threads.add(threading.current_thread().name)
        self.read.append(index)
        if index == self.broken:
            raise DataError(f"image {index}.jpg cannot be decoded")
        return np.full((4, 6, 3), index, np.uint8)


class Brightness:
    """An extractor whose one keypoint's score is the brightness."""

    def __init__(self, drop: int = 0, size: tuple[int, int] = (6, 4)) -> None:
        self.drop, self.size = drop, size
        self.batches: list[int] = []

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        self.batches.append(len(images))
        one = np.ones(1, np.float32)
        kept = images[: len(images) - self.drop]
        return [
            LocalFeatures(np.zeros((1, 2), np.float32), one[None], one * i[0, 0, 0], one, one, self.size) for i in kept
        ]


def test_yields_every_image_in_order_and_decodes_in_threads() -> None:
    progress, pictures, extractor = Counted(), Pictures(11), Brightness()
    found = [f for batch in describe(extractor, pictures, 4, progress) for f in batch]
    assert [int(f.scores[0]) for f in found] == list(range(11))
    assert extractor.batches == [4, 4, 3]
    assert (progress.total, progress.done) == (11, 11)
    assert pictures.threads
    assert threading.current_thread().name not in pictures.threads


def test_no_images_give_nothing() -> None:
    assert list(describe(Brightness(), Pictures(0), 4, Counted())) == []


def test_reads_only_a_little_ahead_and_stops_with_its_consumer() -> None:
    pictures = Pictures(1000)
    stage = describe(Brightness(), pictures, 2, Counted())
    next(stage)
    stage.close()
    assert len(pictures.read) <= 8


def test_what_comes_before_a_broken_image_is_still_yielded() -> None:
    stage = describe(Brightness(), Pictures(12, broken=9), 4, Counted())
    assert [len(next(stage)), len(next(stage))] == [4, 4]
    with pytest.raises(DataError, match=r"9\.jpg"):
        next(stage)


def test_faults_of_an_extractor_are_named() -> None:
    with pytest.raises(PluginError, match="described 3 of 4 images"):
        list(describe(Brightness(drop=1), Pictures(4), 4, Counted()))
    with pytest.raises(PluginError, match="width 6 and height 4"):
        list(describe(Brightness(size=(4, 6)), Pictures(4), 4, Counted()))


def test_features_come_back_from_arrays_rounded_once() -> None:
    found = [random_features(count, 16, count) for count in (5, 0, 8, 1)]
    packed = pack(found, 8, 16)
    arrays = packed.arrays()
    assert {name: (a.dtype.name, a.shape) for name, a in arrays.items()} == {
        "keypoints": ("float32", (4, 8, 2)),
        "descriptors": ("float16", (4, 8, 16)),
        "scores": ("float32", (4, 8)),
        "scales": ("float32", (4, 8)),
        "orientations": ("float32", (4, 8)),
        "count": ("int32", (4,)),
        "size": ("int32", (4, 2)),
    }
    assert packed.arrays().keys() == PackedFeatures.of(arrays).arrays().keys()
    back = [packed.image(row) for row in range(4)]
    for before, after in zip(found, back, strict=True):
        assert after.size == before.size
        assert np.array_equal(after.keypoints, before.keypoints)
        assert np.array_equal(after.descriptors, before.descriptors.astype(np.float16).astype(np.float32))
    again = pack(back, 8, 16)
    assert all(same_features(again.image(row), back[row]) for row in range(4))


def test_nothing_can_be_packed() -> None:
    assert pack([], 8, 16).size.shape == (0, 2)


@pytest.mark.parametrize(
    ("keypoints", "dim", "scale", "problem"),
    [(9, 16, 1, "9 keypoints where max_keypoints is 8"), (5, 12, 1, "length 12.*dim=16"), (5, 16, 1e6, "too large")],
)
def test_refuses_what_does_not_fit(keypoints: int, dim: int, scale: float, problem: str) -> None:
    found = random_features(keypoints, dim, 0)
    found.descriptors[:] *= scale
    with pytest.raises(PluginError, match=problem):
        pack([found], 8, 16)


@pytest.mark.parametrize(
    ("keypoints", "dim", "scale", "advice"),
    [(9, 16, 1, "max_keypoints"), (5, 12, 1, r"FeaturesSpec\.dim"), (5, 16, 1e6, "unit norm")],
)
def test_what_does_not_fit_is_told_with_advice(keypoints: int, dim: int, scale: float, advice: str) -> None:
    found = random_features(keypoints, dim, 0)
    found.descriptors[:] *= scale
    with pytest.raises(PluginError) as caught:
        pack([found], 8, 16)
    assert re.search(advice, caught.value.advice)


@pytest.mark.parametrize(
    ("extractor", "advice"), [(Brightness(drop=1), "LocalFeatures"), (Brightness(size=(4, 6)), "width, height")]
)
def test_a_fault_of_an_extractor_is_told_with_advice(extractor: Brightness, advice: str) -> None:
    with pytest.raises(PluginError) as caught:
        list(describe(extractor, Pictures(4), 4, Counted()))
    assert advice in caught.value.advice


def test_the_largest_half_fits_in_a_half() -> None:
    found = random_features(2, 16, 0)
    found.descriptors[:] = np.finfo(np.float16).max
    assert (pack([found], 8, 16).image(0).descriptors == np.finfo(np.float16).max).all()
