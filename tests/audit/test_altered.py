"""Altered photographs, pixel by pixel: what must stay stays, and what is hidden leaves no trace."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import textured

from harness.audit.altered import (
    ANIMAL_HIDDEN,
    BACKGROUND_BLURRED,
    BACKGROUND_HIDDEN,
    BACKGROUND_REPLACED,
    ORIGINAL,
    VERSIONS,
    altered,
    tells_apart,
    without_animal,
)

H, W = 60, 100


def square(top: int = 20, bottom: int = 40, left: int = 30, right: int = 70) -> NDArray[np.uint8]:
    mask = np.zeros((H, W), np.uint8)
    mask[top:bottom, left:right] = 255
    return mask


def grown(margin: int) -> NDArray[np.bool_]:
    """A square that holds the animal and its margin."""
    return square(20 - margin, 40 + margin, 30 - margin, 70 + margin) > 0


def test_the_original_is_untouched() -> None:
    image = textured(H, W)
    assert altered(ORIGINAL, image, square()) is image


def test_a_hidden_animal_leaves_the_background_alone() -> None:
    image = textured(H, W)
    found = altered(ANIMAL_HIDDEN, image, square())
    assert np.array_equal(found[~grown(2)], image[~grown(2)])
    assert (found.dtype, found.shape) == (np.uint8, image.shape)


def test_nothing_of_a_hidden_animal_is_left() -> None:
    """Another animal in its place gives the very same picture, also where its rim runs over the mask."""
    image, other = textured(H, W), textured(H, W)
    other[grown(1)] = 255 - other[grown(1)]
    assert np.array_equal(without_animal(image, square()), without_animal(other, square()))


@pytest.mark.parametrize("mask", [square(), square(0, H, 0, 50), square(0, 1, 0, 1), square(0, H, 1, W - 4)])
def test_a_plain_background_closes_over_the_animal(mask: NDArray[np.uint8]) -> None:
    image = np.full((H, W, 3), (90, 140, 30), np.uint8)
    image[mask > 0] = 255
    assert np.array_equal(without_animal(image, mask), np.full((H, W, 3), (90, 140, 30)))


def test_no_edge_is_left_where_the_animal_was() -> None:
    """In a background that rises smoothly, no step of the fill is far above those of the background."""
    rising = np.repeat(np.linspace(20, 220, W)[None, :, None], H, axis=0).repeat(3, axis=2)
    image = rising.astype(np.uint8)
    image[square() > 0] = 0
    filled = without_animal(image, square()).astype(float)
    steps = max(np.abs(np.diff(filled, axis=axis)).max() for axis in (0, 1))
    assert np.abs(np.diff(image.astype(float), axis=1)).max() > 100, "the animal's own edge"
    assert steps <= 16


def test_a_hidden_background_has_one_colour_and_the_animal_stays() -> None:
    image, mask = textured(H, W), square()
    found = altered(BACKGROUND_HIDDEN, image, mask)
    assert np.array_equal(found[mask > 0], image[mask > 0])
    assert np.unique(found[mask == 0], axis=0).tolist() == [np.rint(image[mask > 0].mean(axis=0)).tolist()]


def test_a_blurred_background_is_faint_and_free_of_the_animal() -> None:
    image, mask = np.random.default_rng(0).integers(256, size=(H, W, 3)).astype(np.uint8), square()
    found = altered(BACKGROUND_BLURRED, image, mask)
    assert np.array_equal(found[mask > 0], image[mask > 0])
    assert found[mask == 0].std() < image[mask == 0].std() / 5
    other = image.copy()
    other[mask > 0] = 255 - other[mask > 0]
    assert np.array_equal(altered(BACKGROUND_BLURRED, other, mask)[mask == 0], found[mask == 0])


def test_a_replaced_background_is_the_other_one() -> None:
    image, other, mask = textured(H, W), textured(H, W, seed=5), square()
    found = altered(BACKGROUND_REPLACED, image, mask, other)
    assert np.array_equal(found[mask > 0], image[mask > 0])
    assert np.array_equal(found[mask == 0], other[mask == 0])


@pytest.mark.parametrize("size", [(H * 2, W * 3), (7, 9), (1, 1)])
def test_a_background_of_another_size_is_stretched(size: tuple[int, int]) -> None:
    other = np.full((*size, 3), 77, np.uint8)
    found = altered(BACKGROUND_REPLACED, textured(H, W), square(), other)
    assert found.shape == (H, W, 3)
    assert (found[square() == 0] == 77).all()


def test_photographs_without_animal_or_background() -> None:
    image, nothing, all_animal = textured(H, W), np.zeros((H, W), np.uint8), np.full((H, W), 255, np.uint8)
    assert np.array_equal(without_animal(image, nothing), image)
    assert len(np.unique(without_animal(image, all_animal).reshape(-1, 3), axis=0)) == 1
    assert len(np.unique(altered(BACKGROUND_HIDDEN, image, nothing).reshape(-1, 3), axis=0)) == 1
    assert np.array_equal(altered(BACKGROUND_HIDDEN, image, all_animal), image)
    assert [tells_apart(mask) for mask in (square(), nothing, all_animal, square(0, H, 0, W - 1))] == [True] + [
        False
    ] * 3


def test_a_version_must_exist_and_have_its_background() -> None:
    for version, other in (("upside down", textured(H, W)), (BACKGROUND_REPLACED, None)):
        with pytest.raises(ValueError, match=version):
            altered(version, textured(H, W), square(), other)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_the_same_each_time(version: str) -> None:
    image, other = textured(H, W), textured(H, W, seed=5)
    assert np.array_equal(altered(version, image, square(), other), altered(version, image, square(), other))
