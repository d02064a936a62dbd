"""Mutual nearest neighbours against a plain definition of it, and whatever batch."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from harness_plugins.features.sift import Sift, SiftConfig
from harness_plugins.matchers.mutual_nn import MutualConfig, MutualNearest, _nearest, harness_matchers
from pictures import random_features, textured

from harness import DataError, LocalFeatures, PackedFeatures, PairMatches, PairSummary

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


@pytest.mark.parametrize("batch", [0, 1, 3, 7, 100])
def test_a_batch_changes_nothing(batch: int) -> None:
    matcher = MutualNearest(MutualConfig(batch=batch))
    alone = [MutualNearest(MutualConfig(batch=1)).match([pair])[0] for pair in PAIRS]
    assert all(same(a, b) for a, b in zip(matcher.match(PAIRS), alone, strict=True))
    shuffled = matcher.match(PAIRS[::-1])[::-1]
    assert all(same(a, b) for a, b in zip(shuffled, alone, strict=True))


@pytest.mark.parametrize("batch", [0, 1, 3])
@pytest.mark.parametrize("geometry", ["none", "affine"])
@pytest.mark.parametrize("ratio", [0.8, 1.0])
def test_a_block_gives_what_its_images_give_one_by_one(ratio: float, geometry: str, batch: int) -> None:
    images, rows = PackedFeatures.of_pairs(PAIRS)
    images = replace(images, descriptors=images.descriptors.astype(np.float16))
    matcher = MutualNearest(MutualConfig(ratio=ratio, geometry=geometry, batch=batch))
    expected = PairSummary.of([matcher.match([(images.image(q), images.image(g))])[0] for q, g in rows])
    for order in (np.arange(len(rows)), np.random.default_rng(0).permutation(len(rows))):
        found = matcher.match_block(images, rows[order])
        assert np.array_equal(found.count, expected.count[order])
        assert np.array_equal(found.inliers, expected.inliers[order])
        assert np.allclose(found.confidence, expected.confidence[order], atol=1e-4)
    assert expected.count.sum() > 20
    assert len(matcher.match_block(images, rows[:0])) == 0


@pytest.mark.parametrize("settings", [{}, {"ratio": 1}, {"mutual": False}, {"mutual": False, "ratio": 1}])
def test_a_card_goes_the_same_way(settings: dict[str, object]) -> None:
    """The cosines of a card are a tensor: the same steps on one in ordinary memory."""
    rng = np.random.default_rng(0)
    cosines = rng.uniform(-1, 1, (30, 4, 20)).astype(np.float32)
    cosines[3, :, 5] = cosines[4, :, 5] = 0.999  # two query keypoints that are equally near
    cosines[:, 2, 15:] = -2
    config = MutualConfig(**settings)
    by_numpy, by_torch = _nearest(cosines.copy(), config), _nearest(torch.from_numpy(cosines.copy()), config)
    assert len(by_numpy[0]) >= 4
    for a, b in zip(by_numpy, by_torch, strict=True):
        assert np.array_equal(a, b)


def test_equally_near_keypoints_of_the_query_give_one_match() -> None:
    twice = random_features(6, 32, 0)
    twice.descriptors[4] = twice.descriptors[1]
    found = MutualNearest(MutualConfig(ratio=1)).match([(twice, random_features(6, 32, 0))])[0]
    assert found.indices.tolist() == [[0, 0], [1, 1], [2, 2], [3, 3], [5, 5]]


def test_both_ways_are_alike_without_ratio_test_and_check() -> None:
    images, rows = PackedFeatures.of_pairs(PAIRS)
    spec = next(iter(harness_matchers()))
    plain = MutualConfig(ratio=1)
    ahead, back = (MutualNearest(plain).match_block(images, way) for way in (rows, rows[:, ::-1]))
    assert np.array_equal(ahead.count, back.count)
    assert spec.symmetric(plain)
    for settings in ({"ratio": 0.8}, {"ratio": 1, "mutual": False}, {"ratio": 1, "geometry": "affine"}):
        assert not spec.symmetric(MutualConfig(**settings))


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
    with pytest.raises(DataError, match="length 32 cannot be matched with descriptors of length 64"):
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
