"""The stage ``segment``: order, faults of a segmenter, and masks squeezed to bits and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from tiny import Quiet

from harness.errors import PluginError
from harness.stages.segment import SIDE, resized, segment, squeeze, unsqueeze
from harness.types import Image


def half(height: int, width: int) -> Image:
    """Animal in the left half."""
    mask = np.zeros((height, width), np.uint8)
    mask[:, : width // 2] = 255
    return mask


class Pictures:
    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int, /) -> Image:
        return np.full((4, 6 + index, 3), index, np.uint8)


class Left:
    """Finds the left half, and spoils what it found as told."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def segment(self, images: Sequence[Image]) -> list[Image]:
        masks: list[NDArray[np.generic]] = [half(*image.shape[:2]) for image in images]
        if self.fault == "count":
            masks = masks[1:]
        elif self.fault == "shape":
            masks[0] = masks[0].T
        elif self.fault == "kind":
            masks[0] = masks[0] > 0
        elif self.fault == "values":
            masks[0] = masks[0] // 255
        return masks  # type: ignore[return-value]


def test_every_image_has_its_mask_in_order() -> None:
    told = Quiet()
    masks = [mask for batch in segment(Left(), Pictures(), 2, told) for mask in batch]
    assert all(np.array_equal(mask, half(4, 6 + i)) for i, mask in enumerate(masks))
    assert (len(masks), told.done, told.total) == (5, 5, 5)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("count", "gave 1 masks of 2 images"),
        ("shape", r"gave uint8 \[6, 4\] for an image \[4, 6, 3\]"),
        ("kind", r"gave bool \[4, 6\]"),
        ("values", "values beside 0 and 255"),
    ],
)
def test_faults_of_a_segmenter_are_named(fault: str, told: str) -> None:
    with pytest.raises(PluginError, match=told):
        list(segment(Left(fault), Pictures(), 2, Quiet()))


def test_a_mask_of_the_stores_own_size_comes_back_to_the_bit() -> None:
    mask = np.where(np.random.default_rng(0).random((SIDE, SIDE)) < 0.5, 255, 0).astype(np.uint8)
    bits = squeeze(mask)
    assert (bits.shape, bits.dtype) == ((2048,), np.uint8)
    assert np.array_equal(unsqueeze(bits, (SIDE, SIDE)), mask)


@pytest.mark.parametrize(("height", "width"), [(40, 70), (300, 128), (513, 1021), (1, 1), (2, 300)])
def test_other_sizes_come_back_but_for_half_a_cell_at_the_outline(height: int, width: int) -> None:
    mask = half(height, width)
    back = unsqueeze(squeeze(mask), (width, height))
    assert (back.shape, back.dtype) == (mask.shape, np.uint8)
    assert set(np.unique(back)) <= {0, 255}
    wrong = np.flatnonzero((back != mask).any(axis=0))
    assert (np.abs(wrong + 0.5 - width // 2) <= width / SIDE).all()


def test_all_animal_and_none_stay_what_they_are() -> None:
    for value in (0, 255):
        mask = np.full((50, 90), value, np.uint8)
        assert np.array_equal(unsqueeze(squeeze(mask), (90, 50)), mask)


def test_a_pixel_of_a_resized_mask_is_the_nearest_one() -> None:
    mask = np.array([[0, 255], [255, 0]], np.uint8)
    assert np.array_equal(resized(mask, (6, 4)), np.kron(mask, np.ones((2, 3), np.uint8)))


@pytest.mark.parametrize(
    ("fault", "advice"), [("count", "an image"), ("shape", "own size"), ("kind", "uint8"), ("values", "255")]
)
def test_faults_of_a_segmenter_are_told_with_advice(fault: str, advice: str) -> None:
    with pytest.raises(PluginError) as caught:
        list(segment(Left(fault), Pictures(), 2, Quiet()))
    assert advice in caught.value.advice


def test_a_cell_is_set_where_the_animal_covers_half_of_it_or_more() -> None:
    pixels = (np.arange(SIDE * SIDE)[:, None] % 5 > np.arange(4)).reshape(SIDE, SIDE, 2, 2)  # 0 to 4 of each cell's
    mask = (pixels.transpose(0, 2, 1, 3).reshape(2 * SIDE, 2 * SIDE) * 255).astype(np.uint8)
    cells = np.unpackbits(squeeze(mask)).reshape(SIDE, SIDE)
    assert np.array_equal(cells, pixels.sum(axis=(2, 3)) >= 2)


def test_a_pixel_less_than_half_is_less_than_half() -> None:
    rows = np.arange(255 * SIDE) % 255  # cells of one column and 255 rows
    for covered, cell in ((127, 0), (128, 1)):
        mask = np.repeat((rows < covered)[:, None] * np.uint8(255), SIDE, axis=1)
        assert (np.unpackbits(squeeze(mask)) == cell).all()


def test_a_mask_is_turned_by_no_confusion_of_height_and_width() -> None:
    assert resized(half(4, 6), (4, 6)).shape == (6, 4)
