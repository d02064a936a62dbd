"""The geometric check: matches that agree with one affine map, homography or fundamental matrix."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from harness_plugins.matchers._geometry import MINIMUM, GeometryConfig, Points, agreeing, finished
from pictures import random_features

from harness import PackedFeatures, PairSummary

RNG = np.random.default_rng(0)
SOURCE = (RNG.random((40, 2)) * 300).astype(np.float32)
AFFINE = (SOURCE @ np.array([[0.9, 0.2], [-0.1, 1.1]]) + [12, -7]).astype(np.float32)
WRONG = np.arange(40) >= 25
TARGET = np.where(WRONG[:, None], (RNG.random((40, 2)) * 300).astype(np.float32), AFFINE)


@pytest.mark.parametrize("model", ["affine", "homography"])
def test_finds_the_inliers_and_always_the_same_ones(model: Literal["affine", "homography"]) -> None:
    inliers = agreeing(SOURCE, TARGET, model, 3.0)
    assert inliers[~WRONG].all()
    assert inliers[WRONG].sum() <= 2
    assert all(np.array_equal(agreeing(SOURCE, TARGET, model, 3.0), inliers) for _ in range(5))


@pytest.mark.parametrize(("model", "few"), [("affine", 2), ("homography", 3)])
def test_too_few_matches_have_no_inliers(model: Literal["affine", "homography"], few: int) -> None:
    for count in range(few + 1):
        assert agreeing(SOURCE[:count], TARGET[:count], model, 3.0).tolist() == [False] * count


@pytest.mark.parametrize("model", ["affine", "homography"])
def test_degenerate_matches_give_no_error(model: Literal["affine", "homography"]) -> None:
    same = np.zeros((10, 2), np.float32)
    line = np.stack([np.arange(10), np.arange(10)], axis=1).astype(np.float32)
    for points in (same, line):
        assert len(agreeing(points, points, model, 3.0)) == 10


def two_views(count: int, seed: int, flat: bool = False) -> tuple[Points, Points]:
    """Points of a random scene, or of a tilted plane, as two cameras see them, to half a pixel of noise."""
    rng = np.random.default_rng(seed)
    scene = rng.uniform(-1, 1, (count, 3))
    if flat:
        scene[:, 2] = 0.3 * scene[:, 0]
    cosine, sine = np.cos(0.3), np.sin(0.3)
    turn = np.array([[cosine, 0, -sine], [0, 1, 0], [sine, 0, cosine]])
    lens = np.array([[300, 0, 200], [0, 300, 150], [0, 0, 1]])
    scene += np.array([0, 0, 5])
    seen = [scene @ lens.T, (scene @ turn + np.array([-1.2, 0.2, 0.3])) @ lens.T]
    left, right = (points[:, :2] / points[:, 2:] for points in seen)
    return left.astype(np.float32), (right + rng.normal(0, 0.5, (count, 2))).astype(np.float32)


@pytest.mark.parametrize("seed", range(4))
def test_two_views_of_a_body_agree_on_a_fundamental_matrix_but_on_no_map(seed: int) -> None:
    source, target = two_views(60, seed)
    wrong = np.arange(60) >= 40
    target[wrong] = np.random.default_rng(seed).uniform(0, [400, 300], (20, 2))
    inliers = agreeing(source, target, "fundamental", 2.0)
    assert inliers[~wrong].sum() >= 38
    assert inliers[wrong].sum() <= 5, "a wrong match lies near its line by chance alone"
    assert all(np.array_equal(agreeing(source, target, "fundamental", 2.0), inliers) for _ in range(5))
    assert agreeing(source, target, "homography", 2.0).sum() < 20


def test_a_flat_body_agrees_too() -> None:
    source, target = two_views(40, 0, flat=True)
    assert agreeing(source, target, "fundamental", 2.0).sum() >= 38


@pytest.mark.parametrize("count", range(MINIMUM["fundamental"]))
def test_seven_matches_fix_no_two_views(count: int) -> None:
    source, target = two_views(count, 0)
    assert agreeing(source, target, "fundamental", 2.0).tolist() == [False] * count


ALL_OVER = RNG.uniform(0, 300, (20, 2)).astype(np.float32)
SAME = np.full((20, 2), 7, np.float32)
LINE = np.stack([np.arange(20) * 9, np.arange(20) * 5 + 1], axis=1).astype(np.float32)
TWO = ALL_OVER[np.arange(20) % 2]


@pytest.mark.parametrize(
    ("source", "target"),
    [(SAME, SAME), (SAME, ALL_OVER), (LINE, LINE), (LINE, ALL_OVER), (ALL_OVER, LINE), (TWO, ALL_OVER), (TWO, LINE)],
    ids=["same", "same-any", "line", "line-any", "any-line", "two-any", "two-line"],
)
def test_matches_that_fix_no_two_views_have_no_inliers(source: Points, target: Points) -> None:
    shaken = np.random.default_rng(1).normal(0, 0.5, source.shape).astype(np.float32)
    for left in (source, source + shaken):
        assert not agreeing(left, target, "fundamental", 2.0).any()


def test_what_opencv_cannot_bear_is_no_inliers() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        count, few = rng.integers(8, 40), rng.integers(1, 5)
        source = rng.uniform(0, 400, (count, 2)).astype(np.float32)
        target = rng.uniform(0, 400, (few, 2)).astype(np.float32)[rng.integers(few, size=count)]
        assert len(agreeing(source, target, "fundamental", 5.0)) == count


def test_inliers_do_not_depend_on_the_photographs_resolution() -> None:
    query, index = random_features(30, 8, 1), np.stack([np.arange(30)] * 2, axis=1)
    config = GeometryConfig(geometry="affine", inlier_pixels=4.0)
    counts = []
    for zoom in (1, 10):
        shaken = (query.keypoints + 1.5 * np.sin(np.arange(60)).reshape(30, 2)).clip(0) * zoom
        gallery = random_features(30, 8, 2, size=(420 * zoom, 220 * zoom))
        object.__setattr__(gallery, "keypoints", shaken.astype(np.float32))
        images, rows = PackedFeatures.of_pairs([(query, gallery)])
        counts.append(int(finished(np.zeros(30, int), index, np.ones(30), images, rows, config).inliers.sum()))
    assert counts[0] == counts[1] == 30


def test_without_a_check_all_matches_are_inliers() -> None:
    query = random_features(5, 8, 1)
    images, rows = PackedFeatures.of_pairs([(query, query)])
    indices = np.array([[0, 1], [2, 3]])
    found = finished(np.zeros(2, int), indices, np.array([0.5, 1.7]), images, rows, GeometryConfig())
    assert found.inliers.tolist() == [True, True]
    assert found.scores.tolist() == [0.5, 1.0]


@pytest.mark.parametrize("geometry", ["none", "affine"])
def test_matches_come_back_pair_by_pair_and_as_sums(geometry: Literal["none", "affine"]) -> None:
    images, rows = PackedFeatures.of_pairs([(random_features(9, 8, i), random_features(9, 8, 9 + i)) for i in range(4)])
    pair = np.array([0, 0, 2, 2, 2, 2, 2])
    indices = np.stack([np.arange(7), np.arange(7)[::-1]], axis=1)
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
    found = finished(pair, indices, scores, images, rows, GeometryConfig(geometry=geometry))
    each = found.each()
    assert [matches.indices.tolist() for matches in each] == [indices[pair == i].tolist() for i in range(4)]
    assert np.allclose(np.concatenate([matches.scores for matches in each]), scores)
    summary, expected = found.summary(), PairSummary.of(each)
    assert summary.count.tolist() == [2, 0, 5, 0]
    for name in ("count", "confidence", "inliers"):
        assert np.allclose(getattr(summary, name), getattr(expected, name))


def test_each_pair_is_checked_with_its_own_keypoints() -> None:
    query = random_features(40, 8, 0)
    places = {"right": (SOURCE, AFFINE), "wrong": (SOURCE, (RNG.random((40, 2)) * 300).astype(np.float32))}
    pairs = [tuple(replace(query, keypoints=points) for points in both) for both in places.values()]
    images, rows = PackedFeatures.of_pairs(pairs)
    index = np.stack([np.arange(40)] * 2, axis=1)
    config = GeometryConfig(geometry="affine")
    found = finished(np.repeat([0, 1], 40), np.concatenate([index, index]), np.ones(80), images, rows, config)
    right, wrong = found.summary().inliers
    assert right == 40
    assert wrong < 10


def test_no_pairs_have_no_matches() -> None:
    images, rows = PackedFeatures.of_pairs([])
    found = finished(np.zeros(0, int), np.zeros((0, 2)), np.zeros(0), images, rows, GeometryConfig())
    assert found.each() == []
    assert len(found.summary()) == 0
