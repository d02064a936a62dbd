"""A matcher's list of pairs: how it grows in memory, and how it is opened from many files or few.

HARNESS_BENCH_PORTIONS takes another number of portions: 128 queries with 100 candidates each, in files of 1,024 pairs.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture

from harness.packed import PairSummary
from harness.pair_table import PairTable
from harness.pairs import Pairs
from harness.store import Key, Store

PORTIONS, SHARD, FILE, IMAGES = int(os.environ.get("HARNESS_BENCH_PORTIONS", "100")), 12_800, 1_024, 10_000
KEY = Key("match", {"code": "benchmark"})
DIGESTS = np.array([f"{number:064x}" for number in range(IMAGES)])


@pytest.fixture(scope="module")
def portions() -> list[NDArray[np.int64]]:
    """Codes of distinct pairs, at random, as they come lock by lock."""
    codes = np.random.default_rng(8).choice(IMAGES**2, PORTIONS * SHARD, replace=False)
    return np.split(codes.astype(np.int64), PORTIONS)


@pytest.mark.benchmark(group="a list of pairs grows")
@pytest.mark.parametrize("how", ["runs", "one list"])
def test_growing(benchmark: BenchmarkFixture, portions: list[NDArray[np.int64]], how: str) -> None:
    """Each portion is asked for, and added: to sorted runs, or to one list that is sorted anew."""

    def runs() -> int:
        table = PairTable(3)
        for codes in portions:
            assert not table.there(codes).any()
            table.add(codes, np.zeros((len(codes), 3), np.float32))
        return len(table)

    def one_list() -> int:
        known, scores = np.empty(0, np.int64), np.empty((0, 3), np.float32)
        for codes in portions:
            known, first = np.unique(np.concatenate([known, codes]), return_index=True)
            scores = np.concatenate([scores, np.zeros((len(codes), 3), np.float32)])[first]
        return len(known)

    assert benchmark.pedantic(runs if how == "runs" else one_list, rounds=3) == PORTIONS * SHARD
    benchmark.extra_info["pairs"] = PORTIONS * SHARD


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory, portions: list[NDArray[np.int64]]) -> dict[str, Store]:
    """The same pairs in many files, and in the few that a run leaves."""
    found = {}
    for how in ("many files", "few files"):
        found[how] = Store(tmp_path_factory.mktemp("store"))
        pairs = Pairs(found[how], KEY, DIGESTS, symmetric=False)
        pairs.keypoints[:] = 1
        for portion in portions:
            for codes in np.split(portion, range(FILE, SHARD, FILE)):
                zeros = np.zeros(len(codes), np.float32)
                pairs.append(codes, PairSummary(zeros, zeros, zeros), 1.0)
            if how == "few files":
                pairs.tidy()
    return found


@pytest.mark.benchmark(group="a list of pairs is opened")
@pytest.mark.parametrize("how", ["many files", "few files"])
def test_opening(benchmark: BenchmarkFixture, stores: dict[str, Store], how: str) -> None:
    opened = benchmark.pedantic(lambda: len(Pairs(stores[how], KEY, DIGESTS, symmetric=False)), rounds=3)
    assert opened == PORTIONS * SHARD
    files: list[Path] = list(stores[how].root.glob("collections/*/*/*.safetensors"))
    benchmark.extra_info |= {"files": len(files), "bytes": sum(path.stat().st_size for path in files)}
