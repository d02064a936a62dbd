"""The whole chain as a user runs it: plan, run, run again, collect, leaderboard, one cell, a failing cell."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import BACKBONE, HERD

Run = Callable[..., subprocess.CompletedProcess[str]]
Rows = Callable[..., list[dict[str, Any]]]

pytestmark = pytest.mark.slow


def test_a_grid_runs_once_and_then_comes_from_the_store(
    harness: Run, rows: Rows, small_grid: Path, tmp_path: Path
) -> None:
    before = json.loads(harness("plan", "--grid", small_grid, "--json").stdout)
    assert len(before["cells"]) == 4
    assert before["stages"]["train"] == {"total": 1, "cached": 0}
    assert before["stages"]["embed"] == {"total": 2, "cached": 0}
    assert before["stages"]["describe"] == {"total": 1, "cached": 0}
    assert before["pairs"] > 0
    assert before["seconds"] > 0

    first = rows("run", "--grid", small_grid)
    assert [row["status"] for row in first] == ["ok"] * 4
    for row in first:
        assert set(row["metrics"]) >= {"R-1", "R-5", "R-10", "BAKS", "BAUS", "AUROC"}
        r1 = row["metrics"]["R-1"]
        assert 0 <= r1["low"] <= r1["value"] <= r1["high"] <= 1
        assert r1["n"] == row["counts"]["n_known"] > 0
        assert row["counts"]["n_new"] == row["counts"]["n_dropped"] > 0
        assert row["metrics"]["R-1"]["value"] <= row["metrics"]["R-10"]["value"]
    by_recipe = {(row["loss"], row["matcher"]): row["metrics"] for row in first}
    for loss in ("none", "arcface"):  # re-ranking inside the shortlist cannot change R-B
        assert by_recipe[loss, "none"]["R-10"] == by_recipe[loss, "mutual-nn[max_keypoints=48]"]["R-10"]

    second = rows("run", "--grid", small_grid)
    assert all(all(row["cached"].values()) for row in second)
    assert [row["metrics"] for row in second] == [row["metrics"] for row in first]
    assert [set(row["seconds"]) for row in second] == [set(row["seconds"]) for row in first]

    after = json.loads(harness("plan", "--grid", small_grid, "--json").stdout)
    assert after["pairs"] == after["bytes"] == 0
    assert all(stage["total"] == stage["cached"] for stage in after["stages"].values())
    table = rows("leaderboard")
    assert [row for row in table if row["kind"] == "cell"] == second
    compared = {(row["backbone"], row["openset"]) for row in table if row["kind"] == "reference"}
    assert compared == {("chance", "none"), ("majority", "never-new"), ("majority", "always-new")}

    text = "".join(path.read_text() for path in (tmp_path / "results").rglob("*") if path.is_file())
    assert str(tmp_path) not in text
    assert re.search(r'"/(?:\w+/)+', text) is None
    assert (tmp_path / "results" / "leaderboard.md").read_text().count("| resnet") == 0  # labels name the plugin
    assert len((tmp_path / "results" / "leaderboard.csv").read_text().splitlines()) == 1 + 4 + 3


def test_a_changed_threshold_trains_nothing(rows: Rows, small_grid: Path) -> None:
    rows("run", "--grid", small_grid, "--only", "loss=arcface")
    again = rows("run", "--grid", small_grid, "--only", "loss=arcface", "--set", "axes.openset=threshold[score=margin]")
    for row in again:
        assert row["cached"]["train"]
        assert row["cached"]["embed"]
        assert not row["cached"]["score"]


FUSIONS = ["replace", "isotonic", "logistic", "rrf", "sum", "k-reciprocal[k1=4,k2=2]"]
RULES = [
    "threshold",
    "fixed[at=0.5]",
    "quantile",
    "equal-error",
    "median-mad",
    "best-product",
    "always-new",
    "never-new",
]


def test_every_fusion_and_rule_runs_and_the_store_serves_them(rows: Rows, small_grid: Path) -> None:
    only = ["--only", "loss=none", "--set", f"axes.fusion={FUSIONS}", "--set", f"axes.openset={RULES}"]
    made = rows("run", "--grid", small_grid, *only)
    done = [row for row in made if row["status"] == "ok"]
    assert {row["fusion"] for row in done} == {*FUSIONS, "none"}
    assert {row["openset"] for row in done} == set(RULES)
    assert {row["reason"] for row in made if row["status"] == "failed"} == set()
    by_ranking: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in done:
        by_ranking.setdefault((row["matcher"], row["fusion"]), []).append(row)
    for group in by_ranking.values():  # a rule decides on a ranking and does not change it
        assert len({json.dumps(row["metrics"]["R-5"]) for row in group}) == 1
        always = next(row for row in group if row["openset"] == "always-new")
        assert [always["metrics"][name]["value"] for name in ("BAKS", "BAUS", "BAKS-BAUS mean")] == [0, 1, 0]
    again = rows("run", "--grid", small_grid, *only)
    assert all(all(row["cached"].values()) for row in again if row["status"] == "ok")


def test_collect_computes_nothing(harness: Run, rows: Rows, small_grid: Path) -> None:
    rows("run", "--grid", small_grid, "--only", "loss=none", "--only", "matcher=none", "--results", "a")
    collected = rows("collect", "--grid", small_grid, "--results", "b")
    assert [(row["loss"], row["matcher"]) for row in collected] == [("none", "none")]


def test_one_cell_from_plain_options(rows: Rows) -> None:
    options = ["--dataset", HERD, "--backbone", BACKBONE, "--loss", "none", "--matcher", "none", "--seed", "3"]
    made = rows(
        "run", *options, "--set", "protocol.validation_images=0.3", "--set", "protocol.validation_individuals=0.3"
    )
    assert [(row["seed"], row["status"], row["openset"]) for row in made] == [(3, "ok", "threshold")]


def test_repeated_options_are_several_cells_and_a_missing_file_skips_only_its_own(rows: Rows) -> None:
    matchers = ["lightglue[weights=gone.safetensors]", "none"]
    options = [word for matcher in matchers for word in ("--matcher", matcher)]
    loss = ["--dataset", HERD, "--backbone", BACKBONE, "--loss", "none", "--openset", "none"]
    made = {row["matcher"]: row for row in rows("run", *loss, *options)}
    assert made["none"]["status"] == "ok"
    (lost,) = (row for name, row in made.items() if name != "none")
    assert lost["status"] == "skipped"
    assert "gone.safetensors does not exist" in lost["reason"]


def test_the_study_protocol_on_a_set_with_a_split_takes_an_explicit_flag(harness: Run, rows: Rows) -> None:
    options = ["--dataset", HERD, "--backbone", BACKBONE, "--loss", "none", "--matcher", "none", "--protocol", "study"]
    refused = harness("run", *options, check=False)
    assert refused.returncode == 1
    assert "protocol.resplit=true" in refused.stderr
    made = rows("run", *options, "--openset", "none", "--set", "protocol.resplit=true")
    assert made[0]["protocol"] == "study+resplit"
    assert made[0]["counts"]["n_known"] + made[0]["counts"]["n_new"] == made[0]["counts"]["n_query"]


def test_a_failing_cell_does_not_stop_the_others(harness: Run, small_grid: Path, tmp_path: Path) -> None:
    done = harness(
        "run", "--grid", small_grid, "--set", "train.lr=1e30", "--only", "matcher=none", "--json", check=False
    )
    assert done.returncode == 1
    states = {row["loss"]: row for row in json.loads(done.stdout)}
    assert states["none"]["status"] == "ok"
    assert states["arcface"]["status"] == "failed"
    assert "not finite" in states["arcface"]["reason"]
    plan = json.loads(harness("plan", "--grid", small_grid, "--set", "train.lr=1e30", "--json").stdout)
    assert plan["stages"]["train"]["cached"] == 0  # a failure is never cached


def test_a_matcher_in_one_new_file_runs_in_the_grid(rows: Rows, small_grid: Path, tmp_path: Path) -> None:
    (tmp_path / "brightest.py").write_text(PLUGIN)
    made = rows(
        "run",
        "--grid",
        small_grid,
        "--plugin",
        "brightest.py",
        "--set",
        "axes.matcher=brightest",
        "--only",
        "loss=none",
    )
    assert [(row["matcher"], row["status"]) for row in made] == [("brightest", "ok")]


PLUGIN = '''
"""A matcher in one file: keypoints of the same rank match where both are strong."""
import numpy as np
from harness import Config, MatcherSpec, PairMatches, hookimpl


class Settings(Config):
    features: str = "sift"
    max_keypoints: int = 32


class Brightest:
    def match(self, pairs):
        return [self._one(min(len(a), len(b))) for a, b in pairs]

    def _one(self, n):
        indices = np.repeat(np.arange(n, dtype=np.int32)[:, None], 2, axis=1)
        return PairMatches(indices, np.ones(n, np.float32), np.ones(n, bool))


@hookimpl
def harness_matchers():
    yield MatcherSpec(name="brightest", version="1", config=Settings, build=lambda config: Brightest())
'''
