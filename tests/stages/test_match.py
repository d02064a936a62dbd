"""The stage ``match``: blocks, chunks, order, sums, and faults of a matcher."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import random_features

import harness.stages.match as stage
from harness import LocalFeatures, PackedFeatures, PairMatches, PairSummary
from harness.errors import DataError, PluginError
from harness.stages.describe import pack
from harness.stages.match import Block, match

COUNTS = [5, 6, 7, 8, 0, 10]
IMAGES = pack([random_features(n, 8, n) for n in COUNTS], 10, 8)
PAIRS = np.array([(1, 2), (1, 4), (1, 5), (0, 3), (0, 5)])


class Silent:
    """A Progress that counts."""

    done = 0

    def start(self, total: int, unit: str) -> None:
        raise AssertionError("the caller starts")

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


class Blockwise(Lengths):
    """The same by the block."""

    def __init__(self, value: float = 0.5) -> None:
        super().__init__()
        self.value = value
        self.blocks: list[PackedFeatures] = []

    def match_block(self, images: PackedFeatures, pairs: NDArray[np.int64]) -> PairSummary:
        self.blocks.append(images)
        count = images.count[pairs[:, 1]].astype(np.float32)
        return PairSummary(count, count * np.float32(self.value), np.maximum(count - 1, 0))


class Loader:
    """Gives blocks of exactly the images that are asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []

    def __call__(self, numbers: NDArray[np.int64]) -> Block:
        self.asked.append(numbers.tolist())
        fields = {name: getattr(IMAGES, name)[numbers] for name in PackedFeatures.__dataclass_fields__}
        return Block(numbers, PackedFeatures(**fields))


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "CHUNK", 2)


@pytest.mark.parametrize("matcher", [Lengths(), Blockwise()], ids=["pairs", "blocks"])
@pytest.mark.parametrize("room", [1, 4, 100])
def test_every_pair_comes_in_order_whatever_the_blocks(matcher: Lengths, room: int) -> None:
    progress = Silent()
    chunks = list(match(matcher, PAIRS, Loader(), room, progress))
    assert [rows.tolist() for rows, _ in chunks] == [[0, 1], [2, 3], [4]]
    assert progress.done == len(PAIRS)
    count, confidence, inliers = (
        np.concatenate([getattr(found, name) for _, found in chunks]) for name in ("count", "confidence", "inliers")
    )
    lengths = [COUNTS[candidate] for _, candidate in PAIRS]
    assert count.tolist() == lengths
    assert confidence.tolist() == [0.5 * n for n in lengths]
    assert inliers.tolist() == [max(n - 1, 0) for n in lengths]
    assert {column.dtype.name for column in (count, confidence, inliers)} == {"float32"}


@pytest.mark.parametrize(
    ("room", "expected"),
    [
        (100, [[0, 1, 2, 3, 4, 5]]),
        (4, [[1, 2, 4], [0, 1, 3, 5]]),
        (1, [[1, 2, 4], [0, 1, 3, 5], [0, 5]]),
    ],
)
def test_blocks_are_whole_chunks_that_fit_and_each_is_loaded_once(room: int, expected: list[list[int]]) -> None:
    loader = Loader()
    list(match(Blockwise(), PAIRS, loader, room, Silent()))
    assert loader.asked == expected


def test_a_matcher_of_pairs_sees_one_object_an_image() -> None:
    matcher = Lengths()
    list(match(matcher, PAIRS, Loader(), 100, Silent()))
    assert matcher.seen[0][0][0] == matcher.seen[0][1][0]


def test_a_block_stays_one_object_so_that_it_is_uploaded_once() -> None:
    matcher = Blockwise()
    list(match(matcher, PAIRS, Loader(), 100, Silent()))
    assert len(matcher.blocks) == 3
    assert len(set(map(id, matcher.blocks))) == 1


def test_no_pairs_give_no_chunk() -> None:
    assert list(match(Lengths(), PAIRS[:0], Loader(), 10, Silent())) == []


def test_a_matcher_that_loses_pairs_is_named() -> None:
    with pytest.raises(PluginError, match="matched 1 of 2 pairs"):
        list(match(Lengths(drop=1), PAIRS, Loader(), 10, Silent()))


def test_scores_that_are_not_finite_are_refused() -> None:
    with pytest.raises(PluginError, match="not finite"):
        list(match(Blockwise(float("nan")), PAIRS, Loader(), 10, Silent()))


def test_a_block_that_cannot_be_loaded_is_told_after_the_chunks_before_it() -> None:
    def broken(numbers: NDArray[np.int64]) -> Block:
        if 3 in numbers:
            raise DataError("gone")
        return Loader()(numbers)

    chunks = match(Blockwise(), PAIRS, broken, 1, Silent())
    assert next(chunks)[0].tolist() == [0, 1]
    with pytest.raises(DataError, match="gone"):
        next(chunks)


def test_a_block_counts_the_images_of_all_its_chunks() -> None:
    pairs = np.repeat([(0, 1), (2, 3), (0, 4)], 2, axis=0)
    loader = Loader()
    list(match(Blockwise(), pairs, loader, 4, Silent()))
    assert loader.asked == [[0, 1, 2, 3], [0, 4]], "0, 1, 2, 3 and 4 are five"


class Wrong(Blockwise):
    """Gives a list where a PairSummary is due."""

    def match_block(self, images: PackedFeatures, pairs: NDArray[np.int64]) -> PairSummary:
        return [super().match_block(images, pairs)]  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("matcher", "problem", "advice"),
    [
        (Wrong(), "match_block gave list", "one PairSummary"),
        (Lengths(drop=1), "matched 1 of 2 pairs", "a pair"),
        (Blockwise(float("nan")), "not finite", "scores"),
    ],
)
def test_a_fault_of_a_matcher_is_told_with_advice(matcher: Lengths, problem: str, advice: str) -> None:
    with pytest.raises(PluginError, match=problem) as caught:
        list(match(matcher, PAIRS, Loader(), 10, Silent()))
    assert advice in caught.value.advice
