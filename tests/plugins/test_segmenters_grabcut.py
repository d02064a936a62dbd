"""``grabcut``: an animal in the middle is found, and pictures that cannot be cut get the ellipse."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from harness_plugins.segmenters._ellipse import central_ellipse
from harness_plugins.segmenters.grabcut import GrabCut, GrabCutConfig
from pictures import grey, textured
from pydantic import ValidationError

from harness.types import Image


def overlap(a: Image, b: Image) -> float:
    """Intersection over union."""
    return float(((a > 0) & (b > 0)).sum() / ((a > 0) | (b > 0)).sum())


def animal(height: int, width: int, seed: int = 0) -> tuple[Image, Image]:
    """A reddish body on green ground, both noisy, and its mask."""
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 3, height // 4), 20, 0, 360, 255, -1)
    noise = np.random.default_rng(seed).integers(-20, 21, (height, width, 3))
    colours = np.where(mask[..., None] > 0, (180, 90, 60), (60, 130, 70))
    return np.clip(colours + noise, 0, 255).astype(np.uint8), mask


@pytest.mark.parametrize(("height", "width"), [(90, 140), (300, 200), (24, 40)])
def test_an_animal_in_the_middle_is_found_in_the_photographs_own_size(height: int, width: int) -> None:
    picture, mask = animal(height, width)
    found = GrabCut(GrabCutConfig(margin=0.05)).segment([picture])[0]
    assert (found.shape, found.dtype) == (mask.shape, np.uint8)
    assert set(np.unique(found)) == {0, 255}
    assert overlap(found, mask) > 0.9


@pytest.mark.parametrize(
    "picture",
    [grey(80, 120), grey(1, 1), grey(2, 90), textured(1, 1), textured(3, 3), textured(2, 50), textured(4, 5)],
    ids=lambda picture: "x".join(map(str, picture.shape)),
)
def test_one_colour_and_tiny_pictures_give_a_mask(picture: Image) -> None:
    found = GrabCut(GrabCutConfig()).segment([picture])[0]
    assert found.shape == picture.shape[:2]
    assert found.any()


def test_where_nothing_is_found_the_ellipse_of_the_rectangle_is_taken() -> None:
    found = GrabCut(GrabCutConfig(margin=0.2)).segment([grey(100, 50)])[0]
    assert np.array_equal(found, central_ellipse(100, 50, 0.2))
    assert found[50, 25] == 255
    assert found[50, [9, 40]].tolist() == [0, 0]
    assert found.mean() / 255 == pytest.approx(np.pi / 4 * 0.6**2, abs=0.02)


def test_a_picture_of_two_colours_is_cut() -> None:
    picture, mask = grey(60, 60), np.zeros((60, 60), np.uint8)
    cv2.circle(mask, (30, 30), 15, 255, -1)
    picture[mask > 0] = (200, 30, 30)
    assert overlap(GrabCut(GrabCutConfig(margin=0.1)).segment([picture])[0], mask) > 0.9


def test_is_deterministic_and_does_not_depend_on_neighbours_or_on_the_random_state() -> None:
    pictures = [animal(60, 90, seed)[0] for seed in range(3)] + [textured(60, 80)]
    together = GrabCut(GrabCutConfig()).segment(pictures)
    cv2.setRNGSeed(77)
    alone = [GrabCut(GrabCutConfig()).segment([picture])[0] for picture in pictures]
    assert all(np.array_equal(a, b) for a, b in zip(together, alone, strict=True))


def test_the_photograph_is_not_changed_and_none_give_none() -> None:
    picture, _ = animal(60, 90)
    before = picture.copy()
    GrabCut(GrabCutConfig()).segment([picture])
    assert np.array_equal(picture, before)
    assert GrabCut(GrabCutConfig()).segment([]) == []


@pytest.mark.parametrize("wrong", [{"margin": 0.5}, {"margin": 0}, {"iterations": 0}, {"size": 4}])
def test_refuses_wrong_settings(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        GrabCutConfig(**wrong)  # type: ignore[arg-type]
