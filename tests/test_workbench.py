"""The workbench: computed once, told once, and every stage's seconds are its own."""

from __future__ import annotations

import json
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


def noted(bench: Workbench) -> list[Any]:
    return [json.loads(line) for line in bench.timings.path.read_text().splitlines()]


def test_what_the_first_of_a_kind_does_before_its_work_is_noted_apart(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    def embedded(missing: list[str]) -> Any:
        now[0] += 4  # imports, and a network is built
        bench.progress.start(len(missing), "image")
        now[0] += 1
        bench.progress.advance(len(missing))
        yield missing, {"x": np.zeros(len(missing))}

    for name, kind in (("a", "small"), ("b", "small"), ("c", "large")):
        bench.fill(Key("embed", {"of": name}, kind), [name], embedded)
    small = [["embed", 1, 1.0, "small", 4.0], ["embed", 1, 5.0, "small", 0.0]]
    assert noted(bench) == [*small, ["embed", 1, 1.0, "large", 4.0]]


def test_the_first_of_a_stage_without_pieces_is_not_noted(bench: Workbench) -> None:
    for name in "abc":
        bench.fetch(Key("decide", {"of": name}, name), lambda _: Value({}), 30)
    assert [line[:2] + line[3:4] for line in noted(bench)] == [["decide", 30, "b"], ["decide", 30, "c"]]


def test_work_that_was_taken_up_again_is_not_noted_as_whole(bench: Workbench) -> None:
    def trained(checkpoint: Any) -> Value:
        bench.progress.start(1, "image")
        bench.progress.advance()
        return Value({})

    key = Key("train", {"of": "a"})
    bench.store.checkpoint(key).save(b"half")
    bench.fetch(key, trained, 100)
    bench.fetch(Key("train", {"of": "b"}), trained, 100)
    assert len(noted(bench)) == 1
