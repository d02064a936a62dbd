"""The workbench: computed once, told once, and every stage's seconds are its own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.progress import Quiet
from harness.store import Key, Store, Value
from harness.workbench import Workbench


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def bench(tmp_path: Path, told: list[dict[str, Any]]) -> Workbench:
    return Workbench(Store(tmp_path), Quiet(), lambda **facts: told.append(facts))


def test_a_stage_is_charged_for_its_own_work_only(bench: Workbench) -> None:
    inner, outer, rows = Key("train", {}), Key("score", {}), Key("embed", {})

    def slow(_: Any) -> Value:
        time.sleep(0.2)
        return Value({})

    def nested(_: Any) -> Value:
        bench.fetch(inner, slow)
        bench.fill(rows, ["a"], lambda missing: iter([(missing, {"x": time.sleep(0.2) or np.zeros(1)})]))
        time.sleep(0.05)
        return Value({})

    bench.begin()
    bench.fetch(outer, nested)
    assert bench.tally.seconds["train"] >= 0.2
    assert 0.05 <= bench.tally.seconds["score"] < 0.2


def test_a_failure_leaves_nothing_behind_and_the_next_try_computes(bench: Workbench) -> None:
    key = Key("fuse", {})

    def broken(_: Any) -> Value:
        raise RuntimeError("torn")

    with pytest.raises(RuntimeError):
        bench.fetch(key, broken)
    assert not bench.store.has(key)
    assert bench.fetch(key, lambda _: Value({"x": np.ones(1)})).arrays["x"][0] == 1


def test_a_stage_is_told_once_a_cell_and_cached_the_next_time(bench: Workbench, told: list[dict[str, Any]]) -> None:
    key = Key("retrieve", {})
    for _ in range(2):
        bench.begin()
        bench.fetch(key, lambda _: Value({}))
        bench.fetch(key, lambda _: Value({}))
    assert [(fact["stage"], fact["cached"]) for fact in told] == [("retrieve", False), ("retrieve", True)]


def test_only_missing_rows_are_computed(bench: Workbench) -> None:
    key, asked = Key("match", {}), []

    def compute(missing: list[str]) -> Any:
        asked.append(missing)
        yield missing, {"count": np.arange(len(missing), dtype=np.float32)}

    bench.fill(key, ["aa", "bb"], compute)
    bench.fill(key, ["bb", "cc"], compute)
    bench.fill(key, ["aa", "cc"], compute)
    assert asked == [["aa", "bb"], ["cc"]]
