"""Matching through the store: shards of several processes, one upload, features that are not opened in vain."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import random_features

from harness import PackedFeatures, PairSummary
from harness.collection import Collection
from harness.features_reader import FeatureReader
from harness.matching import match_missing
from harness.pairs import Pairs
from harness.progress import Quiet
from harness.stages.describe import pack
from harness.store import Key, Store
from harness.workbench import Workbench

MATCH, DESCRIBE = Key("match", {"code": "abc"}), Key("describe", {"code": "abc"})
DIGESTS = np.array([f"{number:064x}" for number in range(300)])
QUERIES, CANDIDATES = 200, 3


class Sums:
    """A matcher whose count is 1000 x the query's keypoints + the candidate's."""

    def __init__(self, fail_after: int = 10**9) -> None:
        self.pairs = 0
        self.fail_after = fail_after
        self.blocks: set[int] = set()

    def match(self, pairs: Any) -> Any:
        raise AssertionError("the block is faster")

    def match_block(self, images: PackedFeatures, pairs: NDArray[np.int64]) -> PairSummary:
        self.pairs += len(pairs)
        self.blocks.add(id(images))
        if self.pairs > self.fail_after:
            raise RuntimeError("the matcher broke")
        count = (1000 * images.count[pairs[:, 0]] + images.count[pairs[:, 1]]).astype(np.float32)
        return PairSummary(count, count, count)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    features = [random_features(number % 7, 4, number) for number in range(len(DIGESTS))]
    Collection(made, DESCRIBE).append(DIGESTS.tolist(), pack(features, 6, 4).arrays(), 1.0)
    return made


def bench_of(store: Store) -> Workbench:
    return Workbench(store, Quiet(), lambda **told: None)


def opened(store: Store) -> tuple[Pairs, NDArray[np.int64], NDArray[np.int64]]:
    """The pairs of 200 queries with 3 candidates each: (known, codes, rows of the queries)."""
    known = Pairs(store, MATCH, DIGESTS, False)
    queries = np.repeat(np.arange(QUERIES), CANDIDATES)
    return known, known.codes(queries, 299 - (7 * queries + np.arange(len(queries))) % 90), queries


def fill(store: Store, matcher: Sums, room: int = 1000, most: int = 600) -> Pairs:
    known, codes, queries = opened(store)
    reader = FeatureReader(Collection(store, DESCRIBE), known, room)
    choice: Any = SimpleNamespace(build=lambda: matcher)
    match_missing(bench_of(store), known, codes[:most], queries[:most], choice, reader)
    return known


def check(known: Pairs) -> None:
    _, codes, _ = opened(known._parts.store)
    first, second = known.images(codes).T
    assert known.read(codes).count.tolist() == (1000 * (first % 7) + second % 7).tolist()
    assert (known.keypoints[first] == first % 7).all()
    assert (known.keypoints[second] == second % 7).all()


@pytest.mark.parametrize("room", [1000, 50])
def test_every_pair_is_matched_once(store: Store, room: int) -> None:
    first, second = Sums(), Sums()
    fill(store, first, room, most=300)
    check(fill(store, second, room))
    assert (first.pairs, second.pairs) == (300, 300)
    third = Sums()
    check(fill(store, third, room))
    assert third.pairs == 0


def test_images_that_all_fit_are_one_block_for_every_shard(store: Store) -> None:
    matcher = Sums()
    fill(store, matcher)
    assert len(matcher.blocks) == 1


def test_shards_of_another_process_come_last_and_are_not_matched_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    matched: list[int] = []

    class Other(Sums):
        """While this one matches its first shard, another process takes and finishes the second."""

        def match_block(self, images: PackedFeatures, pairs: NDArray[np.int64]) -> PairSummary:
            if not matched:
                matched.append(0)
                fill_the_rest(store)
            return super().match_block(images, pairs)

    def fill_the_rest(store: Store) -> None:
        known, codes, queries = opened(store)
        reader = FeatureReader(Collection(store, DESCRIBE), known, 1000)
        rest = queries >= 128
        choice: Any = SimpleNamespace(build=Sums)
        match_missing(bench_of(store), known, codes[rest], queries[rest], choice, reader)

    matcher = Other()
    check(fill(store, matcher))
    assert matcher.pairs == 128 * CANDIDATES


def test_a_shard_that_another_holds_is_waited_for(store: Store) -> None:
    import threading

    released = threading.Event()
    holding = threading.Event()

    def hold() -> None:
        with store.lock(MATCH, ".0"):
            holding.set()
            released.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait(10)
    threading.Timer(0.6, released.set).start()
    matcher = Sums()
    with pytest.warns(UserWarning, match="another process computes match"):
        check(fill(store, matcher))
    thread.join()
    assert matcher.pairs == QUERIES * CANDIDATES


def test_what_is_finished_is_kept_when_the_matcher_breaks(store: Store) -> None:
    with pytest.raises(RuntimeError, match="the matcher broke"):
        fill(store, Sums(fail_after=128 * CANDIDATES))
    matcher = Sums()
    check(fill(store, matcher))
    assert matcher.pairs == (QUERIES - 128) * CANDIDATES
