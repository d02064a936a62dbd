"""The contract of local-feature extractors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

from harness.errors import GridError
from harness.packed import PER_KEYPOINT
from harness.refs import Ref, parse
from harness.specs import FeaturesSpec
from harness.testing import given, samples
from harness.testing.contract import Contract
from harness.types import Image, LocalFeatures

TOLERANCE = 1e-4
"""Of positions (pixels) and descriptors, absolute, between an image alone and in a batch."""
FEW = 5
"""Keypoints that an extractor is limited to, to see whether it heeds its limit."""


class FeaturesContract(Contract):
    """Tests of an extractor. May be overridden: :meth:`images`, where it needs others to find anything."""

    kind = "features"

    def images(self) -> list[Image]:
        """Seven photographs, the first two wide and tall and rich in texture; grey, flat, thin and one-pixel ones."""
        return samples.pictures()

    def _extract(self, images: Sequence[Image], built: Any = None) -> list[LocalFeatures]:
        with given.no_lists():
            found = (self.made() if built is None else built).extract(images)
        results: list[LocalFeatures] = given.listed(found, LocalFeatures, len(images), "extract()", "image")
        for result, name in product(results, PER_KEYPOINT):
            given.array(getattr(result, name), name)
        return results

    def _use(self, built: Any) -> None:
        self._extract(self.images(), built)

    def test_gives_one_local_features_an_image(self) -> None:
        for found in self._extract(self.images()):
            for name in PER_KEYPOINT:
                given.array(getattr(found, name), name, np.float32)

    def test_settings_limit_the_keypoints(self) -> None:
        assert "max_keypoints" in type(self.choice().config).model_fields, "the settings have no 'max_keypoints'"

    def test_at_most_max_keypoints_are_kept(self) -> None:
        ref, made = parse(self.plugin), self.made()
        try:
            few = self._registry().resolve("features", Ref(ref.name, {**ref.settings, "max_keypoints": FEW}))
        except GridError as error:
            pytest.skip(f"max_keypoints={FEW} is refused: {error.problem}")
        limit = getattr(self.choice().config, "max_keypoints", 0)
        for extractor, most in ((made, limit), (few.build(), FEW)):
            counts = [len(found) for found in self._extract(self.images()[:3], extractor)]
            assert max(counts) <= most, f"{max(counts)} keypoints with max_keypoints={most}"

    def test_something_is_found_where_there_is_texture(self) -> None:
        counts = [len(found) for found in self._extract(self.images()[:2])]
        assert all(counts), f"keypoints found in two textured photographs: {counts}"

    def test_keypoints_lie_inside_the_image(self) -> None:
        for image, found in zip(self.images(), self._extract(self.images()), strict=True):
            height, width = image.shape[:2]
            inside = (found.keypoints >= 0) & (found.keypoints <= [width - 1, height - 1])
            assert inside.all(), f"a keypoint outside an image of width {width} and height {height}: they are (x, y)"

    def test_size_is_width_and_height(self) -> None:
        for image, found in zip(self.images(), self._extract(self.images()), strict=True):
            height, width = image.shape[:2]
            assert tuple(found.size) == (width, height), f"size {found.size} of an image {width} wide, {height} high"

    def test_the_strongest_come_first(self) -> None:
        for found in self._extract(self.images()):
            assert (np.diff(found.scores) <= 0).all(), "keypoints are not ordered by score, strongest first"

    def test_descriptors_have_the_declared_length(self) -> None:
        spec = self.choice().spec
        assert isinstance(spec, FeaturesSpec)
        for found in self._extract(self.images()):
            length = found.descriptors.shape[1]
            assert not len(found) or length == spec.dim, f"descriptors of length {length}, declared is {spec.dim}"

    def test_all_numbers_are_finite(self) -> None:
        for found in self._extract(self.images()):
            for name in PER_KEYPOINT:
                assert np.isfinite(getattr(found, name)).all(), f"{name} are not finite"
            assert (found.scales >= 0).all(), "a negative scale"

    def test_no_images_give_no_results(self) -> None:
        assert self._extract([]) == []

    def test_a_batch_changes_no_result(self) -> None:
        alone = [self._extract([image])[0] for image in self.images()]
        self._same(alone, self._extract(self.images()), "in a batch of 7")

    def test_the_order_of_images_changes_no_result(self) -> None:
        backward = self._extract(self.images()[::-1])
        self._same(self._extract(self.images()), backward[::-1], "in another order")

    def test_two_builds_give_equal_bytes(self) -> None:
        one, two = (samples.stamp(self._extract(self.images(), built)) for built in self._twice())
        assert one == two, "two builds describe differently: draw nothing, or from a seed of your own"

    def test_the_images_are_left_as_they_are(self) -> None:
        images = self.images()
        before = samples.stamp(images)
        self._extract(images)
        assert samples.stamp(images) == before, "extract() changes the images that it is handed"

    def _same(self, one: Sequence[LocalFeatures], two: Sequence[LocalFeatures], how: str) -> None:
        for number, (a, b) in enumerate(zip(one, two, strict=True)):
            assert len(a) == len(b), f"image {number} has {len(a)} keypoints, and {len(b)} {how}"
            for name in ("keypoints", "descriptors"):
                close = np.allclose(getattr(a, name), getattr(b, name), atol=TOLERANCE)
                assert close, f"image {number} has other {name} {how}"
