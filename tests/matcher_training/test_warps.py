"""Warps: known at every point, and the picture agrees with the points."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from harness.matcher_training.settings import ViewSettings
from harness.matcher_training.warps import GRID, Warp, drawn

SIZE = (96, 64)


def warp(seed: int = 0, **settings: float) -> Warp:
    return drawn(ViewSettings(**settings), np.random.default_rng(seed))


def test_the_bend_moves_its_own_points_by_the_moves() -> None:
    moves = np.random.default_rng(0).normal(0, 0.05, GRID.shape)
    np.testing.assert_allclose(Warp(np.eye(3), moves)(GRID), GRID + moves, atol=1e-9)


def test_without_a_bend_it_is_the_homography_that_opencv_applies() -> None:
    bare = warp(3, bend=0.0)
    points = np.random.default_rng(1).uniform(-0.5, 0.5, (20, 2))
    expected = cv2.perspectiveTransform(points[None], bare.homography)[0]
    np.testing.assert_allclose(bare(points), expected, atol=1e-9)


def test_nothing_drawn_is_nothing_changed() -> None:
    still = Warp(np.eye(3), np.zeros(GRID.shape))
    image = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    np.testing.assert_array_equal(still.picture(image), image)
    points = np.array([[0.0, 0.0], [95.0, 63.0], [10.5, 7.25]])
    np.testing.assert_allclose(still.pixels(points, SIZE), points, atol=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_a_pixel_of_the_view_shows_its_place_in_the_photograph(seed: int) -> None:
    """Of a picture whose colour is its place, every pixel of the view tells where it came from."""
    width, height = SIZE
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    view = warp(seed, scale=1.2, perspective=0.1).picture(
        np.stack([x, y, x * 0], axis=-1).astype(np.uint8), reflect=False
    )
    grid = np.stack([x, y], axis=-1).reshape(-1, 2).astype(float)
    source = warp(seed, scale=1.2, perspective=0.1).pixels(grid, SIZE)
    inside = ((source > 2) & (source < (width - 3, height - 3))).all(axis=1)
    assert inside.sum() > 500
    np.testing.assert_allclose(view.reshape(-1, 3)[inside, :2], source[inside], atol=0.8)


def test_off_the_photograph_a_mask_is_zero_and_a_picture_is_mirrored() -> None:
    shrinking = Warp(np.diag([3.0, 3.0, 1.0]), np.zeros(GRID.shape))  # the photograph fills a ninth of the view
    white = np.full((64, 96), 255, np.uint8)
    assert (shrinking.picture(white, reflect=False)[:8] == 0).all()
    assert (shrinking.picture(white) == 255).all()


def test_the_same_seed_draws_the_same_warp_and_another_does_not() -> None:
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (5, 2))
    np.testing.assert_array_equal(warp(7)(points), warp(7)(points))
    assert np.abs(warp(7)(points) - warp(8)(points)).max() > 0.01
