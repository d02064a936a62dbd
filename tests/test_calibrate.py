"""Calibration: every kind is measured with its real plugins, nothing else stays, and what fails is told."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
from little import fullest, little
from tiny import TinyBackbone

from harness.calibrate import calibrate
from harness.effort import Effort
from harness.expected import SAMPLED, Guess
from harness.grid import Grid
from harness.keys import Keys
from harness.plan import Planner
from harness.registry import Registry
from harness.store import Store


@pytest.fixture
def store(tmp_path: Path, drawn: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("harness.calibrate.ENOUGH", 0.0)
    return Store(Path(shutil.copytree(drawn, tmp_path / "store")))


def guesses(grid: Grid, keys: Keys, store: Store) -> list[Guess]:
    return Planner(grid, keys, store).plan().expected.unmeasured


def files(store: Store) -> set[Path]:
    return {path.relative_to(store.root) for path in store.root.rglob("*")}


def lines(store: Store) -> dict[str, list[Any]]:
    return {line[0]: line for line in map(json.loads, (store.root / "timings.jsonl").read_text().splitlines())}


def test_every_kind_is_measured_and_nothing_else_stays(store: Store) -> None:
    grid, keys = little(store)
    before, told = files(store), tiny.Quiet()
    assert calibrate(guesses(grid, keys, store), keys, store, told) == {}
    assert files(store) - before == {Path("timings.jsonl")}
    assert guesses(grid, keys, store) == []
    assert (told.done, told.total) == (4, 4)
    log, cell = lines(store), fullest(grid)
    assert set(log) == set(SAMPLED) - {"segment"}
    assert log["embed"][1] == log["describe"][1] == 8
    assert log["match"][1] == 4 * 4
    assert log["train"][1] == pytest.approx(Effort(keys).train(cell))  # the whole training, from one step of it
    assert all(line[2] > 0 and line[4] > 0 for line in log.values())


def test_samples_grow_until_they_are_long_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.calibrate.ENOUGH", 1e9)
    grid, keys = little(store)
    embed = [guess for guess in guesses(grid, keys, store) if guess.stage == "embed"]
    calibrate(embed, keys, store, tiny.Quiet())
    images = len(np.unique(keys.data.table.digest))
    assert 8 + 16 <= images < 8 + 16 + 32
    assert lines(store)["embed"][1] == 16


def test_a_plugin_that_fails_is_told_and_the_others_are_measured(store: Store) -> None:
    class Broken(TinyBackbone):
        def module(self) -> Any:
            raise RuntimeError("no such weights")

    grid, keys = little(store, lambda config: Broken())
    failed = calibrate(guesses(grid, keys, store), keys, store, tiny.Quiet())
    assert {guess.stage for guess in failed} == {"train", "embed"}
    assert set(failed.values()) == {"RuntimeError: no such weights"}
    assert set(lines(store)) == {"describe", "match"}


def test_an_interruption_keeps_what_was_measured_and_leaves_nothing(store: Store) -> None:
    class Impatient(tiny.Quiet):
        def advance(self, n: int = 1, note: str = "") -> None:
            super().advance(n, note)
            if self.done == 2:
                raise KeyboardInterrupt

    grid, keys = little(store)
    before = files(store)
    with pytest.raises(KeyboardInterrupt):
        calibrate(guesses(grid, keys, store), keys, store, Impatient())
    assert files(store) - before == {Path("timings.jsonl")}
    assert len(lines(store)) == 2


@pytest.mark.parametrize("loss", ["triplet", "softmax-species"])
def test_losses_that_need_certain_labels_can_be_sampled(store: Store, loss: str) -> None:
    grid, keys = little(store)
    cell = replace(fullest(grid), loss=Registry.load().resolve("loss", loss))
    assert calibrate([Guess("train", "k", cell)], keys, store, tiny.Quiet()) == {}
    assert lines(store)["train"][3] == "k"


def test_a_segmenter_is_measured_apart_from_the_features_that_it_masks(store: Store) -> None:
    grid, keys = little(store)
    features = Registry.load().resolve("features", "sift[max_keypoints=48,mask=keypoints,segmenter=grabcut]")
    masked = replace(grid, cells=(replace(fullest(grid), features=features),))
    asked = [guess for guess in guesses(masked, keys, store) if guess.stage in ("segment", "describe")]
    assert [guess.stage for guess in asked] == ["segment", "describe"]
    assert calibrate(asked, keys, store, tiny.Quiet()) == {}
    assert [lines(store)[stage][1] for stage in ("segment", "describe")] == [8, 8]
    assert lines(store)["segment"][3] == "grabcut on synthetic-herd[individuals=8,images=2,size=64]"
