"""SIFT: keypoints in pixels of the photograph, RootSIFT, and pictures without keypoints."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from harness_plugins.features._frame import resize, shrunk_size, strongest
from harness_plugins.features.sift import Sift, SiftConfig
from pictures import check_features, grey, same_features, textured
from pydantic import ValidationError

WIDE = textured(160, 300)


def test_finds_keypoints_of_a_picture_that_is_not_square() -> None:
    found = Sift(SiftConfig(max_keypoints=100)).extract([WIDE])[0]
    check_features(found, WIDE, 100, 128)
    assert found.scales.min() > 0
    assert found.orientations.min() >= 0
    assert found.orientations.max() <= 2 * np.pi


def test_fewer_keypoints_are_the_strongest_of_more() -> None:
    many = Sift(SiftConfig(max_keypoints=200)).extract([WIDE])[0]
    few = Sift(SiftConfig(max_keypoints=20)).extract([WIDE])[0]
    assert len(few) == 20
    assert np.array_equal(few.scores, many.scores[:20])


def test_a_larger_photograph_gives_the_same_places_in_its_own_pixels() -> None:
    large = cv2.resize(WIDE, (900, 480), interpolation=cv2.INTER_CUBIC)
    sift = Sift(SiftConfig(max_keypoints=60, size=300))
    small, big = sift.extract([WIDE, large])
    assert big.size == (900, 480)
    expected = (small.keypoints + 0.5) * 3 - 0.5
    nearest = np.linalg.norm(expected[:, None] - big.keypoints[None], axis=2).min(axis=1)
    assert np.median(nearest) < 1.0
    assert np.median(big.scales) == pytest.approx(3 * np.median(small.scales), rel=0.15)


def test_a_small_photograph_is_never_enlarged() -> None:
    assert same_features(*(Sift(SiftConfig(size=size)).extract([WIDE])[0] for size in (300, 4000)))


def test_rootsift_is_the_root_of_the_normalised_histogram() -> None:
    root = Sift(SiftConfig(max_keypoints=50)).extract([WIDE])[0]
    plain = Sift(SiftConfig(max_keypoints=50, rootsift=False)).extract([WIDE])[0]
    expected = np.sqrt(plain.descriptors / plain.descriptors.sum(axis=1, keepdims=True))
    assert np.allclose(root.descriptors, expected, atol=1e-5)
    assert np.allclose(np.linalg.norm(plain.descriptors, axis=1), 1, atol=1e-5)


def test_pictures_without_keypoints_and_tiny_ones_give_empty_features() -> None:
    pictures = [grey(120, 80), grey(1, 1), textured(3, 50)]
    for found, picture in zip(Sift(SiftConfig()).extract(pictures), pictures, strict=True):
        assert len(found) == 0
        assert found.descriptors.shape == (0, 128)
        assert found.size == (picture.shape[1], picture.shape[0])


def test_is_deterministic_and_does_not_depend_on_neighbours() -> None:
    pictures = [WIDE, textured(120, 200, 1), grey(50, 50)]
    together = Sift(SiftConfig()).extract(pictures)
    alone = [Sift(SiftConfig()).extract([picture])[0] for picture in pictures]
    assert all(same_features(a, b) for a, b in zip(together, alone, strict=True))


@pytest.mark.parametrize("wrong", [{"max_keypoints": 0}, {"size": 1}, {"keypoints": 5}, {"mask": "some"}])
def test_refuses_wrong_settings(wrong: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        SiftConfig(**wrong)


@pytest.mark.parametrize(
    ("side", "multiple", "expected"),
    [
        ((4000, 3000), 1, (400, 300)),
        ((300, 200), 1, (300, 200)),
        ((4000, 3000), 32, (384, 288)),
        ((9, 5), 32, (32, 32)),
    ],
)
def test_size_of_the_smaller_picture(side: tuple[int, int], multiple: int, expected: tuple[int, int]) -> None:
    assert shrunk_size(*side, 400, multiple, least=multiple) == expected
    assert resize(np.zeros((side[1], side[0], 3), np.uint8), expected).shape == (expected[1], expected[0], 3)


def test_points_go_back_to_the_photograph_by_pixel_centres() -> None:
    points = np.array([[0.0, 0.0], [99.0, 49.0]])
    found = strongest(points, np.eye(2), np.array([0.1, 0.9]), limit=2, found_in=(100, 50), size=(200, 150))
    assert found.keypoints.tolist() == [[198.5, 148.0], [0.5, 1.0]]
    assert found.descriptors.tolist() == [[0, 1], [1, 0]]
