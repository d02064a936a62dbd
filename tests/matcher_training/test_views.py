"""Views: keypoints lead back to their photograph, backgrounds change behind the animal, the seed decides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from harness import LocalFeatures
from harness.errors import CellFailed
from harness.matcher_training.settings import ViewSettings
from harness.matcher_training.views import Views, pasted, shrunk, views_of
from harness.progress import Quiet
from harness.types import Image

STILL = {"rotation": 0, "scale": 1, "perspective": 0, "bend": 0, "light": 0}


class Corners:
    """Finds the brightest pixel, and the pixel in the first row and column."""

    def __init__(self) -> None:
        self.seen: list[Image] = []

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        self.seen += images
        return [self._of(image) for image in images]

    def _of(self, image: Image) -> LocalFeatures:
        height, width = image.shape[:2]
        row, column = np.unravel_index(int(image[..., 0].argmax()), (height, width))
        points = np.array([[column, row], [0, 0]], np.float32)
        ones = np.ones(2, np.float32)
        return LocalFeatures(points, np.eye(2, 3, dtype=np.float32), ones, ones, ones, (width, height))


class Nothing:
    """Finds no keypoint."""

    def extract(self, images: Sequence[Image]) -> list[LocalFeatures]:
        none = np.zeros(0, np.float32)
        return [LocalFeatures(np.zeros((0, 2), np.float32), np.zeros((0, 3), np.float32), none, none, none, (40, 30))]


class Left:
    """Masks: the animal is the left part of every photograph."""

    def __init__(self, share: float = 0.5) -> None:
        self.share = share

    def sized(self, row: int, size: tuple[int, int]) -> Image:
        mask = np.zeros(size[::-1], np.uint8)
        mask[:, : round(size[0] * self.share)] = 255
        return mask


def photographs(n: int = 2) -> list[Image]:
    """Dark pictures with one bright spot at (20, 12), each of its own darkness."""
    out = []
    for number in range(n):
        image = np.full((30, 40, 3), 40 * number, np.uint8)
        image[11:14, 19:22] = 240
        image[12, 20] = 255
        out.append(image)
    return out


def drawn(masks: object = None, extractor: object | None = None, **settings: object) -> Views:
    chosen = ViewSettings(**{"views": 3, "size": 64, **settings})  # type: ignore[arg-type]
    who = np.array([5, 6], np.int64)
    return views_of(photographs(), masks, who, extractor or Corners(), 4, chosen, Quiet())  # type: ignore[arg-type]


def test_the_spot_leads_back_to_its_place_in_every_view() -> None:
    views = drawn(rotation=20, scale=1.2, perspective=0.1, bend=0.01, light=0)
    assert np.abs(views.places[:, 0] - (20, 12)).max() < 2.0
    assert views.photograph.tolist() == [0, 0, 0, 1, 1, 1]
    assert views.individual.tolist() == [5, 5, 5, 6, 6, 6]
    assert views.features.count.tolist() == [2] * 6


def test_a_keypoint_off_the_photograph_is_of_no_use() -> None:
    views = drawn(scale=1, rotation=0, perspective=0, bend=0, light=0, seed=3)  # only shifted
    outside = (views.places[:, 1] < 0).any(axis=1)
    assert outside.any()
    np.testing.assert_array_equal(views.useful[:, 1], ~outside)
    assert not views.useful[:, 2:].any()  # only room


def test_keypoints_off_the_animal_are_of_no_use() -> None:
    views = drawn(Left(0.25), backgrounds=0, **STILL)  # the spot at column 20 is off the animal, the first column on it
    assert not views.useful[:, 0].any()
    inside = (views.places[:, 1] >= 0).all(axis=1)
    np.testing.assert_array_equal(views.useful[:, 1], inside)
    assert drawn(Left(0.75), backgrounds=0, **STILL).useful[:, 0].all()


def test_a_replaced_background_is_another_photograph_behind_the_animal() -> None:
    sees = Corners()
    views_of(photographs(), Left(), np.array([0, 1]), sees, 4, ViewSettings(views=8, backgrounds=1, **STILL), Quiet())
    of_the_first = [view[-2:, -2:].mean() for view in sees.seen[:8]]
    assert {round(shade / 40) for shade in of_the_first} == {0, 1}  # now and then the drawn one is its own
    assert all(view[15, 8].max() <= 8 for view in sees.seen[:8])  # the animal's side stays dark


def test_without_masks_no_background_is_replaced() -> None:
    sees = Corners()
    views_of(photographs(), None, np.array([0, 1]), sees, 4, ViewSettings(views=8, backgrounds=1, **STILL), Quiet())
    assert all(view[-2:, -2:].max() == 0 for view in sees.seen[:8])


def test_the_same_seed_draws_the_same_views() -> None:
    for name, array in drawn().arrays().items():
        np.testing.assert_array_equal(array, drawn().arrays()[name])
    assert (drawn().places != drawn(seed=1).places).any()


def test_arrays_and_back() -> None:
    views = drawn()
    again = Views.of(views.arrays())
    np.testing.assert_array_equal(again.places, views.places)
    np.testing.assert_array_equal(again.features.descriptors, views.features.descriptors)


def test_no_keypoint_anywhere_and_no_photograph_are_errors() -> None:
    with pytest.raises(CellFailed, match="no view has a keypoint"):
        drawn(extractor=Nothing())
    with pytest.raises(CellFailed, match="no photographs"):
        views_of([], None, np.zeros(0, np.int64), Corners(), 4, ViewSettings(), Quiet())


def test_photographs_are_shrunk_and_never_enlarged() -> None:
    image = np.zeros((30, 40, 3), np.uint8)
    assert shrunk(image, 20).shape == (15, 20, 3)
    assert shrunk(image, 80) is image


def test_the_edge_of_a_pasted_animal_is_soft_and_its_inside_untouched() -> None:
    view, behind = np.full((40, 40, 3), 200, np.uint8), np.zeros((10, 10, 3), np.uint8)
    animal = np.zeros((40, 40), bool)
    animal[:, :20] = True
    mixed = pasted(view, animal, behind)
    assert (mixed[:, :14] == 200).all()
    assert (mixed[:, 26:] == 0).all()
    assert 0 < mixed[0, 20, 0] < 200
