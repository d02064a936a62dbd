"""The contract of segmenters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from harness.testing import given, samples
from harness.testing.contract import Contract
from harness.types import Image


class SegmenterContract(Contract):
    """Tests of a segmenter. May be overridden: :meth:`images`, where it needs others."""

    kind = "segmenter"

    def images(self) -> list[Image]:
        """Seven photographs: wide, tall, odd-sized, grey, flat, one pixel high, and one pixel."""
        return samples.pictures()

    def _segment(self, images: Sequence[Image], built: Any = None) -> list[Image]:
        found = (self.made() if built is None else built).segment(images)
        masks: list[Image] = given.listed(found, np.ndarray, len(images), "segment()", "image")
        return masks

    def _use(self, built: Any) -> None:
        self._segment(self.images(), built)

    def test_gives_one_mask_an_image(self) -> None:
        self._segment(self.images())

    def test_an_animal_that_stands_out_is_found(self) -> None:
        masks = self._segment([*self.images(), samples.animal()])
        assert any(mask.any() for mask in masks), "every mask is empty, even of a bright animal on a dark ground"

    def test_a_mask_has_the_size_of_its_image(self) -> None:
        for image, mask in zip(self.images(), self._segment(self.images()), strict=True):
            assert mask.shape == image.shape[:2], f"a mask {mask.shape} of an image {image.shape[:2]}, (height, width)"

    def test_a_mask_is_0_or_255(self) -> None:
        for mask in self._segment(self.images()):
            assert mask.dtype == np.uint8, f"a mask is {mask.dtype}, not uint8"
            assert np.isin(mask, (0, 255)).all(), f"a mask holds {np.setdiff1d(mask, (0, 255))[:3]} beside 0 and 255"

    def test_no_images_give_no_masks(self) -> None:
        assert self._segment([]) == []

    def test_neighbours_change_no_mask(self) -> None:
        alone = [self._segment([image])[0] for image in self.images()]
        self._same(alone, self._segment(self.images()), "in a batch of 7")

    def test_the_order_of_images_changes_no_mask(self) -> None:
        backward = self._segment(self.images()[::-1])
        self._same(self._segment(self.images()), backward[::-1], "in another order")

    def test_two_builds_give_equal_bytes(self) -> None:
        one, two = (samples.stamp(self._segment(self.images(), built)) for built in self._twice())
        assert one == two, "two builds segment differently: draw nothing, or from a seed of your own"

    def test_the_images_are_left_as_they_are(self) -> None:
        images = self.images()
        before = samples.stamp(images)
        self._segment(images)
        assert samples.stamp(images) == before, "segment() changes the images that it is handed"

    def _same(self, one: Sequence[Image], two: Sequence[Image], how: str) -> None:
        for number, (a, b) in enumerate(zip(one, two, strict=True)):
            assert np.array_equal(a, b), f"image {number} has another mask {how}"
