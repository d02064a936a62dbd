"""Mutual nearest neighbours against a plain definition of it, and whatever batch."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from harness_plugins.features.sift import Sift, SiftConfig
from harness_plugins.matchers.mutual_nn import MutualConfig, MutualNearest
from pictures import random_features, textured

from harness import HarnessError, LocalFeatures, PairMatches

QUERY = random_features(40, 32, 0)
GALLERY = [random_features(count, 32, 10 + count, noise_on=QUERY) for count in (40, 33, 2, 1, 0, 60, 17, 40)]
PAIRS = [(QUERY, gallery) for gallery in GALLERY] + [(gallery, QUERY) for gallery in GALLERY]


def plainly(query: LocalFeatures, gallery: LocalFeatures, ratio: float, mutual: bool) -> list[tuple[int, int]]:
    """The definition, one keypoint at a time."""
    matches = []
    for i, descriptor in enumerate(query.descriptors):
        far = np.linalg.norm(gallery.descriptors - descriptor, axis=1)
        if not len(far) or (ratio < 1 and len(far) < 2):
            continue
        j = int(far.argmin())
        back = int(np.linalg.norm(query.descriptors - gallery.descriptors[j], axis=1).argmin())
        if (not mutual or back == i) and (ratio == 1 or far[j] < ratio * np.sort(far)[1]):
            matches.append((i, j))
    return matches


def same(a: PairMatches, b: PairMatches) -> bool:
    return np.array_equal(a.indices, b.indices) and np.allclose(a.scores, b.scores, atol=1e-4)


@pytest.mark.parametrize("mutual", [True, False])
@pytest.mark.parametrize("ratio", [0.8, 1.0])
def test_agrees_with_the_definition(ratio: float, mutual: bool) -> None:
    found = MutualNearest(MutualConfig(ratio=ratio, mutual=mutual)).match(PAIRS)
    for (query, gallery), matches in zip(PAIRS, found, strict=True):
        assert [tuple(row) for row in matches.indices] == plainly(query, gallery, ratio, mutual)
    assert len(found[0].indices) > 10


def test_a_score_is_the_cosine() -> None:
    found = MutualNearest(MutualConfig()).match(PAIRS)[0]
    cosine = (QUERY.descriptors[found.indices[:, 0]] * GALLERY[0].descriptors[found.indices[:, 1]]).sum(axis=1)
    assert np.allclose(found.scores, cosine, atol=1e-5)


@pytest.mark.parametrize("batch", [1, 3, 7, 100])
def test_a_batch_changes_nothing(batch: int) -> None:
    matcher = MutualNearest(MutualConfig(batch=batch))
    alone = [MutualNearest(MutualConfig(batch=1)).match([pair])[0] for pair in PAIRS]
    assert all(same(a, b) for a, b in zip(matcher.match(PAIRS), alone, strict=True))
    shuffled = matcher.match(PAIRS[::-1])[::-1]
    assert all(same(a, b) for a, b in zip(shuffled, alone, strict=True))


def test_images_without_keypoints_match_nothing() -> None:
    none = random_features(0, 32, 1)
    for matches in MutualNearest(MutualConfig()).match([(none, QUERY), (QUERY, none), (none, none)]):
        assert len(matches.indices) == 0
    assert MutualNearest(MutualConfig()).match([]) == []


def test_two_equal_neighbours_fail_the_ratio_test() -> None:
    twice = random_features(2, 32, 3)
    twice.descriptors[1] = twice.descriptors[0]
    assert len(MutualNearest(MutualConfig(ratio=0.999)).match([(twice, twice)])[0].indices) == 0


def test_takes_part_only_with_the_strongest() -> None:
    found = MutualNearest(MutualConfig(max_keypoints=10, ratio=1)).match([(QUERY, QUERY)])[0]
    assert found.indices.tolist() == [[i, i] for i in range(10)]


def test_descriptors_of_unequal_length_are_an_error() -> None:
    with pytest.raises(HarnessError, match="length 32 cannot be matched with descriptors of length 64"):
        MutualNearest(MutualConfig()).match([(QUERY, random_features(5, 64, 1))])


@pytest.mark.parametrize("geometry", ["affine", "homography"])
def test_matches_of_a_turned_picture_agree_with_the_turn(geometry: str) -> None:
    picture = textured(200, 320)
    turn = cv2.getRotationMatrix2D((160, 100), 20, 0.9)
    sift = Sift(SiftConfig(max_keypoints=200))
    query, turned, other = sift.extract([picture, cv2.warpAffine(picture, turn, (320, 200)), textured(200, 320, 9)])
    good, bad = MutualNearest(MutualConfig(geometry=geometry)).match([(query, turned), (query, other)])
    assert good.inliers.sum() > 30
    assert bad.inliers.sum() < 10
    expected = query.keypoints[good.indices[:, 0]] @ turn[:, :2].T + turn[:, 2]
    error = np.linalg.norm(expected - turned.keypoints[good.indices[:, 1]], axis=1)
    assert np.median(error) < 1.5
    assert np.mean(error[good.inliers] < 10) > 0.95
