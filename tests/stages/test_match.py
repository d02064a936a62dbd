"""The stage ``match``: chunks, order, sums, and faults of a matcher."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from pictures import random_features

from harness import LocalFeatures, PairMatches
from harness.errors import PluginError
from harness.stages.match import match

IMAGES = {name: random_features(5 + i, 8, i) for i, name in enumerate("abcdef")}


class Silent:
    """A Progress that counts."""

    done = 0

    def start(self, total: int, unit: str) -> None:
        self.total = total

    def advance(self, n: int = 1, note: str = "") -> None:
        self.done += n


class Lengths:
    """As many matches as the gallery image has keypoints, each 0.5; one of them is an outlier."""

    def __init__(self, drop: int = 0) -> None:
        self.drop = drop
        self.seen: list[list[tuple[int, int]]] = []

    def match(self, pairs: Sequence[tuple[LocalFeatures, LocalFeatures]]) -> list[PairMatches]:
        self.seen.append([(id(a), id(b)) for a, b in pairs])
        lengths = [len(gallery) for _, gallery in pairs[self.drop :]]
        return [PairMatches(np.zeros((n, 2), np.int32), np.full(n, 0.5, np.float32), np.arange(n) > 0) for n in lengths]


def test_yields_chunks_in_which_a_querys_candidates_stand_together() -> None:
    pairs = [("b", "c"), ("a", "d"), ("b", "e"), ("a", "f"), ("b", "f")]
    progress = Silent()
    chunks = list(match(Lengths(), pairs, IMAGES.__getitem__, 2, progress))
    assert [done for done, _ in chunks] == [[("b", "c"), ("b", "e")], [("b", "f"), ("a", "d")], [("a", "f")]]
    assert (progress.total, progress.done) == (5, 5)
    for done, scores in chunks:
        n = [len(IMAGES[candidate]) for _, candidate in done]
        assert scores["count"].tolist() == n
        assert scores["confidence"].tolist() == [0.5 * length for length in n]
        assert scores["inliers"].tolist() == [length - 1 for length in n]
        assert {column.dtype.name for column in scores.values()} == {"float32"}


def test_looks_each_image_up_once_a_chunk_and_shares_its_object() -> None:
    asked: list[str] = []

    def lookup(name: str) -> LocalFeatures:
        asked.append(name)
        return random_features(4, 8, ord(name))

    matcher = Lengths()
    list(match(matcher, [("a", "b"), ("a", "c"), ("b", "c")], lookup, 10, Silent()))
    assert sorted(asked) == ["a", "b", "c"]
    assert matcher.seen[0][0][0] == matcher.seen[0][1][0]


def test_no_pairs_give_no_chunk() -> None:
    assert list(match(Lengths(), [], IMAGES.__getitem__, 10, Silent())) == []


def test_a_matcher_that_loses_pairs_is_named() -> None:
    with pytest.raises(PluginError, match="matched 1 of 2 pairs"):
        list(match(Lengths(drop=1), [("a", "b"), ("a", "c")], IMAGES.__getitem__, 10, Silent()))
