"""What the objects between the stages refuse."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from harness.errors import DataError
from harness.types import Embeddings, LocalFeatures, PairMatches, PairScores, Ranking

INF = np.inf


def ids(*names: str) -> Any:
    return np.array(names, dtype=np.str_)


def embeddings(**changed: Any) -> Embeddings:
    fields = {"ids": ids("a", "b"), "vectors": np.eye(2, dtype=np.float32), "norms": np.ones(2, np.float32)}
    return Embeddings(**(fields | changed))


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"vectors": np.array([[1, 0], [np.nan, 1]], np.float32)}, r"image .*'b'.* is not finite \(1 such"),
        ({"vectors": np.array([[1, 0], [INF, 1]], np.float32)}, "image .*'b'.* is not finite"),
        ({"vectors": np.array([[2, 0], [0, 1]], np.float32)}, "image .*'a'.* does not have unit norm"),
        ({"ids": ids("a", "a")}, "repeats an id"),
        ({"ids": ids("a")}, "unequal length"),
        ({"norms": np.ones(3, np.float32)}, "unequal length"),
        ({"vectors": np.ones(2, np.float32)}, "unequal length"),
    ],
)
def test_embeddings_refuse(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        embeddings(**changed)


def test_embeddings_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        embeddings().ids = ids("c", "d")  # type: ignore[misc]


def ranking(order: Any, scores: Any, queries: Any = None) -> Ranking:
    order = np.array(order, np.int32)
    named = ids(*[f"q{i}" for i in range(len(order))]) if queries is None else queries
    return Ranking(named, ids("g0", "g1", "g2"), order, np.array(scores, np.float64))


@pytest.mark.parametrize(
    ("order", "scores"),
    [
        ([[2, 0]], [[0.9, 0.1]]),
        ([[2, 0]], [[0.5, 0.5]]),
        ([[2, -1], [-1, -1]], [[0.9, -INF], [-INF, -INF]]),
        (np.empty((2, 0)), np.empty((2, 0))),
        (np.empty((0, 3)), np.empty((0, 3))),
    ],
    ids=["plain", "tied", "padded", "no candidates", "no queries"],
)
def test_a_ranking_holds(order: Any, scores: Any) -> None:
    ranking(order, scores)


@pytest.mark.parametrize(
    ("order", "scores", "problem"),
    [
        ([[0, 1]], [[0.1, 0.9]], "not sorted"),
        ([[-1, 1]], [[-INF, 0.9]], "not sorted"),
        ([[1, 1]], [[0.9, 0.8]], "repeats a candidate"),
        ([[0, 1]], [[0.9, np.nan]], "NaN"),
        ([[0, 3]], [[0.9, 0.8]], "does not exist"),
        ([[0, -1]], [[0.9, 0.8]], "behind its padding"),
        ([[0, 1]], [[0.9]], "ragged"),
        ([0, 1], [0.9, 0.8], "ragged"),
    ],
)
def test_a_ranking_refuses(order: Any, scores: Any, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        ranking(order, scores)


def test_a_ranking_refuses_a_repeated_query() -> None:
    with pytest.raises(DataError, match="repeats an id"):
        ranking([[0], [1]], [[0.9], [0.8]], ids("q", "q"))


def features(n: int = 2, **changed: Any) -> LocalFeatures:
    flat = {name: np.zeros(n, np.float32) for name in ("scores", "scales", "orientations")}
    wide = {"keypoints": np.zeros((n, 2), np.float32), "descriptors": np.zeros((n, 8), np.float32)}
    return LocalFeatures(**(flat | wide | {"size": (40, 20)} | changed))


def test_local_features_may_be_empty() -> None:
    assert len(features(0)) == 0
    assert len(features(2)) == 2


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"scores": np.zeros(3, np.float32)}, "unequal length"),
        ({"keypoints": np.zeros((2, 3), np.float32)}, "wrong shape"),
        ({"descriptors": np.zeros(2, np.float32)}, "wrong shape"),
        ({"keypoints": np.full((2, 2), np.nan, np.float32)}, "NaN"),
        ({"descriptors": np.full((2, 8), np.nan, np.float32)}, "NaN"),
    ],
)
def test_local_features_refuse(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        features(**changed)


@pytest.mark.parametrize(("pairs", "scores", "inliers"), [((3, 2), 2, 3), ((3, 2), 3, 2), ((3, 3), 3, 3)])
def test_pair_matches_refuse_unequal_lengths(pairs: tuple[int, int], scores: int, inliers: int) -> None:
    with pytest.raises(DataError, match="unequal length"):
        PairMatches(np.zeros(pairs, np.int32), np.zeros(scores, np.float32), np.ones(inliers, bool))


def pair_scores(**changed: Any) -> PairScores:
    fields = {name: np.zeros((2, 3), np.float32) for name in ("count", "confidence", "inliers")}
    keypoints = {"keypoints": np.zeros(2, np.int32), "candidate_keypoints": np.zeros((2, 3), np.int32)}
    return PairScores(**(fields | keypoints | changed))


@pytest.mark.parametrize("name", ["count", "confidence", "inliers"])
def test_pair_scores_refuse(name: str) -> None:
    with pytest.raises(DataError, match="unequal shape"):
        pair_scores(**{name: np.zeros((2, 2), np.float32)})
    with pytest.raises(DataError, match="NaN"):
        pair_scores(**{name: np.full((2, 3), np.nan, np.float32)})
    with pytest.raises(DataError, match="unequal length"):
        pair_scores(keypoints=np.zeros(3, np.int32))
    with pytest.raises(DataError, match="another shape"):
        pair_scores(matched=np.zeros((2, 2), np.bool_))


def test_pair_scores_have_keypoints_for_each_candidate() -> None:
    with pytest.raises(DataError, match="unequal shape"):
        pair_scores(candidate_keypoints=np.zeros(2, np.int32))
