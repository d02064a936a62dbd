"""The geometric check: matches that agree with one affine map or homography."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from harness_plugins.matchers._geometry import GeometryConfig, agreeing, finished
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
