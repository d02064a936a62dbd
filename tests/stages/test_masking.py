"""Masking: which keypoints stay, in which order, and what a blanked photograph looks like."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from pictures import random_features, same_features, textured

from harness import LocalFeatures
from harness.stages.masking import GREY, Blanked, blanked, lie_on, on_animal
from harness.types import Image


def at(*points: tuple[float, float], size: tuple[int, int] = (6, 4)) -> LocalFeatures:
    n = len(points)
    column = np.arange(n, 0, -1, dtype=np.float32)
    return LocalFeatures(np.array(points, np.float32), np.eye(n, dtype=np.float32), column, column, column, size)


def test_a_keypoint_is_on_the_animal_where_the_pixel_at_its_rounded_place_is() -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[1, 4] = 255
    found = at((4, 1), (1, 4), (4.4, 0.6), (3.6, 1.4), (4.6, 1), (4, 1.6))
    kept = on_animal(found, mask, 10)
    assert kept.keypoints.tolist() == found.keypoints[[0, 2, 3]].tolist()
    assert kept.scores.tolist() == [6, 4, 3]
    assert np.array_equal(kept.descriptors, found.descriptors[[0, 2, 3]])
    assert kept.size == found.size


def test_a_keypoint_half_a_pixel_beyond_the_rim_counts_by_the_rim() -> None:
    mask = np.zeros((4, 6), np.uint8)
    mask[3, 5] = 255
    assert len(on_animal(at((5.5, 3.5), (5.9, 3.9), (-0.5, -0.5)), mask, 10)) == 2


def test_the_strongest_of_those_on_the_animal_are_kept() -> None:
    found = random_features(200, 8, 0, size=(60, 40))
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :30] = 255
    inside = found.keypoints[:, 0] < 29.5
    kept = on_animal(found, mask, 20)
    assert np.array_equal(kept.keypoints, found.keypoints[inside][:20])
    assert np.array_equal(kept.scales, found.scales[inside][:20])


def test_a_full_mask_drops_nothing_and_an_empty_one_everything() -> None:
    found = random_features(30, 8, 0, size=(60, 40))
    assert same_features(on_animal(found, np.full((40, 60), 255, np.uint8), 30), found)
    none = on_animal(found, np.zeros((40, 60), np.uint8), 30)
    assert (len(none), none.descriptors.shape) == (0, (0, 8))
    assert len(on_animal(none, np.zeros((40, 60), np.uint8), 30)) == 0


def test_pixels_off_the_animal_have_its_mean_colour() -> None:
    image = np.array([[[10, 20, 30], [20, 40, 60], [255, 0, 7]]], np.uint8)
    out = blanked(image, np.array([[255, 255, 0]], np.uint8))
    assert out.tolist() == [[[10, 20, 30], [20, 40, 60], [15, 30, 45]]]
    assert out.dtype == np.uint8
    assert (blanked(image, np.zeros((1, 3), np.uint8)) == GREY).all()
    assert np.array_equal(blanked(image, np.full((1, 3), 255, np.uint8)), image)


@pytest.mark.parametrize("seed", range(3))
def test_the_outline_of_the_mean_colour_is_weaker_than_that_of_black_or_white(seed: int) -> None:
    image, mask = textured(80, 80, seed), np.zeros((80, 80), np.uint8)
    cv2.circle(mask, (40, 40), 25, 255, -1)
    rim = cv2.dilate(mask, np.ones((3, 3))) - cv2.erode(mask, np.ones((3, 3))) > 0

    def edges(picture: Image) -> float:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        return float(np.hypot(cv2.Sobel(grey, -1, 1, 0), cv2.Sobel(grey, -1, 0, 1))[rim].mean())

    others = [np.where(mask[..., None] > 0, image, np.uint8(value)) for value in (0, 255)]
    assert 2 * edges(blanked(image, mask)) < min(map(edges, others))


def test_blanked_photographs_are_asked_for_their_own_masks() -> None:
    images, asked = [textured(4, 6), textured(5, 3)], list[tuple[int, tuple[int, int]]]()

    def mask(position: int, size: tuple[int, int]) -> Image:
        asked.append((position, size))
        return np.full(size[::-1], 255 * position, np.uint8)

    masked = Blanked(images, mask)
    assert len(masked) == 2
    assert (masked[0] == GREY).all()
    assert np.array_equal(masked[1], images[1])
    assert asked == [(0, (6, 4)), (1, (3, 5))]


def test_a_keypoint_left_of_the_picture_counts_by_its_left_rim_and_not_by_its_right_one() -> None:
    for mask_at, kept in (((0, 0), 1), ((3, 5), 0), ((1, 1), 0)):
        mask = np.zeros((4, 6), np.uint8)
        mask[mask_at] = 255
        assert len(on_animal(at((-0.9, -0.9)), mask, 10)) == kept


def test_any_value_but_0_is_animal() -> None:
    mask = np.array([[1, 0]], np.uint8)
    assert lie_on(np.array([[0, 0], [1, 0]], np.float32), mask).tolist() == [True, False]
    assert blanked(np.array([[[9, 8, 7], [0, 0, 0]]], np.uint8), mask).tolist() == [[[9, 8, 7], [9, 8, 7]]]
